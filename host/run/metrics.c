/* metrics.jsonl, written line by line and read the same way. A process may be killed while it
 * writes, so that the last line may be torn: it then lacks its newline. All readers share
 * next_line, which decides what a line is. Anyone may have changed the file, so a line may have
 * MAX_LINE_BYTES at most: a longer one is skipped without being stored. */
#include "run/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "base/remedy.h"
#include "base/untrusted_json.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "run/run_dir_files.h"

static json_t *metrics_to_json(const lyrnn_metrics *metrics)
{
    json_t *object = json_object();
    json_put(&object, "epoch", json_integer(metrics->epoch));
    json_put(&object, "step", json_integer(metrics->step));
    if (metrics->batch > 0)
        json_put(&object, "batch", json_integer(metrics->batch));
    json_put(&object, "loss", json_real_or_null(metrics->nats_per_char));
    json_put(&object, "perplexity", json_real_or_null(metrics->perplexity));
    json_put(&object, "chars_per_second", json_real_or_null(metrics->chars_per_second));
    json_put(&object, "seconds", json_real_or_null(metrics->seconds));
    json_put(&object, "lr", json_of_float(metrics->learning_rate));
    json_put(&object, "gradient_norm", json_real_or_null(metrics->gradient_norm));
    if (metrics->is_validated) {
        json_put(&object, "val_loss", json_real_or_null(metrics->validation_nats_per_char));
        json_put(&object, "val_perplexity", json_real_or_null(metrics->validation_perplexity));
    }
    return object;
}

lyrnn_status lyrnn_metrics_append(FILE *file, const char *run_path, const lyrnn_metrics *metrics)
{
    json_t *object = metrics_to_json(metrics);
    char *line = json_to_text(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    if (line == NULL)
        return lyrnn_out_of_memory("metrics.jsonl", 0, "close other programs");
    bool is_written = fprintf(file, "%s\n", line) >= 0 && fflush(file) == 0;
    lyrnn_status status = is_written ? LYRNN_OK : run_dir_cannot("write metrics.jsonl", run_path);
    free(line);
    return status;
}

/* Reading */

/* Lines of lyrnn have a few hundred bytes. A million epochs, the maximum, fit the file, and so do a
 * few million reports within them. */
enum { MAX_LINE_BYTES = 65536, MAX_FILE_BYTES = 1 << 30 };

typedef struct {
    FILE *file;
    char text[MAX_LINE_BYTES]; /* the current line; its end is missing if it is longer */
    off_t length;              /* of the line in the file, with its newline */
    bool has_newline;
    int number;            /* of the current line, from 1 */
    json_t *epoch;         /* the report of an epoch that the line is, owned; else NULL */
    bool is_out_of_memory; /* then there is no next line */
} line_reader;

/* Reads the bytes of the next line; false at the file's end. */
static bool read_bytes(line_reader *reader)
{
    int c = 0;
    reader->length = 0;
    while (c != '\n' && (c = getc_unlocked(reader->file)) != EOF) {
        if (reader->length < MAX_LINE_BYTES)
            reader->text[reader->length] = (char)c;
        reader->length++;
    }
    reader->has_newline = c == '\n';
    return reader->length > 0;
}

static json_t *parse_line(line_reader *reader)
{
    untrusted_json_error error;
    if (reader->length > MAX_LINE_BYTES)
        return NULL;
    json_t *line = untrusted_json_parse(reader->text, (size_t)reader->length, &error);
    reader->is_out_of_memory = line == NULL && error.problem == NULL;
    return line;
}

/* Reads the next line; false at the file's end. The report of an epoch is an object with an
 * "epoch". */
static bool next_line(line_reader *reader)
{
    json_decref(reader->epoch);
    reader->epoch = NULL;
    if (!read_bytes(reader))
        return false;
    reader->number++;
    json_t *line = parse_line(reader);
    const json_t *epoch = json_object_get(line, "epoch");
    if (json_is_integer(epoch) && json_integer_value(epoch) >= 0)
        reader->epoch = line;
    else
        json_decref(line);
    return !reader->is_out_of_memory;
}

/* Returns why there is no next line: the file has ended, or it could not be read. */
static lyrnn_status end_of_lines(const line_reader *reader, const char *path)
{
    if (reader->is_out_of_memory)
        return lyrnn_out_of_memory(path, 0, "close other programs");
    return ferror(reader->file) ? run_dir_cannot("read", path) : LYRNN_OK;
}

static lyrnn_status line_reader_init(line_reader **reader, FILE *file, const char *path)
{
    struct stat info;
    if (fstat(fileno(file), &info) != 0)
        return run_dir_cannot("read", path);
    if (info.st_size > MAX_FILE_BYTES)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: has more than %d bytes, the maximum; move the file away", path,
                          MAX_FILE_BYTES);
    *reader = calloc(1, sizeof **reader);
    if (*reader == NULL)
        return lyrnn_out_of_memory(path, sizeof **reader, "close other programs");
    (*reader)->file = file;
    return LYRNN_OK;
}

