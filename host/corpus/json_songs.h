/* Songs in JSON, or in JSONL, which has one value on each line. chinese-poetry's files work as they
 * are:
 *
 *     [{"title": "...", "author": "...", "paragraphs": ["...", "..."]}, ...]
 *
 * An object with a text is a song, wherever it is. README.md says what else is. */
#ifndef LYRNN_JSON_SONGS_H
#define LYRNN_JSON_SONGS_H

#include <stdbool.h>
#include <stddef.h>

#include "corpus/lrc.h"
#include "corpus/song_sink.h"
#include "lyrnn/status.h"

typedef struct {
    const char *field; /* the member of an object that is its text; NULL: the first usual one */
    bool is_lines;     /* JSONL */
} json_songs_rules;

/* What was read, and what was left out of it. json_songs_read adds to them. */
typedef struct {
    size_t num_songs;
    size_t num_empty;        /* songs whose text is null, empty or blank */
    size_t num_without_text; /* objects that are no song and contain none */
    lrc_counts lrc;          /* of texts that are LRC */
} json_songs_counts;

/* Passes each song to sink, with a newline at its end. A document without any value has no songs,
 * and that is no error. LYRNN_ERR_CORPUS: it is not JSON, or it has values and none of them is a
 * song; the error names the line or the place, as $.songs[3]. LYRNN_ERR_MEMORY. Or what sink
 * returns. */
lyrnn_status json_songs_read(const char *name, const char *utf8, size_t num_bytes,
                             const json_songs_rules *rules, const song_sink *sink,
                             json_songs_counts *counts);

#endif
