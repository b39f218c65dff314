/* Fuzzes metrics.jsonl as lyrnn info and --resume read it. Any bytes give the epochs that they
 * hold, or are refused in one line, with memory bounded by their number. A resumed file keeps only
 * the first epochs and the first reports of the next one, whole lines of the input; when it is
 * resumed again, it stays as it is.
 *
 * An input is a file. Its first byte also chooses how much to keep. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "lyrnn/status.h"
#include "run/metrics.h"

/* Up to three lines are held at a time as JSON. A line has a buffer of its own, and so has the file
 * in stdio. */
enum { MEMORY_MULTIPLE = 48, MEMORY_CONSTANT = 65536 + 16384 };

static void check_epoch(const json_t *line, json_int_t most)
{
    const json_t *epoch = json_object_get(line, "epoch");
    LYRNN_CHECK(json_is_integer(epoch));
    LYRNN_CHECK(json_integer_value(epoch) >= 0 && json_integer_value(epoch) <= most);
}

/* most: the largest number that the last line may have. */
static void read_epochs(size_t num_bytes, json_int_t most)
{
    json_t *last, *best;
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_metrics_read("run", &last, &best, NULL);
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    LYRNN_CHECK(last != NULL || best == NULL);
    LYRNN_CHECK(status == LYRNN_ERR_IO || (status == LYRNN_OK && last != NULL));
    if (status != LYRNN_OK)
        fuzz_check_error_text("run/metrics.jsonl");
    /* A resumed file has nothing else. */
    LYRNN_CHECK(most == INT64_MAX || (status == LYRNN_OK) == (num_bytes > 0));
    if (last != NULL) {
        check_epoch(last, most);
    }
    if (best != NULL) {
        check_epoch(best, INT64_MAX);
        LYRNN_CHECK(json_is_number(json_object_get(best, "perplexity")) ||
                    json_is_number(json_object_get(best, "val_perplexity")));
    }
    json_decref(last);
    json_decref(best);
}

/* False: refused. */
static bool resume(const lyrnn_metrics_position *position, size_t num_bytes)
{
    int run_fd = open("run", O_RDONLY | O_DIRECTORY);
    FILE *file;
    lyrnn_metrics_kept kept = {0};
    LYRNN_CHECK(run_fd >= 0);
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_metrics_resume(run_fd, "run", position, &file, &kept);
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    close(run_fd);
    if (status == LYRNN_OK) {
        LYRNN_CHECK(lyrnn_metrics_cut(file, "run", &kept) == LYRNN_OK);
        LYRNN_CHECK(fclose(file) == 0);
        return true;
    }
    LYRNN_CHECK(status == LYRNN_ERR_IO);
    fuzz_check_error_text("run/metrics.jsonl");
    return false;
}

/* The caller frees the bytes. */
static char *read_back(size_t *num_bytes)
{
    struct stat info;
    int fd = open("run/metrics.jsonl", O_RDONLY);
    LYRNN_CHECK(fd >= 0 && fstat(fd, &info) == 0);
    char *bytes = malloc((size_t)info.st_size + 1);
    LYRNN_CHECK(bytes != NULL && read(fd, bytes, (size_t)info.st_size) == info.st_size);
    close(fd);
    *num_bytes = (size_t)info.st_size;
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    enum { MOST = 4 };
    uint8_t choice = num_bytes > 0 ? bytes[0] : 0;
    const lyrnn_metrics_position position = {.epoch = choice % MOST, .batch = choice / MOST % MOST};
    size_t num_kept, num_again;
    mkdir("run", 0777);
    fuzz_write_file("run/metrics.jsonl", bytes, num_bytes);
    read_epochs(num_bytes, INT64_MAX);
    if (!resume(&position, num_bytes))
        return 0;
    char *kept = read_back(&num_kept);
    /* A newline completes a last line that lacks it. */
    bool is_completed = num_kept > num_bytes;
    LYRNN_CHECK(num_kept <= num_bytes + 1);
    LYRNN_CHECK(memcmp(kept, bytes, num_kept - is_completed) == 0);
    LYRNN_CHECK(num_kept == 0 || kept[num_kept - 1] == '\n');
    read_epochs(num_kept, position.epoch + (position.batch > 0));
    LYRNN_CHECK(resume(&position, num_kept));
    char *again = read_back(&num_again);
    LYRNN_CHECK(num_again == num_kept && memcmp(again, kept, num_kept) == 0);
    free(again);
    free(kept);
    return 0;
}