static void line_reader_free(line_reader *reader)
{
    if (reader != NULL)
        json_decref(reader->epoch);
    free(reader);
}

/* The batch of a report within an epoch; 0: the epoch is complete. */
static json_int_t batch_of(const json_t *line)
{
    return json_integer_value(json_object_get(line, "batch"));
}

/* The perplexity that ranks an epoch: that of the validation if the run validates. Not a number if
 * it was not finite, and NULL without an epoch. */
static const json_t *rank(const json_t *line)
{
    const json_t *validation = json_object_get(line, "val_perplexity");
    return validation != NULL ? validation : json_object_get(line, "perplexity");
}

/* Whether the report is better than the best so far, which may be NULL. The perplexity of the
 * training over a part of an epoch does not compare with that over a whole one. */
static bool is_better(const json_t *line, const json_t *best)
{
    const json_t *mine = rank(line), *others = rank(best);
    bool is_comparable = batch_of(line) == 0 || json_object_get(line, "val_perplexity") != NULL;
    return is_comparable && json_is_number(mine) &&
           (!json_is_number(others) || json_number_value(mine) < json_number_value(others));
}

static void replace(json_t **held, json_t *line)
{
    json_decref(*held);
    *held = json_incref(line);
}

static lyrnn_status read_lines(line_reader *reader, const char *path, json_t **last, json_t **best,
                               double *seconds)
{
    lyrnn_status status = LYRNN_OK;
    while (next_line(reader)) {
        if (reader->epoch != NULL) {
            replace(last, reader->epoch);
            if (batch_of(reader->epoch) == 0)
                *seconds += json_number_value(json_object_get(reader->epoch, "seconds"));
            if (is_better(reader->epoch, *best))
                replace(best, reader->epoch);
        } else if (status == LYRNN_OK) {
            status = lyrnn_fail(LYRNN_ERR_IO,
                                "%s: line %d is not the report of an epoch; it is left out", path,
                                reader->number);
        }
    }
    if (reader->is_out_of_memory || status == LYRNN_OK)
        LYRNN_TRY(end_of_lines(reader, path));
    if (status != LYRNN_OK)
        return status;
    return *last != NULL ? LYRNN_OK
                         : lyrnn_fail(LYRNN_ERR_IO, "%s: has no epoch yet; train first", path);
}

lyrnn_status lyrnn_metrics_read(const char *run_path, json_t **last, json_t **best, double *seconds)
{
    path_text path;
    int fd;
    double sum = 0.0;
    *last = *best = NULL;
    LYRNN_TRY(run_dir_format(path, "%s/metrics.jsonl", run_path));
    LYRNN_TRY(lyrnn_open_file(path, &fd));
    FILE *file = fdopen(fd, "r");
    if (file == NULL) {
        close(fd);
        return lyrnn_out_of_memory(path, 0, "close other programs");
    }
    line_reader *reader = NULL;
    lyrnn_status status = line_reader_init(&reader, file, path);
    if (reader != NULL)
        status = read_lines(reader, path, last, best, &sum);
    line_reader_free(reader);
    fclose(file);
    if (seconds != NULL)
        *seconds = sum;
    return status;
}

/* Opening for appending */

static lyrnn_status open_to_append(int run_fd, const char *run_path, int flags, FILE **file)
{
    path_text path;
    int fd;
    *file = NULL;
    LYRNN_TRY(run_dir_format(path, "%s/metrics.jsonl", run_path));
    LYRNN_TRY(lyrnn_open_file_at(run_fd, "metrics.jsonl",
                                 flags | O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, path, &fd));
    *file = fdopen(fd, "a+");
    if (*file != NULL)
        return LYRNN_OK;
    close(fd);
    return lyrnn_out_of_memory(path, 0, "close other programs");
}

