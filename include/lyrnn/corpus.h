/* A text as the trainer sees it: one array of Unicode code points.
 *
 * A corpus comes from files, folders, archives and streams, which are read in order. Each of their
 * texts is decoded without loss; a byte order mark at its start is dropped, and CR LF, and a CR on
 * its own, count as one newline. What else changes is up to the rules. A corpus is divided into
 * songs, the units of training. host/corpus/README.md has the steps. */
#ifndef LYRNN_CORPUS_H
#define LYRNN_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/status.h"

/* The names of the values of each enumeration, in their order. The command line and files use
 * them. */
#define LYRNN_NEWLINES_WORDS  "keep|space"
#define LYRNN_NORMALIZE_WORDS "clean|nfc|none"
#define LYRNN_ENCODING_WORDS  "auto|utf-8|gb18030|big5|utf-16"
#define LYRNN_SONGS_WORDS     "auto|file|blank-line|none"
#define LYRNN_SCRIPT_WORDS    "keep|simplified|traditional"
#define LYRNN_WIDTH_WORDS     "half|keep"
#define LYRNN_REPEATS_WORDS   "keep|once"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_NEWLINES_KEEP, /* a newline is a character like any other */
    LYRNN_NEWLINES_SPACE /* each newline becomes one space, as in the tutorial */
} lyrnn_newlines;

typedef enum {
    /* Form C, and for files (not for prompts): control characters and characters without width are
     * dropped, several spaces become one, and spaces at the end of a line are dropped. */
    LYRNN_NORMALIZE_CLEAN,
    /* Form C (Unicode Standard Annex #15): composed and decomposed characters are the same. Byte
     * order marks (U+FEFF) inside the text are dropped, and among several files those without any
     * visible character. */
    LYRNN_NORMALIZE_NFC,
    LYRNN_NORMALIZE_NONE /* characters as they are, also full-width ones */
} lyrnn_normalize;

typedef enum {
    LYRNN_ENCODING_AUTO, /* UTF-8, or what the bytes show */
    LYRNN_ENCODING_UTF8,
    LYRNN_ENCODING_GB18030,
    LYRNN_ENCODING_BIG5,
    LYRNN_ENCODING_UTF16
} lyrnn_encoding;

/* What a song is. An LRC file and an object of a JSON file are one song each, except by
 * LYRNN_SONGS_NONE. */
typedef enum {
    /* A text file below 64 KiB among several files is a song. Any other text has one song in each
     * paragraph, which blank lines end. */
    LYRNN_SONGS_AUTO,
    LYRNN_SONGS_FILE,
    LYRNN_SONGS_BLANK_LINE,
    LYRNN_SONGS_NONE /* the whole text is one */
} lyrnn_songs;

typedef enum { LYRNN_SCRIPT_KEEP, LYRNN_SCRIPT_SIMPLIFIED, LYRNN_SCRIPT_TRADITIONAL } lyrnn_script;

typedef enum {
    LYRNN_WIDTH_HALF, /* full-width letters, digits and spaces of files become ASCII */
    LYRNN_WIDTH_KEEP
} lyrnn_width;

typedef enum {
    LYRNN_REPEATS_KEEP,
    LYRNN_REPEATS_ONCE /* a stanza that was in the same song before is dropped */
} lyrnn_repeats;

/* The value of a word of LYRNN_NORMALIZE_WORDS. A NULL or unknown name means none: texts were not
 * normalized before there was a name for it. */
lyrnn_normalize lyrnn_normalize_of_name(const char *name);

/* How texts are read. A zeroed struct is fine: it has the default of each rule. */
typedef struct {
    lyrnn_encoding encoding;
    lyrnn_songs songs;
    lyrnn_script script;
    lyrnn_width width;
    lyrnn_normalize normalize;
    lyrnn_repeats repeats;
    bool keep_duplicates;   /* keep copies of a whole song */
    size_t min_count;       /* drop lines with a character that the text has less often */
    const char *json_field; /* which member of a JSON object is the text; NULL: the usual ones */
    size_t max_bytes;       /* the maximum that an archive may unpack to; 0: 1 GiB */
    size_t max_chars;       /* keep only the first so many characters of the whole; 0: all */
    lyrnn_newlines newlines;
    bool is_plain_text; /* no path is of a folder, an archive, LRC or JSON */
    /* The command line names the files: they may be pipes, and "-" is standard input. Otherwise
     * only regular files and folders are read. */
    bool is_named_by_user;
    /* Gets a line if the text is awaited from a terminal, if files are skipped, and for each kind
     * of change to the text; NULL: none. */
    FILE *log;
} lyrnn_corpus_rules;

/* The maximum number of bytes of one text, and of characters of a corpus: ids and positions are
 * int32_t. */
#define LYRNN_MAX_TEXT INT32_MAX

/* What a file can be encoded in, and the names. */
enum { LYRNN_NUM_ENCODINGS = 7 };
extern const char *const lyrnn_encoding_names[LYRNN_NUM_ENCODINGS];

