/* A document is decoded, its kind decides where its songs are, and each song is appended. Songs are
 * found before anything removes newlines, because blank lines separate them. */
#include "corpus/document.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/decode.h"
#include "corpus/document_kind.h"
#include "corpus/json_songs.h"
#include "corpus/lrc.h"
#include "corpus/song_sink.h"
#include "corpus/songs.h"
#include "corpus/visible.h"

/* A song is smaller, and a file that is larger is a collection. */
enum { SMALL_FILE = 64 * 1024 };

/* What document_append was called with. */
typedef struct {
    lyrnn_corpus *corpus;
    const document *given;
    const lyrnn_corpus_rules *rules;
} appending;

/* Appends the characters of a text, newlines included. */
static lyrnn_status append_text(const appending *to, const char *utf8, size_t num_bytes)
{
    size_t bad;
    lyrnn_corpus_rules with_newlines = *to->rules;
    with_newlines.newlines = LYRNN_NEWLINES_KEEP;
    LYRNN_TRY(text_decode(to->corpus, to->given->name, utf8, num_bytes, &with_newlines, &bad));
    LYRNN_CHECK(bad == num_bytes);
    return LYRNN_OK;
}

/* Appends a song without its title, which an LRC file has only for players. A song without visible
 * text is none. */
static lyrnn_status append_song(void *context, const char *title, const char *utf8,
                                size_t num_bytes)
{
    (void)title;
    const appending *to = context;
    lyrnn_corpus *corpus = to->corpus;
    size_t before = corpus->N;
    LYRNN_TRY(songs_begin(corpus, to->given->name));
    size_t begin = corpus->N;
    LYRNN_TRY(append_text(to, utf8, num_bytes));
    if (!text_has_visible(corpus->chars + begin, corpus->N - begin))
        songs_cut(corpus, before);
    return LYRNN_OK;
}

/* Appends a song of a JSON file. Its title is the first line, as people write songs in text
 * files. */
static lyrnn_status append_titled(void *context, const char *title, const char *utf8,
                                  size_t num_bytes)
{
    const appending *to = context;
    lyrnn_corpus *corpus = to->corpus;
    size_t num_songs = corpus->num_songs;
    if (title == NULL || title[0] == '\0')
        return append_song(context, NULL, utf8, num_bytes);
    LYRNN_TRY(songs_begin(corpus, to->given->name));
    LYRNN_TRY(append_text(to, title, strlen(title)));
    LYRNN_TRY(append_song(context, NULL, utf8, num_bytes));
    if (corpus->num_songs > num_songs + 1)
        corpus->num_songs--; /* the title and the text are one song */
    else
        songs_cut(corpus, corpus->starts[num_songs]);
    return LYRNN_OK;
}

static void add_lrc_counts(lyrnn_corpus_counts *counts, const lrc_counts *lrc)
{
    counts->num_lrc_tags += lrc->num_headers + lrc->num_word_times;
    counts->num_lrc_credits += lrc->num_credits;
    counts->num_lrc_translations += lrc->num_translations;
    counts->num_lrc_names += lrc->num_speakers;
}

static lyrnn_status append_lrc(appending *to)
{
    const lyrnn_bytes *bytes = to->given->bytes;
    const song_sink sink = {append_song, to};
    lrc_counts lrc = {0};
    lyrnn_corpus_counts *counts = &to->corpus->counts;
    size_t num_songs = to->corpus->num_songs;
    LYRNN_TRY(lrc_read(to->given->name, bytes->data, bytes->num, &sink, &lrc));
    counts->num_lrc_files += to->corpus->num_songs > num_songs;
    counts->num_lrc_songs += to->corpus->num_songs - num_songs;
    add_lrc_counts(counts, &lrc);
    return LYRNN_OK;
}

static lyrnn_status append_json(appending *to, bool is_lines)
{
    const lyrnn_bytes *bytes = to->given->bytes;
    const json_songs_rules rules = {.field = to->rules->json_field, .is_lines = is_lines};
    const song_sink sink = {append_titled, to};
    json_songs_counts json = {0};
    lyrnn_corpus_counts *counts = &to->corpus->counts;
    size_t num_songs = to->corpus->num_songs;
    LYRNN_TRY(json_songs_read(to->given->name, bytes->data, bytes->num, &rules, &sink, &json));
    counts->num_json_files += to->corpus->num_songs > num_songs;
    counts->num_json_songs += to->corpus->num_songs - num_songs;
    counts->num_json_empty += json.num_empty;
    counts->num_json_without_text += json.num_without_text;
    add_lrc_counts(counts, &json.lrc);
    return LYRNN_OK;
}

