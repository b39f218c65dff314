/* Ranks trials and prints them: as a table to read, and as trials.jsonl for programs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/trials.h"
#include "files/json_build.h"
#include "files/json_values.h"
#include "run/metrics.h"
#include "run/run_dir_files.h"

void trial_read_result(trial *item)
{
    json_t *last, *best;
    /* A trial that failed before its first epoch has no line. */
    lyrnn_metrics_read(item->out, &last, &best, &item->seconds);
    json_decref(last);
    item->best = best;
}

/* The perplexity that ranks a trial; infinite if it failed or has none. */
static double rank_value(const trial *item)
{
    const json_t *value = json_object_get(item->best, "val_perplexity");
    if (value == NULL)
        value = json_object_get(item->best, "perplexity");
    return item->error == NULL && json_is_number(value) ? json_number_value(value)
                                                        : (double)INFINITY;
}

static int compare_trials(const void *left, const void *right)
{
    const trial *a = *(const trial *const *)left, *b = *(const trial *const *)right;
    double x = rank_value(a), y = rank_value(b);
    if (x != y)
        return x < y ? -1 : 1;
    return (a > b) - (a < b);
}

/* The trials that are done, the best first. The caller frees them. NULL: no memory. */
static const trial **sort_trials(const trial_list *list, size_t *num)
{
    const trial **sorted = calloc(list->num + 1, sizeof *sorted);
    *num = 0;
    for (size_t i = 0; i < list->num && sorted != NULL; i++)
        if (list->items[i].is_done)
            sorted[(*num)++] = &list->items[i];
    if (sorted != NULL)
        qsort(sorted, *num, sizeof *sorted, compare_trials);
    return sorted;
}

static bool has_validation(const trial_list *list)
{
    for (size_t i = 0; i < list->num; i++)
        if (json_object_get(list->items[i].best, "val_perplexity") != NULL)
            return true;
    return false;
}

/* Whether a key has different values in two trials. The folder differs in any case. */
static bool varies(const trial_list *list, const char *key)
{
    const json_t *first = json_object_get(list->items[0].options, key);
    if (strcmp(key, "out") == 0)
        return false;
    for (size_t i = 1; i < list->num; i++)
        if (!json_equal(first, json_object_get(list->items[i].options, key)))
            return true;
    return false;
}

/* A value as the command line spells it. */
static void value_text(const json_t *value, char *text, size_t size)
{
    if (json_is_string(value)) {
        snprintf(text, size, "%s", json_string_value(value));
        return;
    }
    char *json = json_to_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    snprintf(text, size, "%s", json != NULL && !json_is_null(value) ? json : "none");
    free(json);
}

/* The number of bytes of the widest value in a column. */
static int width_of(const trial_list *list, const char *key)
{
    size_t width = strlen(key);
    char text[64];
    for (size_t i = 0; i < list->num; i++) {
        value_text(json_object_get(list->items[i].options, key), text, sizeof text);
        width = strlen(text) > width ? strlen(text) : width;
    }
    return (int)width;
}

/* Prints the columns of the keys that vary: their names, or the values of a trial. */
static void print_keys(const trial_list *list, const trial *item)
{
    const char *key;
    json_t *value;
    json_object_foreach(list->items[0].options, key, value)
    {
        char text[64];
        if (!varies(list, key))
            continue;
        snprintf(text, sizeof text, "%s", key);
        if (item != NULL)
            value_text(json_object_get(item->options, key), text, sizeof text);
        lyrnn_print_plain(stdout, "  %-*s", width_of(list, key), text);
    }
    putchar('\n');
}

static void print_row(const trial_list *list, const trial *item, size_t rank)
{
    bool is_ranked = isfinite(rank_value(item));
    json_int_t epoch = json_integer_value(json_object_get(item->best, "epoch"));
    char rank_text[24] = "-", perplexity[32] = "-", epoch_text[24] = "-";
    if (item->error != NULL)
        snprintf(perplexity, sizeof perplexity, "failed");
    if (is_ranked) {
        snprintf(rank_text, sizeof rank_text, "%zu", rank);
        snprintf(perplexity, sizeof perplexity, "%.4f", rank_value(item));
        snprintf(epoch_text, sizeof epoch_text, "%lld", (long long)epoch);
    }
    printf("%4s  %-9s  %12s  %6s  %8.1f", rank_text, item->name, perplexity, epoch_text,
           item->seconds);
    print_keys(list, item);
}

lyrnn_status trials_print(const trial_list *list)
{
    size_t num;
    const trial **sorted = sort_trials(list, &num);
    if (sorted == NULL)
        return lyrnn_out_of_memory("trials", 0, "close other programs");
    printf("%4s  %-9s  %12s  %6s  %8s", "rank", "trial",
           has_validation(list) ? "validation" : "perplexity", "epoch", "seconds");
    print_keys(list, NULL);
    for (size_t i = 0; i < num; i++)
        print_row(list, sorted[i], i + 1);
    free(sorted);
    return LYRNN_OK;
}

/* One line of trials.jsonl. NULL: no memory. */
static char *trial_to_text(const trial *item, size_t rank)
{
    static const char *const keys[] = {"epoch", "perplexity", "val_perplexity"};
    bool is_ranked = isfinite(rank_value(item));
    json_t *object = json_object();
    json_put(&object, "rank", is_ranked ? json_integer((json_int_t)rank) : json_null());
    json_put(&object, "trial", json_string(item->name));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(item->best, keys[i]);
        if (value != NULL)
            json_put(&object, keys[i], json_incref(value));
    }
    json_put(&object, "seconds", json_real_or_null(item->seconds));
    json_put(&object, "options", json_incref(item->line));
    if (item->error != NULL)
        json_put(&object, "error", json_string_or_null(item->error));
    char *text = json_to_text(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    return text;
}

/* The lines of all sorted trials, for the caller to free. NULL: no memory. */
static char *trials_to_text(const trial **sorted, size_t num)
{
    char *text = NULL;
    size_t num_bytes;
    bool is_whole = true;
    FILE *stream = open_memstream(&text, &num_bytes);
    if (stream == NULL)
        return NULL;
    for (size_t i = 0; i < num; i++) {
        char *line = trial_to_text(sorted[i], i + 1);
        is_whole = is_whole && line != NULL && fprintf(stream, "%s\n", line) > 0;
        free(line);
    }
    if (fclose(stream) == 0 && is_whole)
        return text;
    free(text);
    return NULL;
}

lyrnn_status trials_write(const trial_list *list)
{
    size_t num;
    int fd = open(list->out, OPEN_DIR);
    if (fd < 0)
        return LYRNN_OK; /* no trial has made it */
    const trial **sorted = sort_trials(list, &num);
    char *text = sorted != NULL ? trials_to_text(sorted, num) : NULL;
    lyrnn_status status =
        text != NULL ? run_dir_replace_file(fd, list->out, ".trials.jsonl", "trials.jsonl", text)
                     : lyrnn_out_of_memory("trials.jsonl", 0, "close other programs");
    free(text);
    free(sorted);
    close(fd);
    return status;
}
