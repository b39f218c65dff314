/* Where a parser puts the songs of a document: lrc.c and json_songs.c call it, document.c owns
 * it. */
#ifndef LYRNN_SONG_SINK_H
#define LYRNN_SONG_SINK_H

#include <stddef.h>

#include "lyrnn/status.h"

typedef struct {
    /* Takes one song, which it copies. title is NULL if there is none. utf8 is text without a
     * terminator. */
    lyrnn_status (*song)(void *context, const char *title, const char *utf8, size_t num_bytes);
    void *context;
} song_sink;

#endif
