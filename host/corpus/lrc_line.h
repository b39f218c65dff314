/* One line of an LRC file: its times, and its text without tags. */
#ifndef LYRNN_LRC_LINE_H
#define LYRNN_LRC_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "corpus/lrc.h"

typedef struct {
    int64_t times[LRC_MAX_LINES]; /* in milliseconds */
    size_t num_times;             /* it counts further ones, too */
    const char *title;            /* the value of [ti:...], not terminated; NULL: none */
    size_t title_bytes;
    const char *text; /* without tags, without blanks at its ends */
    size_t num_bytes;
    bool has_mark; /* the line had a header or a speaker's name; if nothing else, it is no line */
} lrc_line;

/* Whether the text begins with [mm:ss. */
bool lrc_begins_with_time(const char *text, size_t num_bytes);

/* Takes a line apart. `room` gets its text, and has room for num_bytes. */
void lrc_parse_line(const char *bytes, size_t num_bytes, char *room, lrc_line *line,
                    lrc_counts *counts);

#endif
