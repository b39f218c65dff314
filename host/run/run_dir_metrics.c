/* metrics.jsonl: a line an epoch, appended; on resuming, cut down to the checkpoint's epoch, since a process
 * that was killed may have written lines, or part of one, after its last checkpoint. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

static lyrnn_status open_metrics(int run_fd, const char *path, int flags, FILE **metrics)
{
    path_text name;
    int fd;
    *metrics = NULL;
    LYRNN_TRY(run_dir_format(name, "%s/metrics.jsonl", path));
    LYRNN_TRY(lyrnn_open_file_at(run_fd, "metrics.jsonl",
                                 flags | O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, name, &fd));
    *metrics = fdopen(fd, "a+");
    if (*metrics != NULL)
        return LYRNN_OK;
    close(fd);
    return lyrnn_out_of_memory(name, 0, "close other programs");
}

lyrnn_status run_dir_create_metrics(int run_fd, const char *path, FILE **metrics)
{
    return open_metrics(run_fd, path, O_EXCL, metrics);
}

/* The epoch that a line is about, or -1 where it is no line of lyrnn's. */
static json_int_t epoch_of(const char *line, size_t length)
{
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *epoch = json_object_get(object, "epoch");
    json_int_t value = json_is_integer(epoch) ? json_integer_value(epoch) : -1;
    json_decref(object);
    return value;
}

/* Bytes of the lines of the first `epoch` epochs. The last line may lack its newline, and be torn: then it is
 * left out, or needs the newline. */
static lyrnn_status measure(FILE *metrics, const char *path, int epoch, off_t *num_bytes,
                            bool *needs_newline)
{
    lyrnn_status status = LYRNN_OK;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    *num_bytes = 0;
    *needs_newline = false;
    for (int number = 1; (length = getline(&line, &capacity, metrics)) > 0; number++) {
        bool is_whole = line[length - 1] == '\n';
        json_int_t line_epoch = epoch_of(line, (size_t)length);
        if (line_epoch < 0 && is_whole) {
            status = lyrnn_fail(LYRNN_ERR_IO,
                                "%s/metrics.jsonl: line %d is not the report of an epoch; mend it "
                                "or move the file away",
                                path, number);
            break;
        }
        if (line_epoch < 0 || line_epoch > epoch)
            break;
        *num_bytes += length;
        *needs_newline = !is_whole;
    }
    if (status == LYRNN_OK && ferror(metrics))
        status = run_dir_cannot("read metrics.jsonl", path);
    free(line);
    return status;
}

lyrnn_status run_dir_resume_metrics(int run_fd, const char *path, int epoch, FILE **metrics)
{
    off_t num_bytes;
    bool needs_newline;
    LYRNN_TRY(open_metrics(run_fd, path, 0, metrics));
    lyrnn_status status = measure(*metrics, path, epoch, &num_bytes, &needs_newline);
    if (status == LYRNN_OK &&
        (ftruncate(fileno(*metrics), num_bytes) != 0 || fseek(*metrics, 0, SEEK_END) != 0 ||
         (needs_newline && fputc('\n', *metrics) == EOF) || fflush(*metrics) != 0))
        status = run_dir_cannot("write metrics.jsonl", path);
    if (status != LYRNN_OK) {
        fclose(*metrics);
        *metrics = NULL;
    }
    return status;
}

lyrnn_status lyrnn_run_dir_append_metrics(lyrnn_run_dir *run, const char *json_line)
{
    if (fprintf(run->metrics, "%s\n", json_line) < 0 || fflush(run->metrics) != 0)
        return run_dir_cannot("write metrics.jsonl", run->path);
    return LYRNN_OK;
}
