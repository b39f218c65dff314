/* Reads all lines, sorts them by time, drops what is not sung, and writes the rest. Lines with one
 * time stay in their order. A line without a time belongs to the line before it. */
#include "corpus/lrc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "corpus/blank.h"
#include "corpus/file_names.h"
#include "corpus/lrc_credits.h"
#include "corpus/lrc_line.h"

typedef struct {
    int64_t time;
    size_t order; /* of the lines with one time */
    const char *text;
    size_t num_bytes; /* 0: an empty line, or one that was dropped */
    bool is_timed;
    bool is_dropped;
} sung_line;

/* A file that is being read. All that it points to is owned. */
typedef struct {
    const char *name;
    const song_sink *sink;
    lrc_counts *counts;
    sung_line *lines; /* (LRC_MAX_LINES) */
    size_t num_lines;
    size_t first;     /* line of the current song */
    bool has_text;    /* the current song has a line */
    size_t num_bytes; /* of the lines that were added */
    lrc_line *line;   /* the last one with a time; at first one without */
    lrc_line *parsed; /* the one that is being read */
    char *texts;      /* the texts of all lines */
    char *title;      /* of the current song; NULL: none yet */
    char *song;       /* NULL: not written yet */
} lrc_file;

/* A piece of text that gets shorter from its start. */
typedef struct {
    const char *bytes;
    size_t num;
} remaining_text;

static lyrnn_status refuse_size(const char *name, const char *what)
{
    return lyrnn_fail(
        LYRNN_ERR_CORPUS,
        "%s: is too large for LRC, one song with times: it has more than %s; split it "
        "into one file per song",
        name, what);
}

static lyrnn_status refuse_lines(const char *name)
{
    return refuse_size(name, "10,000 lines");
}

static lyrnn_status out_of_memory(const char *name, size_t num_bytes)
{
    return lyrnn_out_of_memory(name, num_bytes, "close other programs");
}

/* Takes the next line off a text. A newline is LF, CR LF, CR, or the CR CR LF of a file that was
 * converted twice. */
static remaining_text take_line(remaining_text *rest)
{
    remaining_text line = *rest;
    size_t end = 0;
    while (end < rest->num && rest->bytes[end] != '\n' && rest->bytes[end] != '\r')
        end++;
    line.num = end;
    static const char *const newlines[] = {"\r\r\n", "\r\n", "\r", "\n"};
    size_t length = 0;
    for (size_t i = 0; i < sizeof newlines / sizeof *newlines && length == 0; i++)
        if (strlen(newlines[i]) <= rest->num - end &&
            memcmp(rest->bytes + end, newlines[i], strlen(newlines[i])) == 0)
            length = strlen(newlines[i]);
    rest->bytes += end + length;
    rest->num -= end + length;
    return line;
}

bool lrc_is(const char *name, const char *utf8, size_t num_bytes)
{
    enum { MIN_TIMED = 3, MAX_RATIO = 10 };
    if (name != NULL && file_kind_of_name(name) == FILE_LRC)
        return true;
    size_t num_timed = 0, num_lines = 0;
    for (remaining_text rest = {utf8, num_bytes}; rest.num > 0;) {
        remaining_text line = take_line(&rest);
        size_t blanks = text_leading_blanks(line.bytes, line.num);
        num_lines += blanks < line.num;
        num_timed += lrc_begins_with_time(line.bytes + blanks, line.num - blanks);
    }
    return num_timed >= MIN_TIMED && num_timed * MAX_RATIO >= num_lines;
}

static lyrnn_status keep_title(lrc_file *file, const lrc_line *line)
{
    if (file->title != NULL || line->title_bytes == 0)
        return LYRNN_OK;
    file->title = strndup(line->title, line->title_bytes);
    return file->title != NULL ? LYRNN_OK : out_of_memory(file->name, line->title_bytes);
}

/* Adds a text at each time of the last line that had one. */
static lyrnn_status add_lines(lrc_file *file, const char *text, size_t num_bytes, bool is_timed)
{
    const lrc_line *line = file->line;
    size_t num = line->num_times > 0 ? line->num_times : 1;
    if (num > LRC_MAX_LINES - file->num_lines)
        return refuse_lines(file->name);
    if (num_bytes > 0 && num > (LRC_MAX_BYTES - file->num_bytes) / num_bytes)
        return refuse_size(file->name, "1 MB when its lines are repeated as they are sung");
    file->num_bytes += num * num_bytes;
    file->has_text = file->has_text || num_bytes > 0;
    for (size_t i = 0; i < num; i++) {
        file->lines[file->num_lines] =
            (sung_line){.time = line->num_times > 0 ? line->times[i] : INT64_MIN,
                        .order = file->num_lines,
                        .text = text,
                        .num_bytes = num_bytes,
                        .is_timed = is_timed};
        file->num_lines++;
    }
    return LYRNN_OK;
}