/* Bytes of a text whose newlines are single characters. A file with CR LF is as large as the same
 * text without CR. */
static size_t size_of_text(const lyrnn_bytes *bytes)
{
    size_t num = bytes->num;
    for (size_t i = 0; i + 1 < bytes->num; i++)
        num -= bytes->data[i] == '\r' && bytes->data[i + 1] == '\n';
    return num;
}

static bool has_song_in_paragraphs(const document *given, const lyrnn_corpus_rules *rules)
{
    bool may_be_song = given->is_file && size_of_text(given->bytes) < SMALL_FILE;
    return rules->songs == LYRNN_SONGS_BLANK_LINE ||
           (rules->songs == LYRNN_SONGS_AUTO && !may_be_song);
}

static lyrnn_status append_plain(const appending *to)
{
    lyrnn_corpus *corpus = to->corpus;
    size_t before = corpus->N, num_songs = corpus->num_songs;
    LYRNN_TRY(songs_begin(corpus, to->given->name));
    size_t begin = corpus->N;
    LYRNN_TRY(append_text(to, to->given->bytes->data, to->given->bytes->num));
    if (corpus->N == begin) {
        songs_cut(corpus, before);
        return LYRNN_OK;
    }
    corpus->counts.num_text_files++;
    if (!has_song_in_paragraphs(to->given, to->rules)) {
        corpus->counts.num_file_songs++;
        return LYRNN_OK;
    }
    LYRNN_TRY(songs_split_last(corpus, to->given->name));
    corpus->counts.num_paragraph_songs += corpus->num_songs - num_songs;
    return LYRNN_OK;
}

/* Appends a document in UTF-8. */
static lyrnn_status append_utf8(appending *to)
{
    switch (to->rules->is_plain_text ? DOCUMENT_TEXT : document_kind_of(to->given)) {
    case DOCUMENT_LRC:
        return append_lrc(to);
    case DOCUMENT_JSON:
        return append_json(to, false);
    case DOCUMENT_JSONL:
        return append_json(to, true);
    case DOCUMENT_TEXT:
        break;
    }
    return append_plain(to);
}

lyrnn_status document_append(lyrnn_corpus *corpus, const document *given,
                             const lyrnn_corpus_rules *rules, text_encoding *encoding)
{
    lyrnn_bytes utf8;
    document decoded = *given;
    appending to = {corpus, &decoded, rules};
    LYRNN_TRY(text_to_utf8(given->name, given->bytes, rules->encoding, &utf8, encoding));
    if (utf8.data != NULL)
        decoded.bytes = &utf8;
    lyrnn_status status = append_utf8(&to);
    free(utf8.data);
    return status;
}

/* One small file is a song if there are others: a folder of songs. The only file of a corpus is
 * more likely a collection, because one song is too little to learn from. */
static lyrnn_status split_only_file(lyrnn_corpus *corpus)
{
    LYRNN_TRY(songs_split_last(corpus, "corpus"));
    corpus->counts.num_file_songs = 0;
    corpus->counts.num_paragraph_songs = corpus->num_songs;
    return LYRNN_OK;
}

static bool is_small(const lyrnn_corpus *corpus)
{
    size_t num_bytes = 0;
    char utf8[LYRNN_UTF8_MAX];
    for (size_t i = 0; i < corpus->N && num_bytes < SMALL_FILE; i++)
        num_bytes += lyrnn_utf8_encode(corpus->chars[i], utf8);
    return num_bytes < SMALL_FILE;
}

lyrnn_status document_find_songs(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    if (rules->songs == LYRNN_SONGS_NONE)
        corpus->num_songs = 1;
    if (rules->songs == LYRNN_SONGS_AUTO && corpus->num_songs == 1 &&
        corpus->counts.num_file_songs == 1)
        LYRNN_TRY(split_only_file(corpus));
    const lyrnn_corpus_counts *counts = &corpus->counts;
    bool is_only_text =
        counts->num_text_files == 1 && counts->num_lrc_files + counts->num_json_files == 0;
    corpus->may_be_stanzas = rules->songs == LYRNN_SONGS_AUTO && is_only_text && is_small(corpus);
    return LYRNN_OK;
}

void document_finish(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    if (rules->max_chars > 0 && corpus->N > rules->max_chars)
        songs_cut(corpus, rules->max_chars);
    for (size_t i = 0; i < corpus->N && rules->newlines == LYRNN_NEWLINES_SPACE; i++)
        if (corpus->chars[i] == '\n')
            corpus->chars[i] = ' ';
}
