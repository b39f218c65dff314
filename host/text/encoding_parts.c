/* The Viterbi algorithm: a path gives each line an encoding, its points are those of the lines, and
 * each change of the encoding costs points. Only the best path to each encoding is kept, so that
 * the time and the memory do not depend on where the changes are. */
#include "text/encoding_parts.h"

#include <string.h>

/* A change must gain this much, which ten common characters do, so a few damaged bytes or rare
 * characters are no part of their own. */
static const double change_cost = 60;

typedef struct {
    text_parts parts;
    double points;
    size_t num; /* characters */
} path;

/* The end of the line that begins at `begin`, after its CR or LF, which no longer character
 * contains. *is_ascii: the line is ASCII without NUL. */
static size_t end_of_line(const char *bytes, size_t num_bytes, size_t begin, bool *is_ascii)
{
    size_t i = begin;
    *is_ascii = true;
    while (i < num_bytes && bytes[i] != '\n' && bytes[i] != '\r')
        *is_ascii &= (signed char)bytes[i++] > 0;
    return i < num_bytes ? i + 1 : i;
}

static bool is_better(const path *a, const path *b, double cost)
{
    return a->points - cost > b->points;
}

/* Moves each path on to a line that begins at offset. */
static void change_paths(path paths[NUM_LINE_CHARSETS], size_t offset, size_t line)
{
    size_t best = 0;
    for (size_t i = 1; i < NUM_LINE_CHARSETS; i++)
        if (is_better(&paths[i], &paths[best], 0))
            best = i;
    for (size_t i = 0; i < NUM_LINE_CHARSETS; i++) {
        if (i == best || !is_better(&paths[best], &paths[i], change_cost))
            continue;
        paths[i] = paths[best];
        paths[i].points -= change_cost;
        text_parts *parts = &paths[i].parts;
        if (parts->num_changes++ == 0) {
            parts->second = (text_charset)i;
            parts->offset = offset;
            parts->line = line;
        }
        parts->last = (text_charset)i;
    }
}

/* Reads one line, and adds its points to the path that ends in the encoding. */
static void read_line(text_reading *reading, const char *bytes, size_t begin, size_t end,
                      size_t num_bytes, size_t *bad, path *path)
{
    double points = reading->points;
    size_t num = reading->num;
    size_t good = begin + text_reading_add(reading, bytes + begin, end - begin);
    if (good < end && *bad == num_bytes)
        *bad = good;
    path->points += reading->points - points;
    path->num += reading->num - num;
}

text_parts text_find_parts(text_reading readings[NUM_LINE_CHARSETS], const char *bytes,
                           size_t num_bytes, size_t bad[NUM_LINE_CHARSETS])
{
    path paths[NUM_LINE_CHARSETS];
    for (size_t i = 0; i < NUM_LINE_CHARSETS; i++) {
        paths[i] = (path){.parts = {.first = (text_charset)i, .last = (text_charset)i}};
        bad[i] = num_bytes;
    }
    size_t line = 1;
    for (size_t begin = 0, end; begin < num_bytes; begin = end) {
        bool is_ascii;
        end = end_of_line(bytes, num_bytes, begin, &is_ascii);
        if (!is_ascii)
            change_paths(paths, begin, line);
        for (size_t i = 0; i < NUM_LINE_CHARSETS; i++) {
            if (is_ascii)
                readings[i].num_utf8 += end - begin;
            else
                read_line(&readings[i], bytes, begin, end, num_bytes, &bad[i], &paths[i]);
        }
        line += bytes[end - 1] == '\n' ||
                (bytes[end - 1] == '\r' && (end == num_bytes || bytes[end] != '\n'));
    }
    size_t best = 0;
    for (size_t i = 1; i < NUM_LINE_CHARSETS; i++)
        if (is_better(&paths[i], &paths[best], 0))
            best = i;
    text_parts parts = paths[best].parts;
    double gained = paths[best].points + change_cost * (double)parts.num_changes;
    parts.score = paths[best].num > 0 ? gained / (double)paths[best].num : 0;
    return parts;
}