static int compare_lines(const void *a, const void *b)
{
    const sung_line *one = a, *other = b;
    if (one->time != other->time)
        return one->time < other->time ? -1 : 1;
    return one->order < other->order ? -1 : one->order > other->order;
}

static bool is_text(const sung_line *line)
{
    return line->num_bytes > 0 && !line->is_dropped;
}

static size_t count_texts(const lrc_file *file)
{
    size_t num = 0;
    for (size_t i = file->first; i < file->num_lines; i++)
        num += is_text(&file->lines[i]);
    return num;
}

/* Whether a line is the song's title, a dash and anything, as the first line often is. */
static bool is_heading(const lrc_file *file, const sung_line *line)
{
    static const char *const dashes[] = {"-", "\xE2\x80\x93", "\xE2\x80\x94"};
    size_t length = file->title != NULL ? strlen(file->title) : 0;
    if (length == 0 || line->num_bytes < length || memcmp(line->text, file->title, length) != 0)
        return false;
    length += text_leading_blanks(line->text + length, line->num_bytes - length);
    for (size_t i = 0; i < sizeof dashes / sizeof *dashes; i++)
        if (strlen(dashes[i]) <= line->num_bytes - length &&
            memcmp(line->text + length, dashes[i], strlen(dashes[i])) == 0)
            return true;
    return false;
}

/* Credits are in the first and in the last lines. Elsewhere a line that looks like one is sung. */
static void drop_credits(lrc_file *file)
{
    enum { NUM_FIRST = 12, NUM_LAST = 6 };
    size_t num = count_texts(file), text = 0;
    for (size_t i = file->first; i < file->num_lines; i++) {
        sung_line *line = &file->lines[i];
        if (!is_text(line))
            continue;
        bool is_at_end = text < NUM_FIRST || num - text <= NUM_LAST;
        line->is_dropped = (is_at_end && lrc_is_credit(line->text, line->num_bytes)) ||
                           (text == 0 && is_heading(file, line)) ||
                           lrc_is_instrumental(line->text, line->num_bytes);
        file->counts->num_credits += line->is_dropped;
        text++;
    }
}

/* If two or three lines have one time, the first is the original. The others are its translation
 * and how it is pronounced. If more have it, the file only lacks real times. An empty line at the
 * time of a text is a translation that is missing. */
static void drop_translations(lrc_file *file)
{
    enum { MAX_LANGUAGES = 3 };
    for (size_t begin = file->first, end; begin < file->num_lines; begin = end) {
        size_t num = 0;
        for (end = begin; end < file->num_lines && file->lines[end].time == file->lines[begin].time;
             end++)
            num += file->lines[end].is_timed && is_text(&file->lines[end]);
        bool has_original = false;
        for (size_t i = begin; i < end && num > 0 && num <= MAX_LANGUAGES; i++) {
            sung_line *line = &file->lines[i];
            if (!line->is_timed || line->is_dropped)
                continue;
            line->is_dropped = line->num_bytes == 0 || has_original;
            has_original = has_original || line->num_bytes > 0;
            file->counts->num_translations += line->is_dropped && line->num_bytes > 0;
        }
    }
}

typedef struct {
    size_t num_bytes, num_texts, num_breaks;
} written_song;

/* Writes the lines to `song`, which has room for each with two newlines. Empty lines between two
 * texts become one, if there are breaks. */
static written_song write_song(const lrc_file *file, bool has_breaks, char *song)
{
    written_song written = {0};
    bool is_break = false;
    for (size_t i = file->first; i < file->num_lines; i++) {
        const sung_line *line = &file->lines[i];
        if (line->is_dropped)
            continue;
        if (line->num_bytes == 0) {
            is_break = has_breaks && written.num_texts > 0;
            continue;
        }
        if (is_break)
            song[written.num_bytes++] = '\n';
        written.num_breaks += is_break;
        is_break = false;
        memcpy(song + written.num_bytes, line->text, line->num_bytes);
        written.num_bytes += line->num_bytes;
        song[written.num_bytes++] = '\n';
        written.num_texts++;
    }
    return written;
}

