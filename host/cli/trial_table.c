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
#include "run/config.h"
#include "run/metrics.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

/* The options of a run, which are those that it was trained with. The corpus and the machine have
 * completed two of them, in this run but not in one that failed before. NULL: no memory. */
static json_t *options_of_run(const trial *item, const train_fields *fields)
{
    static const char *const completed[] = {"sampling", "threads"};
    json_t *run = options_to_json(&train_table, fields);
    for (size_t i = 0; i < sizeof completed / sizeof *completed; i++)
        json_put(&run, completed[i], json_incref(json_object_get(item->resolved, completed[i])));
    return run;
}

/* Takes the options of the trial's run. A damaged config.json changes nothing. */
static lyrnn_status take_options_of_run(trial *item)
{
    train_fields fields = {0};
    json_t *config;
    if (!lyrnn_run_dir_is_saved(item->out))
        return LYRNN_OK;
    lyrnn_status status = lyrnn_run_config_read(item->out, &config);
    if (status == LYRNN_OK)
        status = options_from_json(&train_table, config, &fields);
    json_t *run = status == LYRNN_OK ? options_of_run(item, &fields) : NULL;
    if (status == LYRNN_OK && run == NULL)
        status = lyrnn_out_of_memory(item->name, 0, "close other programs");
    if (run != NULL) {
        json_decref(item->resolved);
        item->resolved = run;
    }
    options_free(&train_table, &fields);
    json_decref(config);
    return status == LYRNN_ERR_MEMORY ? status : LYRNN_OK;
}

lyrnn_status trial_read_result(trial *item)
{
    json_t *last;
    /* A trial that failed before its first epoch has no line. */
    lyrnn_status status = lyrnn_metrics_read(item->out, &last, &item->best, &item->seconds);
    json_decref(last);
    return status == LYRNN_ERR_MEMORY ? status : take_options_of_run(item);
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

/* What is held out is the same for all. A corpus of one song has none for a preset to hold out. */
static bool has_validation(const trial_list *list)
{
    const json_t *resolved = list->items[0].resolved;
    for (size_t i = 0; i < list->num; i++)
        if (json_object_get(list->items[i].best, "perplexity") != NULL &&
            json_object_get(list->items[i].best, "val_perplexity") == NULL)
            return false;
    return json_number_value(json_object_get(resolved, "val_songs")) > 0.0 ||
           json_number_value(json_object_get(resolved, "val_fraction")) > 0.0;
}

/* Whether an option has different values in two trials. The folder differs in any case. */
static bool varies(const trial_list *list, const option_spec *spec)
{
    if (spec->kind == OPTION_HEADING || strcmp(spec->name, "out") == 0)
        return false;
    for (size_t i = 1; i < list->num; i++)
        if (!json_equal(options_get(spec, list->items[0].resolved),
                        options_get(spec, list->items[i].resolved)))
            return true;
    return false;
}

/* The columns of the options that vary: their texts per row. Row 0 is the heading. */
typedef struct {
    char **texts;               /* (num, num_rows)  owned */
    size_t widths[OPTIONS_MAX]; /* (num)  bytes of the widest text */
    size_t num, num_rows;
    bool is_incomplete; /* there was no memory for a text */
} option_columns;

static void set_text(option_columns *columns, size_t row, char *text)
{
    size_t column = columns->num - 1, length = text != NULL ? strlen(text) : 0;
    columns->texts[column * columns->num_rows + row] = text;
    columns->is_incomplete = columns->is_incomplete || text == NULL;
    if (length > columns->widths[column])
        columns->widths[column] = length;
}

static void add_column(option_columns *columns, const trial_list *list, const option_spec *spec)
{
    option_key key;
    options_key(spec, key);
    columns->num++;
    set_text(columns, 0, strdup(key));
    for (size_t i = 0; i < list->num; i++)
        set_text(columns, i + 1, options_value_text(options_get(spec, list->items[i].resolved)));
}

static lyrnn_status option_columns_init(option_columns *columns, const trial_list *list)
{
    *columns = (option_columns){.num_rows = list->num + 1};
    columns->texts = calloc(OPTIONS_MAX * columns->num_rows, sizeof *columns->texts);
    for (size_t i = 0; i < train_table.num_specs && columns->texts != NULL; i++)
        if (varies(list, &train_table.specs[i]))
            add_column(columns, list, &train_table.specs[i]);
    return columns->texts != NULL && !columns->is_incomplete
               ? LYRNN_OK
               : lyrnn_out_of_memory("trials", 0, "close other programs");
}

static void option_columns_free(option_columns *columns)
{
    for (size_t i = 0; i < columns->num * columns->num_rows; i++)
        free(columns->texts[i]);
    free(columns->texts);
}

/* Ends a line with the columns of a row. */
static void print_columns(const option_columns *columns, size_t row)
{
    for (size_t i = 0; i < columns->num; i++) {
        const char *text = columns->texts[i * columns->num_rows + row];
        int width = i + 1 < columns->num ? (int)columns->widths[i] : 0;
        lyrnn_print_plain(stdout, "  %-*s", width, text);
    }
    putchar('\n');
}

static void print_row(const trial *item, size_t rank)
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
}

static void print_rows(const trial_list *list, const option_columns *columns,
                       const trial *const *sorted, size_t num)
{
    printf("%4s  %-9s  %12s  %6s  %8s", "rank", "trial",
           has_validation(list) ? "validation" : "perplexity", "epoch", "seconds");
    print_columns(columns, 0);
    for (size_t i = 0; i < num; i++) {
        print_row(sorted[i], i + 1);
        print_columns(columns, (size_t)(sorted[i] - list->items) + 1);
    }
}

lyrnn_status trials_print(const trial_list *list)
{
    size_t num;
    option_columns columns;
    const trial **sorted = sort_trials(list, &num);
    if (sorted == NULL)
        return lyrnn_out_of_memory("trials", 0, "close other programs");
    lyrnn_status status = option_columns_init(&columns, list);
    if (status == LYRNN_OK)
        print_rows(list, &columns, sorted, num);
    option_columns_free(&columns);
    free(sorted);
    return status;
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