/* What was read and what was changed, in all documents. */
typedef struct {
    size_t num_text_files, num_lrc_files, num_json_files; /* those without text do not count */
    /* The same files by their encoding. */
    size_t num_in[LYRNN_NUM_ENCODINGS];
    /* Songs by what they are, before any is dropped. */
    size_t num_file_songs, num_paragraph_songs, num_lrc_songs, num_json_songs;
    /* Characters that were dropped. */
    size_t num_marks; /* byte order marks inside the text */
    size_t num_controls, num_invisible, num_spaces;
    /* Characters that were changed. */
    size_t num_separators; /* line separators other than newlines */
    size_t num_full_width, num_other_script;
    /* What was dropped from LRC files. */
    size_t num_lrc_tags, num_lrc_credits, num_lrc_translations;
    size_t num_lrc_names; /* of singers, before lines that stay */
    /* What was dropped from JSON files: songs without text, and objects that are no song. */
    size_t num_json_empty, num_json_without_text;
    /* What was dropped from the whole corpus. */
    size_t num_repeated_stanzas, num_repeated_chars;
    size_t num_copied_songs, num_copied_chars; /* of num_compared_chars */
    size_t num_compared_chars;
    size_t num_rare_chars, num_rare_lines, num_rare_songs;
} lyrnn_corpus_counts;

typedef struct {
    uint32_t *chars; /* (N) code points, owned */
    size_t N;        /* up to LYRNN_MAX_TEXT */
    size_t capacity; /* of chars; what appends to them keeps it */
    /* (num_songs) where songs begin, owned: song s is chars[starts[s]] to chars[starts[s + 1] - 1],
     * with the newlines after it; the last one ends at N. starts[0] is 0, and no song is empty. A
     * text that was loaded has at least one. */
    size_t *starts;
    size_t num_songs;
    size_t starts_capacity; /* of starts; what adds to them keeps it */
    /* By LYRNN_SONGS_AUTO the songs are paragraphs of the only text, which is small, and so perhaps
     * stanzas of one song. Copies among them may be its chorus, and are kept. */
    bool may_be_stanzas;
    lyrnn_corpus_counts counts;
} lyrnn_corpus;

/* Decodes num_bytes of UTF-8 by the rules of newlines and normalize, without cleaning it, and
 * appends them to corpus, which has no songs; a zeroed corpus is empty. name describes the text in
 * errors, for example "lyrics.txt" or "--prefix". On failure corpus keeps what it had.
 * LYRNN_ERR_CORPUS names the offset of the bad byte. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_corpus_append_text(lyrnn_corpus *corpus, const char *name, const char *bytes,
                                      size_t num_bytes, const lyrnn_corpus_rules *rules);

/* Reads num_paths paths (at least 1) in order: files, archives, and folders, which stand for the
 * texts in them. Texts that are empty are skipped if there are others. If files cannot be read, the
 * error names all of them. LYRNN_ERR_USAGE: standard input is named twice. LYRNN_ERR_IO: a file
 * cannot be read, is too large, or is of a kind that the rules do not allow. LYRNN_ERR_CORPUS: a
 * file is not text, all are empty, or the corpus has fewer than two distinct characters.
 * LYRNN_ERR_MEMORY. On failure corpus is empty. The caller frees corpus; this holds for the
 * functions below as well. */
lyrnn_status lyrnn_corpus_load(lyrnn_corpus *corpus, const char *const *paths, size_t num_paths,
                               const lyrnn_corpus_rules *rules);

/* Reads one path by the same rules. One character is enough: the text is not for training. */
lyrnn_status lyrnn_corpus_load_file(lyrnn_corpus *corpus, const char *path,
                                    const lyrnn_corpus_rules *rules);

/* Loads the lyrics that the program embeds, by the rules of lyrnn_corpus_load. */
lyrnn_status lyrnn_corpus_load_sample(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules);

/* What its songs are where the rules say LYRNN_SONGS_AUTO: LYRNN_SONGS_FILE if no paragraph is one,
 * LYRNN_SONGS_BLANK_LINE if all are paragraphs. Otherwise returns `asked`. */
lyrnn_songs lyrnn_corpus_song_unit(const lyrnn_corpus *corpus, lyrnn_songs asked);

/* Logs one line that says how many songs there are and what they are, if there are several. */
void lyrnn_corpus_log_songs(const lyrnn_corpus *corpus, FILE *log);

/* Writes the hash of the text in hexadecimal: XXH3 with 128 bits over the N code points as
 * little-endian 32-bit numbers. For the text as lyrnn has it, this command prints the same:
 *     iconv -t UTF-32LE | xxhsum -H2
 * The hash tells texts apart; it does not protect against forgery. */
enum { LYRNN_CORPUS_HASH_SIZE = 33 };
void lyrnn_corpus_hash(const lyrnn_corpus *corpus, char text[LYRNN_CORPUS_HASH_SIZE]);

/* The maximum number of bytes that the UTF-8 form of one character takes, without a terminator. */
enum { LYRNN_UTF8_MAX = 4 };

/* Writes the UTF-8 form of a code point, unterminated, and returns its length in bytes. */
size_t lyrnn_utf8_encode(uint32_t c, char utf8[LYRNN_UTF8_MAX]);

/* Writes a name of the character, for example "好 (U+597D)". A character that is not visible, for
 * example a newline, is named by its code point only. size counts the terminator;
 * LYRNN_CHAR_NAME_BYTES are always enough. Returns the name's length. */
enum { LYRNN_CHAR_NAME_BYTES = 24 };
size_t lyrnn_char_name(uint32_t c, char *name, size_t size);

/* Accepts a zeroed corpus. */
void lyrnn_corpus_free(lyrnn_corpus *corpus);

#ifdef __cplusplus
}
#endif
#endif
