/* The options that say how a corpus is read, for the member `text` (lyrnn_corpus_rules) of the
 * struct `fields`. MACHINE_OPTIONS of machine.h works in the same way. */
#ifndef LYRNN_CLI_READING_H
#define LYRNN_CLI_READING_H

#include "cli/options/options.h"
#include "lyrnn/corpus.h"

/* What a CORPUS may be, for man pages. */
#define READING_DETAIL                                                                             \
    "A CORPUS is a file (text, LRC, JSON or JSONL), a folder, an archive (zip, 7z, tar) or - for " \
    "standard input; several are read in order. A folder or an archive gives its files *.txt, "    \
    "*.lrc, *.json, *.jsonl and *.ndjson, and a folder also its archives. Files without text are " \
    "skipped. Archives need libarchive and --script needs OpenCC; lyrnn info says which of them "  \
    "this lyrnn has."

/* What the bytes of the files are. if_missing is what a run did before there was the option. */
#define READING_SOURCE_OPTIONS(fields, text)                                                       \
    {.kind = OPTION_CHOICE,                                                                        \
     .name = "encoding",                                                                           \
     .metavar = LYRNN_ENCODING_WORDS,                                                              \
     .help = "how the files are encoded; auto: each by its bytes",                                 \
     .offset = offsetof(fields, text.encoding),                                                    \
     .fallback = "auto",                                                                           \
     .if_missing = "utf-8",                                                                        \
     .detail = "A file that is not UTF-8 is named on standard error, with what it was read "       \
               "as."},                                                                             \
        {.kind = OPTION_TEXT,                                                                      \
         .name = "json-field",                                                                     \
         .metavar = "NAME",                                                                        \
         .help = "member of a JSON object that holds the text",                                    \
         .offset = offsetof(fields, text.json_field),                                              \
         .detail = "Without it: the first of paragraphs, lyrics, lyric, text, content and lines "  \
                   "that has one."},                                                               \
    {                                                                                              \
        .kind = OPTION_SIZE, .name = "max-bytes", .metavar = "N",                                  \
        .help = "refuse an archive that unpacks to more bytes",                                    \
        .offset = offsetof(fields, text.max_bytes), .fallback = "1073741824", .min = "1",          \
        .max = "1000000000000", .may_change = true, .if_missing = "1073741824",                    \
        .detail = "It is the limit of all archives together."                                      \
    }

/* All of them. */
#define READING_OPTIONS(fields, text)                                                              \
    {OPTION_HEADING, .help = "Lyrics:"}, READING_SOURCE_OPTIONS(fields, text),                     \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "songs",                                                                          \
         .metavar = LYRNN_SONGS_WORDS,                                                             \
         .help = "what a song is in a text file",                                                  \
         .offset = offsetof(fields, text.songs),                                                   \
         .fallback = "auto",                                                                       \
         .if_missing = "none",                                                                     \
         .detail = "file: each file is one. blank-line: each paragraph is one; blank lines "       \
                   "separate them. none: the whole text is one. auto: a file below 64 KiB is one " \
                   "if there are several, and otherwise each paragraph is one."},                  \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "script",                                                                         \
         .metavar = LYRNN_SCRIPT_WORDS,                                                            \
         .help = "convert Chinese characters to one script",                                       \
         .offset = offsetof(fields, text.script),                                                  \
         .fallback = "keep",                                                                       \
         .if_missing = "keep"},                                                                    \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "width",                                                                          \
         .metavar = LYRNN_WIDTH_WORDS,                                                             \
         .help = "make full-width letters, digits and spaces ASCII, or keep them",                 \
         .offset = offsetof(fields, text.width),                                                   \
         .fallback = "half",                                                                       \
         .if_missing = "keep",                                                                     \
         .detail = "Punctuation keeps its width in both cases. --normalize none keeps all."},      \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "normalize",                                                                      \
         .metavar = LYRNN_NORMALIZE_WORDS,                                                         \
         .help = "clean the text, only compose it, or keep it",                                    \
         .offset = offsetof(fields, text.normalize),                                               \
         .fallback = "clean",                                                                      \
         .if_missing = "none",                                                                     \
         .detail =                                                                                 \
             "nfc is Unicode's form C: é is one character, however the text spells it. It also "  \
             "drops byte order marks inside the text. clean does that, drops control characters "  \
             "and characters without width, makes several spaces one, and drops spaces at the "    \
             "end of a line. The model remembers it for all texts that it is given."},             \
        {.kind = OPTION_CHOICE,                                                                    \
         .name = "repeats",                                                                        \
         .metavar = LYRNN_REPEATS_WORDS,                                                           \
         .help = "keep stanzas that a song repeats, or only the first of each",                    \
         .offset = offsetof(fields, text.repeats),                                                 \
         .fallback = "keep",                                                                       \
         .if_missing = "keep",                                                                     \
         .detail = "A stanza has at least two lines, and blank lines separate them."},             \
        {.kind = OPTION_FLAG,                                                                      \
         .name = "keep-duplicates",                                                                \
         .help = "keep copies of a whole song, also those that differ a little",                   \
         .offset = offsetof(fields, text.keep_duplicates),                                         \
         .detail = "Without it a song is dropped if another one has 80 % of its runs of 8 "        \
                   "characters. Paragraphs of a single small text are kept in any case, because "  \
                   "they may be the choruses of one song; --songs blank-line says that they are "  \
                   "songs."},                                                                      \
        {.kind = OPTION_SIZE,                                                                      \
         .name = "min-count",                                                                      \
         .metavar = "N",                                                                           \
         .help = "drop lines with a character that occurs less often",                             \
         .offset = offsetof(fields, text.min_count),                                               \
         .fallback = "1",                                                                          \
         .min = "0",                                                                               \
         .max = "1000000",                                                                         \
         .if_missing = "1"},                                                                       \
        {.kind = OPTION_SIZE,                                                                      \
         .name = "max-chars",                                                                      \
         .metavar = "N",                                                                           \
         .help = "read only the first N characters; 0: all",                                       \
         .offset = offsetof(fields, text.max_chars),                                               \
         .fallback = "0",                                                                          \
         .min = "0",                                                                               \
         .max = "1000000000000"},                                                                  \
    {                                                                                              \
        .kind = OPTION_CHOICE, .name = "newlines", .metavar = LYRNN_NEWLINES_WORDS,                \
        .help = "keep line ends, or read each as a space",                                         \
        .offset = offsetof(fields, text.newlines), .fallback = "keep",                             \
        .detail = "space is what the tutorial does. Such a model knows no lines."                  \
    }

#endif
