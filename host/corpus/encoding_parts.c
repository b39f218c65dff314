/* The Viterbi algorithm: a path gives each line an encoding, its points are those of the lines, and
 * each change of the encoding costs points. Only the best path to each encoding is kept, so that
 * the time and the memory do not depend on where the changes are. */
#include "corpus/encoding_parts.h"

#include <string.h>

/* A change must gain so many points, so that a few damaged bytes or rare characters are no part of
 * their own. Bytes are seldom UTF-8 unless they are meant to be. In 2.4 million
 * characters of song ci and yuan qu, no line gains more than 12 in the wrong encoding. */
static double cost_of_change(size_t from, size_t to)
{
    return from == CHARSET_UTF8 || to == CHARSET_UTF8 ? 8 : 20;
}

typedef struct {
    text_parts parts;
    double points, cost; /* the cost of changes is subtracted from the points */
    size_t num;          /* characters */
} path;

/* The end of the line that begins at `begin`, after its CR or LF. A long line ends at a space as
 * well. No longer character contains these bytes. *is_ascii: the line is ASCII without NUL. */
static size_t end_of_line(const char *bytes, size_t num_bytes, size_t begin, bool *is_ascii)
{
    enum { LONG = 64 };
    size_t i = begin;
    *is_ascii = true;
    while (i < num_bytes && bytes[i] != '\n' && bytes[i] != '\r' &&
           !(bytes[i] == ' ' && i - begin >= LONG))
        *is_ascii &= (signed char)bytes[i++] > 0;
    return i < num_bytes ? i + 1 : i;
}

/* Moves the best path on to the encoding `to` at a line that begins at offset, if that gains. */
static void change_path(const path from[NUM_LINE_CHARSETS], size_t to, size_t offset, size_t line,
                        path *path)
{
    size_t best = to;
    double most = from[to].points;
    for (size_t i = 0; i < NUM_LINE_CHARSETS; i++) {
        double points = from[i].points - cost_of_change(i, to);
        if (i == to || points <= most)
            continue;
        best = i;
        most = points;
    }
    if (best == to)
        return;
    *path = from[best];
    path->points = most;
    path->cost += from[best].points - most;
    text_parts *parts = &path->parts;
    if (parts->num_changes++ == 0) {
        parts->second = (text_charset)to;
        parts->offset = offset;
        parts->line = line;
    }
    parts->last = (text_charset)to;
}

static void change_paths(path paths[NUM_LINE_CHARSETS], size_t offset, size_t line)
{
    path from[NUM_LINE_CHARSETS];
    memcpy(from, paths, sizeof from);
    for (size_t i = 0; i < NUM_LINE_CHARSETS; i++)
        change_path(from, i, offset, line, &paths[i]);
}

/* Whether at least half of what a line added is kana. */
static bool is_japanese(const text_points *before, const text_points *after)
{
    return 2 * (after->num_kana - before->num_kana) > after->num - before->num;
}

/* Reads one line in all encodings, and adds its points to the paths. A line of kana says nothing
 * about Chinese: songs in two languages have them, and its bytes in GB18030 are common
 * characters in Big5. */
static void read_line(text_reading readings[NUM_LINE_CHARSETS], const char *bytes, size_t begin,
                      size_t end, size_t bad[NUM_LINE_CHARSETS], path paths[NUM_LINE_CHARSETS])
{
    text_points before[NUM_LINE_CHARSETS];
    bool is_skipped = false;
    for (size_t i = 0; i < NUM_LINE_CHARSETS; i++) {
        before[i] = readings[i].sum;
        size_t good = begin + text_reading_add(&readings[i], bytes + begin, end - begin);
        if (good < end && good < bad[i])
            bad[i] = good;
        is_skipped = is_skipped || (i != CHARSET_UTF8 && is_japanese(&before[i], &readings[i].sum));
    }
    for (size_t i = 0; i < NUM_LINE_CHARSETS; i++) {
        if (is_skipped)
            readings[i].sum = before[i];
        paths[i].points += readings[i].sum.points - before[i].points;
        paths[i].num += readings[i].sum.num - before[i].num;
    }
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
        for (size_t i = 0; i < NUM_LINE_CHARSETS && is_ascii; i++)
            readings[i].num_utf8 += end - begin;
        if (!is_ascii)
            read_line(readings, bytes, begin, end, bad, paths);
        line += bytes[end - 1] == '\n' ||
                (bytes[end - 1] == '\r' && (end == num_bytes || bytes[end] != '\n'));
    }
    const path *best = &paths[0];
    for (size_t i = 1; i < NUM_LINE_CHARSETS; i++)
        if (paths[i].points > best->points)
            best = &paths[i];
    text_parts parts = best->parts;
    parts.score = best->num > 0 ? (best->points + best->cost) / (double)best->num : 0;
    return parts;
}
