/* Finds songs in a text. Songs are contiguous, so an array of their starts describes them, and a
 * song ends where the next one begins. */
#include "corpus/songs.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "corpus/decode.h"
#include "corpus/visible.h"

static lyrnn_status add_start(lyrnn_corpus *corpus, const char *name, size_t start)
{
    if (corpus->num_songs >= corpus->starts_capacity) {
        size_t capacity = corpus->num_songs == 0 ? 1 : 2 * corpus->num_songs;
        size_t bytes = capacity * sizeof *corpus->starts;
        size_t *starts = realloc(corpus->starts, bytes);
        if (starts == NULL)
            return lyrnn_out_of_memory(name, bytes, "give less text");
        corpus->starts = starts;
        corpus->starts_capacity = capacity;
    }
    corpus->starts[corpus->num_songs++] = start;
    return LYRNN_OK;
}

lyrnn_status songs_begin(lyrnn_corpus *corpus, const char *name)
{
    if (corpus->N > 0 && corpus->chars[corpus->N - 1] != '\n')
        LYRNN_TRY(lyrnn_corpus_append_text(corpus, name, "\n", 1, &(lyrnn_corpus_rules){0}));
    return add_start(corpus, name, corpus->N);
}

size_t songs_end(const lyrnn_corpus *corpus, size_t song)
{
    return song + 1 < corpus->num_songs ? corpus->starts[song + 1] : corpus->N;
}

bool songs_pass_line(const lyrnn_corpus *corpus, size_t end, size_t *position)
{
    bool has_text = false;
    while (*position < end && corpus->chars[*position] != '\n')
        has_text = text_is_visible(corpus->chars[(*position)++]) || has_text;
    *position += *position < end;
    return has_text;
}

lyrnn_status songs_split_last(lyrnn_corpus *corpus, const char *name)
{
    bool has_ended = false, is_in_first = false;
    for (size_t i = corpus->starts[corpus->num_songs - 1]; i < corpus->N;) {
        size_t begin = i;
        bool has_text = songs_pass_line(corpus, corpus->N, &i);
        if (has_text && has_ended)
            LYRNN_TRY(add_start(corpus, name, begin));
        is_in_first = is_in_first || has_text;
        has_ended = !has_text && is_in_first;
    }
    return LYRNN_OK;
}

void songs_keep(lyrnn_corpus *corpus, const bool *is_kept)
{
    size_t N = 0, num_songs = 0;
    for (size_t song = 0; song < corpus->num_songs; song++) {
        size_t begin = corpus->starts[song], end = songs_end(corpus, song);
        if (!is_kept[song])
            continue;
        memmove(corpus->chars + N, corpus->chars + begin, (end - begin) * sizeof *corpus->chars);
        corpus->starts[num_songs++] = N;
        N += end - begin;
    }
    corpus->num_songs = num_songs;
    corpus->N = N;
}

lyrnn_songs lyrnn_corpus_song_unit(const lyrnn_corpus *corpus, lyrnn_songs asked)
{
    const lyrnn_corpus_counts *counts = &corpus->counts;
    if (asked != LYRNN_SONGS_AUTO)
        return asked;
    if (counts->num_paragraph_songs == 0)
        return LYRNN_SONGS_FILE;
    return counts->num_file_songs + counts->num_lrc_songs + counts->num_json_songs == 0
               ? LYRNN_SONGS_BLANK_LINE
               : LYRNN_SONGS_AUTO;
}

void songs_cut(lyrnn_corpus *corpus, size_t N)
{
    corpus->N = N;
    while (corpus->num_songs > 0 && corpus->starts[corpus->num_songs - 1] >= N)
        corpus->num_songs--;
}