lyrnn_status lyrnn_metrics_create(int run_fd, const char *run_path, FILE **file)
{
    return open_to_append(run_fd, run_path, O_EXCL, file);
}

/* Adds the epochs from first to last to a list for people: "2 to 5, 7". A list that is full ends
 * with "...". */
static void add_epochs(lyrnn_epoch_list list, json_int_t first, json_int_t last)
{
    char text[64];
    size_t length = strlen(list), size = sizeof(lyrnn_epoch_list);
    int num = first < last
                  ? snprintf(text, sizeof text, "%lld to %lld", (long long)first, (long long)last)
                  : snprintf(text, sizeof text, "%lld", (long long)first);
    if (first > last || (length > 3 && strcmp(list + length - 3, "...") == 0))
        return;
    bool fits = length + sizeof ", " + (size_t)num + sizeof ", ..." < size;
    snprintf(list + length, size - length, "%s%s", length > 0 ? ", " : "", fits ? text : "...");
}

/* Whether a report was made before a position. */
static bool is_before(json_int_t epoch, json_int_t batch, const lyrnn_metrics_position *position)
{
    return epoch <= position->epoch ||
           (batch > 0 && epoch == (json_int_t)position->epoch + 1 && batch <= position->batch);
}

/* Counts the bytes of the lines to keep: up to the last one before the position. Notes which of
 * these epochs have no line, and which have a line that is not in its place. A last line without
 * its newline is left out if it is torn, and needs the newline if it is whole. */
static lyrnn_status count_kept_bytes(line_reader *reader, const char *path,
                                     const lyrnn_metrics_position *position,
                                     lyrnn_metrics_kept *kept)
{
    off_t num_bytes = 0;
    json_int_t before = 0;
    bool is_later = false;
    int bad_line = 0; /* the first whole line that is no report, even if it may be cut off */
    *kept = (lyrnn_metrics_kept){0};
    while (next_line(reader)) {
        json_int_t number = json_integer_value(json_object_get(reader->epoch, "epoch"));
        json_int_t batch = batch_of(reader->epoch);
        bool is_done = is_before(number, batch, position);
        if (reader->epoch == NULL && reader->has_newline && bad_line == 0)
            bad_line = reader->number;
        if (bad_line > 0 && (!is_later || (reader->epoch != NULL && is_done)))
            return lyrnn_fail(LYRNN_ERR_IO,
                              "%s: line %d is not the report of an epoch; correct it or move the "
                              "file away",
                              path, bad_line);
        num_bytes += reader->length;
        is_later = is_later || !is_done;
        if (reader->epoch == NULL || !is_done)
            continue;
        kept->num_bytes = num_bytes;
        kept->needs_newline = !reader->has_newline;
        if (batch > 0)
            continue;
        if (number <= before)
            add_epochs(kept->misplaced, number, number);
        add_epochs(kept->missing, before + 1, number - 1);
        before = number > before ? number : before;
    }
    add_epochs(kept->missing, before + 1, position->epoch);
    return end_of_lines(reader, path);
}

lyrnn_status lyrnn_metrics_cut(FILE *file, const char *run_path, const lyrnn_metrics_kept *kept)
{
    if (ftruncate(fileno(file), kept->num_bytes) == 0 && fseek(file, 0, SEEK_END) == 0 &&
        (!kept->needs_newline || fputc('\n', file) != EOF) && fflush(file) == 0)
        return LYRNN_OK;
    return run_dir_cannot("write metrics.jsonl", run_path);
}

lyrnn_status lyrnn_metrics_resume(int run_fd, const char *run_path,
                                  const lyrnn_metrics_position *position, FILE **file,
                                  lyrnn_metrics_kept *kept)
{
    path_text path;
    line_reader *reader = NULL;
    LYRNN_TRY(run_dir_format(path, "%s/metrics.jsonl", run_path));
    LYRNN_TRY(open_to_append(run_fd, run_path, 0, file));
    lyrnn_status status = line_reader_init(&reader, *file, path);
    if (reader != NULL)
        status = count_kept_bytes(reader, path, position, kept);
    line_reader_free(reader);
    if (status != LYRNN_OK) {
        fclose(*file);
        *file = NULL;
    }
    return status;
}
