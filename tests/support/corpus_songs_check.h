/* A corpus of songs from texts, and back. */
#ifndef CORPUS_SONGS_CHECK_H
#define CORPUS_SONGS_CHECK_H

#include <string.h>

#include "corpus/songs.h"
#include "corpus_check.h"

/* Each text is one song; the list ends in NULL. */
static inline lyrnn_corpus corpus_of_songs(const char *const *songs)
{
    lyrnn_corpus corpus = {0};
    for (; *songs != NULL; songs++) {
        assert_int_equal(songs_begin(&corpus, "song"), LYRNN_OK);
        assert_int_equal(lyrnn_corpus_append_text(&corpus, "song", *songs, strlen(*songs),
                                                  &(lyrnn_corpus_rules){0}),
                         LYRNN_OK);
    }
    return corpus;
}

static inline void assert_songs(const lyrnn_corpus *corpus, const char *const *songs)
{
    lyrnn_corpus expected = corpus_of_songs(songs);
    assert_int_equal(corpus->num_songs, expected.num_songs);
    assert_chars(corpus, expected.chars, expected.N);
    if (expected.num_songs > 0)
        assert_memory_equal(corpus->starts, expected.starts,
                            expected.num_songs * sizeof *expected.starts);
    lyrnn_corpus_free(&expected);
}

#define SONGS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
