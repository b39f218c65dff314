/* What the tests of parsers share: a sink that keeps the songs of a document as one text. */
#ifndef SONGS_CHECK_H
#define SONGS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "corpus/song_sink.h"

/* The songs as TITLE{TEXT}, one after the other; "" if there are none. */
typedef struct {
    char text[4096];
    size_t num_songs, num_bytes;
} kept_songs;

static inline void keep_bytes(kept_songs *songs, const char *bytes, size_t num_bytes)
{
    size_t length = strlen(songs->text);
    size_t num_kept =
        num_bytes < sizeof songs->text - 1 - length ? num_bytes : sizeof songs->text - 1 - length;
    memcpy(songs->text + length, bytes, num_kept);
    songs->text[length + num_kept] = '\0';
}

static inline lyrnn_status keep_song(void *context, const char *title, const char *utf8,
                                     size_t num_bytes)
{
    kept_songs *songs = context;
    songs->num_songs++;
    songs->num_bytes += num_bytes;
    keep_bytes(songs, title != NULL ? title : "", title != NULL ? strlen(title) : 0);
    keep_bytes(songs, "{", 1);
    keep_bytes(songs, utf8, num_bytes);
    keep_bytes(songs, "}", 1);
    return LYRNN_OK;
}

/* A copy without a spare byte, so that a sanitizer sees a read past its end. */
static inline char *copy_exactly(const char *text, size_t num_bytes)
{
    char *copy = malloc(num_bytes > 0 ? num_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, num_bytes);
    return copy;
}

#endif
