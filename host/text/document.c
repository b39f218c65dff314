/* A document becomes songs before anything removes newlines, because blank lines separate
 * songs. */
#include "text/document.h"

#include <stdlib.h>

#include "text/decode.h"
#include "text/encoding.h"
#include "text/songs.h"

/* A song is smaller, and a file that is larger is a collection. */
enum { SMALL_FILE = 64 * 1024 };

static bool has_song_in_paragraphs(const document *given, const lyrnn_corpus_rules *rules)
{
    bool may_be_song = given->is_file && given->bytes->num < SMALL_FILE;
    return rules->songs == LYRNN_SONGS_BLANK_LINE ||
           (rules->songs == LYRNN_SONGS_AUTO && !may_be_song);
}

/* Appends the characters of a text, newlines included. */
static lyrnn_status append_text(lyrnn_corpus *corpus, const document *given,
                                const lyrnn_corpus_rules *rules)
{
    size_t bad;
    const lyrnn_bytes *bytes = given->bytes;
    lyrnn_corpus_rules with_newlines = *rules;
    with_newlines.newlines = LYRNN_NEWLINES_KEEP;
    LYRNN_TRY(text_decode(corpus, given->name, bytes->data, bytes->num, &with_newlines, &bad));
    LYRNN_CHECK(bad == bytes->num);
    return LYRNN_OK;
}

static lyrnn_status append_utf8(lyrnn_corpus *corpus, const document *given,
                                const lyrnn_corpus_rules *rules)
{
    size_t before = corpus->N, num_songs = corpus->num_songs;
    LYRNN_TRY(songs_begin(corpus, given->name));
    size_t begin = corpus->N;
    LYRNN_TRY(append_text(corpus, given, rules));
    if (corpus->N == begin) {
        songs_cut(corpus, before);
        return LYRNN_OK;
    }
    corpus->counts.num_files++;
    if (!has_song_in_paragraphs(given, rules)) {
        corpus->counts.num_file_songs++;
        return LYRNN_OK;
    }
    LYRNN_TRY(songs_split_last(corpus, given->name));
    corpus->counts.num_paragraph_songs += corpus->num_songs - num_songs;
    return LYRNN_OK;
}

lyrnn_status document_append(lyrnn_corpus *corpus, const document *given,
                             const lyrnn_corpus_rules *rules)
{
    lyrnn_bytes utf8;
    text_encoding found;
    LYRNN_TRY(text_to_utf8(given->name, given->bytes, rules->encoding, &utf8, &found));
    text_encoding_log(&found, given->name, rules->log);
    document converted = *given;
    if (utf8.data != NULL)
        converted.bytes = &utf8;
    lyrnn_status status = append_utf8(corpus, &converted, rules);
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

lyrnn_status document_find_songs(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules)
{
    if (rules->songs == LYRNN_SONGS_NONE)
        corpus->num_songs = 1;
    if (rules->songs == LYRNN_SONGS_AUTO && corpus->num_songs == 1 &&
        corpus->counts.num_file_songs == 1)
        return split_only_file(corpus);
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
