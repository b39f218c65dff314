/* LRC: lyrics whose lines begin with the times at which they are sung.
 *
 *     [ti:Title]
 *     [00:12.50]A line
 *     [00:17.00][01:20.00]A line that is sung twice
 *
 * There is no standard, only what players read and editors write. README.md lists the forms that
 * are read here. */
#ifndef LYRNN_LRC_H
#define LYRNN_LRC_H

#include <stdbool.h>
#include <stddef.h>

#include "corpus/song_sink.h"
#include "lyrnn/status.h"

/* The limits of one file. The lines of a song are counted as they are sung, so a line with three
 * times counts as three. */
enum { LRC_MAX_BYTES = 1000000, LRC_MAX_LINES = 10000 };

/* What was read, and what was left out of it. lrc_read adds to them. */
typedef struct {
    size_t num_songs;
    size_t num_not_songs;    /* pieces without a line of lyrics */
    size_t num_headers;      /* tags such as [ti:...] */
    size_t num_credits;      /* lines that name the writers and players */
    size_t num_translations; /* lines at the time of the line before them */
    size_t num_word_times;   /* times inside lines; the lines stay */
    size_t num_speakers;     /* names of the singers before lines; the lines stay */
} lrc_counts;

/* Whether a document is LRC: its name ends in .lrc, or at least three of its lines and a tenth of
 * them begin with a time. name NULL: only the text decides. */
bool lrc_is(const char *name, const char *utf8, size_t num_bytes);

/* Passes the lyrics to sink as one song, whose lines are in the order in which they are sung and
 * end in newlines. If another title follows the lyrics, there is another song. A file without
 * lyrics is no song, and no error. LYRNN_ERR_CORPUS: the file has more bytes or lines than the
 * limits. LYRNN_ERR_MEMORY. Or what sink returns. */
lyrnn_status lrc_read(const char *name, const char *utf8, size_t num_bytes, const song_sink *sink,
                      lrc_counts *counts);

#endif
