/* Reads the trials and trains them. All lines are checked first: a long night must not end at a
 * mistake in the last line. Options are merged as JSON, so that a line is read by the rules of
 * config.json. Read next: trial_table.c. */
#include "cli/trials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/memory.h"
#include "base/open_file.h"
#include "base/plain_text.h"
#include "base/untrusted_json.h"
#include "cli/interrupt.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

static lyrnn_status out_of_memory(const char *path)
{
    return lyrnn_out_of_memory(path, 0, "give fewer trials");
}

/* Adds the line to a mistake that names what is wrong in it. */
static lyrnn_status fail_in_line(const char *path, size_t line)
{
    char problem[1024];
    snprintf(problem, sizeof problem, "%s", lyrnn_error_text());
    return lyrnn_fail(LYRNN_ERR_USAGE, "%s: line %zu: %s; correct the line", path, line, problem);
}

/* What must be the same for all: the folder, the text and what is held out of it. Perplexities of
 * different texts do not compare. */
static bool is_fixed(const option_spec *spec)
{
    static const char *const names[] = {"resume", "continue",  "out",         "overwrite",
                                        "trial",  "val-songs", "val-fraction"};
    size_t text = offsetof(train_fields, train.text);
    if (spec->offset >= text && spec->offset < text + sizeof(lyrnn_corpus_rules))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(spec->name, names[i]) == 0)
            return true;
    return false;
}

static lyrnn_status check_fixed(const json_t *line)
{
    if (json_object_get(line, "corpus") != NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE, "\"corpus\" cannot vary: all trials learn the lyrics of "
                                           "the command line");
    for (size_t i = 0; i < train_table.num_specs; i++) {
        const option_spec *spec = &train_table.specs[i];
        if (options_get(spec, line) != NULL && is_fixed(spec))
            return lyrnn_fail(LYRNN_ERR_USAGE, "--%s cannot vary: it is an option of all trials",
                              spec->name);
    }
    return LYRNN_OK;
}

static lyrnn_status parse_line(const char *text, size_t num_bytes, trial *item)
{
    untrusted_json_error error;
    item->line = untrusted_json_parse(text, num_bytes, &error);
    if (item->line == NULL && error.problem == NULL)
        return LYRNN_ERR_MEMORY;
    if (item->line == NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE, "byte %d: %s", error.byte, error.problem);
    return json_is_object(item->line)
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_USAGE, "is no JSON object like {\"lr\": 0.002}");
}

/* Fails if a training would refuse the options of a trial. The check uses up the fields, so it gets
 * its own. */
static lyrnn_status check_options(const trial *item)
{
    train_fields fields = {0};
    lyrnn_status status = options_from_json(&train_table, item->options, &fields);
    if (status == LYRNN_OK)
        status = train_check_options(&fields, &item->result);
    options_free(&train_table, &fields);
    return status;
}

/* Sets the fields of a trial from `common`, the options of the command line, and its line. */
static lyrnn_status set_options(trial *item, json_t *common, const option_result *result)
{
    item->options = json_object();
    json_put_all(&item->options, common);
    item->result = *result;
    LYRNN_TRY(check_fixed(item->line));
    LYRNN_TRY(options_mark_keys(&train_table, item->line, &item->result));
    json_put_all(&item->options, item->line);
    json_put(&item->options, "out", json_string(item->out));
    if (item->options == NULL)
        return lyrnn_out_of_memory(item->name, 0, "close other programs");
    LYRNN_TRY(check_options(item));
    item->fields.is_trial = true;
    return options_from_json(&train_table, item->options, &item->fields);
}

static bool is_blank(const char *text, size_t num_bytes)
{
    for (size_t i = 0; i < num_bytes; i++)
        if (strchr(" \t\r", text[i]) == NULL)
            return false;
    return true;
}

/* Adds a zeroed trial with its name. NULL: no memory. */
static trial *add_trial(trial_list *list)
{
    trial *items = realloc(list->items, (list->num + 1) * sizeof *items);
    if (items == NULL)
        return NULL;
    list->items = items;
    trial *item = &items[list->num++];
    *item = (trial){0};
    snprintf(item->name, sizeof item->name, "trial-%03zu", list->num);
    return item;
}

static lyrnn_status read_line(trial_list *list, const char *text, size_t num_bytes, json_t *common,
                              const option_result *result)
{
    trial *item = add_trial(list);
    if (item == NULL)
        return LYRNN_ERR_MEMORY;
    LYRNN_TRY(run_dir_format(item->out, "%s/%s", list->out, item->name));
    LYRNN_TRY(parse_line(text, num_bytes, item));
    return set_options(item, common, result);
}

static lyrnn_status read_lines(trial_list *list, const lyrnn_bytes *bytes, json_t *common,
                               const option_result *result)
{
    const char *end = bytes->data + bytes->num;
    size_t number = 1;
    for (const char *text = bytes->data; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t num_bytes = (size_t)((newline != NULL ? newline : end) - text);
        if (!is_blank(text, num_bytes)) {
            lyrnn_status status = read_line(list, text, num_bytes, common, result);
            if (status == LYRNN_ERR_MEMORY)
                return out_of_memory(list->path);
            if (status != LYRNN_OK)
                return fail_in_line(list->path, number);
        }
        text += num_bytes + 1;
    }
    return list->num > 0
               ? LYRNN_OK
               : lyrnn_fail(
                     LYRNN_ERR_USAGE,
                     "%s: has no trial; write one JSON object per line, like {\"lr\": 0.002}",
                     list->path);
}