/* In some files an empty line follows each line, to clear the display. */
static bool is_double_spaced(const written_song *written)
{
    enum { MIN_TEXTS = 8 };
    return written->num_texts >= MIN_TEXTS && written->num_breaks * 4 >= written->num_texts * 3;
}

static lyrnn_status pass_song(lrc_file *file)
{
    size_t room = file->num_bytes + 2 * (file->num_lines - file->first) + 1;
    file->song = malloc(room);
    if (file->song == NULL)
        return out_of_memory(file->name, room);
    written_song written = write_song(file, true, file->song);
    if (is_double_spaced(&written))
        written = write_song(file, false, file->song);
    file->counts->num_songs += written.num_texts > 0;
    file->counts->num_not_songs += written.num_texts == 0 && (file->has_text || file->first == 0);
    if (written.num_texts == 0)
        return LYRNN_OK;
    return file->sink->song(file->sink->context, file->title, file->song, written.num_bytes);
}

/* Passes the current song on, and begins another one. */
static lyrnn_status finish_song(lrc_file *file)
{
    qsort(file->lines + file->first, file->num_lines - file->first, sizeof *file->lines,
          compare_lines);
    drop_credits(file);
    drop_translations(file);
    LYRNN_TRY(pass_song(file));
    free(file->song);
    free(file->title);
    file->song = file->title = NULL;
    file->first = file->num_lines;
    file->has_text = false;
    file->line->num_times = 0;
    return LYRNN_OK;
}

/* Files that were put together: after lyrics with a title comes another title. Without this, the
 * lines of one song would be sorted among those of the other. */
static bool begins_song(const lrc_file *file, const lrc_line *line)
{
    return file->has_text && file->title != NULL && line->title_bytes > 0 &&
           (strlen(file->title) != line->title_bytes ||
            memcmp(file->title, line->title, line->title_bytes) != 0);
}

static lyrnn_status read_line(lrc_file *file, const remaining_text *bytes, char *room)
{
    lrc_line *parsed = file->parsed;
    lrc_parse_line(bytes->bytes, bytes->num, room, parsed, file->counts);
    if (begins_song(file, parsed))
        LYRNN_TRY(finish_song(file));
    LYRNN_TRY(keep_title(file, parsed));
    bool is_timed = parsed->num_times > 0;
    if (is_timed) {
        file->parsed = file->line;
        file->line = parsed;
    }
    if (parsed->num_bytes == 0 && parsed->has_mark)
        return LYRNN_OK;
    return add_lines(file, parsed->text, parsed->num_bytes, is_timed);
}

static lyrnn_status read_lines(lrc_file *file, const char *utf8, size_t num_bytes)
{
    size_t num_lines = 0;
    for (remaining_text rest = {utf8, num_bytes}; rest.num > 0;) {
        remaining_text line = take_line(&rest);
        if (++num_lines > LRC_MAX_LINES)
            return refuse_lines(file->name);
        LYRNN_TRY(read_line(file, &line, file->texts + (line.bytes - utf8)));
    }
    return LYRNN_OK;
}

static lyrnn_status read_file(lrc_file *file, const char *utf8, size_t num_bytes)
{
    file->lines = malloc(LRC_MAX_LINES * sizeof *file->lines);
    file->line = malloc(sizeof *file->line);
    file->parsed = malloc(sizeof *file->parsed);
    file->texts = malloc(num_bytes + 1);
    if (file->lines == NULL || file->line == NULL || file->parsed == NULL || file->texts == NULL)
        return out_of_memory(file->name, LRC_MAX_LINES * sizeof *file->lines);
    file->line->num_times = 0;
    LYRNN_TRY(read_lines(file, utf8, num_bytes));
    return finish_song(file);
}

lyrnn_status lrc_read(const char *name, const char *utf8, size_t num_bytes, const song_sink *sink,
                      lrc_counts *counts)
{
    if (num_bytes > LRC_MAX_BYTES)
        return refuse_size(name, "1 MB");
    lrc_file file = {.name = name, .sink = sink, .counts = counts};
    lyrnn_status status = read_file(&file, utf8, num_bytes);
    free(file.lines);
    free(file.line);
    free(file.parsed);
    free(file.texts);
    free(file.title);
    free(file.song);
    return status;
}