static lyrnn_status read_trials(trial_list *list, const train_fields *fields,
                                const option_result *result)
{
    enum { MAX_BYTES = 16 << 20 };
    const lyrnn_input input = {.path = fields->trial_path,
                               .is_named_by_user = true,
                               .max_bytes = MAX_BYTES,
                               .remedy = "name a file of one JSON object per line",
                               .log = stderr};
    lyrnn_bytes bytes = {0};
    json_t *common = options_to_json(&train_table, fields);
    if (common == NULL)
        return out_of_memory(fields->trial_path);
    json_object_del(common, "trial");
    list->path = lyrnn_input_name(&input);
    lyrnn_status status = lyrnn_input_read(&input, &bytes);
    if (status == LYRNN_OK)
        status = read_lines(list, &bytes, common, result);
    free(bytes.data);
    json_decref(common);
    return status;
}

static lyrnn_status choose_out(trial_list *list, const train_fields *fields)
{
    time_t now = time(NULL);
    struct tm local;
    char date_time[32] = "trials";
    if (fields->train.out_path != NULL)
        return run_dir_format(list->out, "%s", fields->train.out_path);
    if (localtime_r(&now, &local) != NULL)
        strftime(date_time, sizeof date_time, "%Y%m%d-%H%M%S", &local);
    return run_dir_format(list->out, "runs/%s", date_time);
}

static bool exists(const trial_list *list, const char *name)
{
    path_text path;
    struct stat info;
    return run_dir_format(path, "%s/%s", list->out, name) == LYRNN_OK && stat(path, &info) == 0;
}

/* A folder of trials has no files of a run itself, and only --continue may find trials in it. */
static lyrnn_status check_out(const trial_list *list, train_fields *fields,
                              const option_result *result)
{
    if (exists(list, "config.json"))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: is a run, not a folder of trials; name another --out", list->out);
    LYRNN_TRY(train_check_options(fields, result));
    if (!fields->train.is_repeated && exists(list, "trial-001"))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: has trials; add --continue to continue them, or name another --out",
                          list->out);
    return LYRNN_OK;
}

/* Standard input can be read once only. */
static lyrnn_status check_corpus(const option_result *result)
{
    for (int i = 0; i < result->num_arguments; i++)
        if (strcmp(result->arguments[i], "-") == 0)
            return lyrnn_fail(LYRNN_ERR_USAGE, "-: standard input cannot be read once per trial; "
                                               "save the lyrics in a file");
    return LYRNN_OK;
}

static lyrnn_status stop(const trial_list *list, size_t number)
{
    return lyrnn_fail(LYRNN_INTERRUPTED,
                      "%s: interrupted in trial %zu of %zu; repeat the command with --out %s "
                      "--continue",
                      list->out, number, list->num, list->out);
}

/* Whether the others would fail for the same reason, which is not in this line: the lyrics, the
 * disk or another process. */
static bool stops_all(const trial *item, lyrnn_status status)
{
    return status == LYRNN_ERR_LOCKED || status == LYRNN_ERR_CORPUS ||
           (status == LYRNN_ERR_IO && json_object_get(item->line, "init") == NULL);
}

static lyrnn_status run_trial(trial_list *list, size_t i)
{
    trial *item = &list->items[i];
    char *text = json_to_text(item->line, 0);
    lyrnn_print_plain(stderr, "trial %zu of %zu: %s\n", i + 1, list->num,
                      text != NULL ? text : item->name);
    free(text);
    if (interrupt_signal() != 0)
        return stop(list, i + 1);
    lyrnn_status status = train_by_options(&item->fields, &item->result);
    if (status == LYRNN_INTERRUPTED)
        return stop(list, i + 1);
    if (stops_all(item, status))
        return status;
    item->is_done = true;
    if (status != LYRNN_OK) {
        item->error = strdup(lyrnn_error_text());
        lyrnn_print_plain(stderr, "warning: %s failed: %s\n", item->name, lyrnn_error_text());
    }
    trial_read_result(item);
    return trials_write(list);
}

static lyrnn_status run_trials(trial_list *list)
{
    size_t num_failed = 0;
    for (size_t i = 0; i < list->num; i++) {
        LYRNN_TRY(run_trial(list, i));
        num_failed += list->items[i].error != NULL;
    }
    LYRNN_TRY(trials_print(list));
    LYRNN_TRY(standard_output_flush());
    return num_failed == 0 ? LYRNN_OK
                           : lyrnn_fail(LYRNN_ERR_DIVERGED,
                                        "%s: %zu of %zu trials failed; correct or remove their "
                                        "lines, and name another --out",
                                        list->out, num_failed, list->num);
}

static void free_trials(trial_list *list)
{
    for (size_t i = 0; i < list->num; i++) {
        trial *item = &list->items[i];
        options_free(&train_table, &item->fields);
        json_decref(item->line);
        json_decref(item->options);
        json_decref(item->best);
        free(item->error);
    }
    free(list->items);
}

lyrnn_status train_trials(train_fields *fields, const option_result *result)
{
    trial_list list = {0};
    LYRNN_TRY(choose_out(&list, fields));
    LYRNN_TRY(check_out(&list, fields, result));
    LYRNN_TRY(check_corpus(result));
    lyrnn_status status = read_trials(&list, fields, result);
    if (status == LYRNN_OK)
        status = run_trials(&list);
    free_trials(&list);
    return status;
}
