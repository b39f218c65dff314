/* Trains by the lines of a file, one after another. A trial that fails does not stop the others,
 * unless they would fail for the same reason. Read next: trial_lines.c. */
#include "cli/trials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/interrupt.h"
#include "cli/standard_output.h"
#include "files/json_build.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

static lyrnn_status choose_out(trial_list *list, const train_fields *fields)
{
    time_t now = time(NULL);
    struct tm local;
    char date_time[32] = "trials";
    const char *out = fields->train.out_path;
    if (out != NULL && out[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "--out: the name is empty; name a folder");
    if (out != NULL)
        return run_dir_format(list->out, "%s", out);
    if (localtime_r(&now, &local) != NULL)
        strftime(date_time, sizeof date_time, "%Y%m%d-%H%M%S", &local);
    return run_dir_format(list->out, "runs/%s", date_time);
}

/* Whether the folder of the trials has this file or folder. "": itself. */
static bool exists(const trial_list *list, const char *name, struct stat *info)
{
    path_text path;
    return run_dir_format(path, "%s/%s", list->out, name) == LYRNN_OK && stat(path, info) == 0;
}

/* A folder of trials has no files of a run itself, and only --continue may find trials in it. */
static lyrnn_status check_out(const trial_list *list, const train_fields *fields)
{
    struct stat info, given;
    if (exists(list, "config.json", &info))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: is a run, not a folder of trials; name another --out", list->out);
    bool has_results = exists(list, "trials.jsonl", &info);
    if (has_results && stat(fields->trial_path, &given) == 0 && given.st_dev == info.st_dev &&
        given.st_ino == info.st_ino)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "%s: is where the results of the trials go; give the lines in another "
                          "file, or name another --out",
                          fields->trial_path);
    if (!fields->train.is_repeated && (has_results || exists(list, "trial-001", &info)))
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

/* Whether the others would fail for the same reason, which is not in this line: the disk, another
 * process, or the lyrics, unless they only do not fit the model of its --init. */
static bool stops_all(const trial *item, lyrnn_status status)
{
    bool has_init = json_is_string(json_object_get(item->line, "init"));
    return status == LYRNN_ERR_IO || status == LYRNN_ERR_LOCKED ||
           (status == LYRNN_ERR_CORPUS && !has_init);
}

static lyrnn_status run_trial(trial_list *list, size_t i)
{
    trial *item = &list->items[i];
    char *text = json_to_text(item->line, JSON_REAL_PRECISION(9));
    lyrnn_print_plain(stderr, "trial %zu of %zu: %s\n", i + 1, list->num,
                      text != NULL ? text : item->name);
    free(text);
    if (interrupt_signal() != 0)
        return stop(list, i + 1);
    item->fields.train.out_path = item->out;
    lyrnn_status status = train_by_options(&item->fields, &item->result);
    if (status == LYRNN_INTERRUPTED)
        return stop(list, i + 1);
    if (stops_all(item, status))
        return status;
    item->is_done = true;
    if (status != LYRNN_OK) {
        item->error = strdup(lyrnn_error_text());
        if (item->error == NULL)
            return lyrnn_out_of_memory(item->name, 0, "close other programs");
        lyrnn_print_plain(stderr, "warning: %s failed: %s\n", item->name, lyrnn_error_text());
    }
    LYRNN_TRY(trial_read_result(item));
    return trials_write(list);
}

/* Completes an error about a file, for example on a full disk. If nothing was made yet, there is
 * nothing to continue. */
static lyrnn_status add_how_to_continue(const trial_list *list)
{
    struct stat info;
    return exists(list, "", &info)
               ? lyrnn_fail(LYRNN_ERR_IO, "%s, then repeat the command with --out %s --continue",
                            lyrnn_error_text(), list->out)
               : LYRNN_ERR_IO;
}

/* Says what to do about trials that failed. A run keeps the options that it was trained with. */
static lyrnn_status check_failed(const trial_list *list)
{
    size_t num_failed = 0;
    const trial *trained = NULL;
    for (size_t i = 0; i < list->num; i++) {
        const trial *item = &list->items[i];
        num_failed += item->error != NULL;
        if (item->error != NULL && trained == NULL && lyrnn_run_dir_is_saved(item->out))
            trained = item;
    }
    if (num_failed == 0)
        return LYRNN_OK;
    if (trained == NULL)
        return lyrnn_fail(LYRNN_ERR_DIVERGED,
                          "%s: %zu of %zu trials failed; correct their lines, and repeat the "
                          "command with --out %s --continue",
                          list->out, num_failed, list->num, list->out);
    return lyrnn_fail(LYRNN_ERR_DIVERGED,
                      "%s: %zu of %zu trials failed; correct their lines, and repeat the command "
                      "with --out %s --continue, or with another --out for %s, which has a run",
                      list->out, num_failed, list->num, list->out, trained->name);
}

static lyrnn_status run_trials(trial_list *list)
{
    trials_warn_of_seeds(list);
    for (size_t i = 0; i < list->num; i++) {
        lyrnn_status status = run_trial(list, i);
        if (status != LYRNN_OK)
            return status == LYRNN_ERR_IO ? add_how_to_continue(list) : status;
    }
    LYRNN_TRY(trials_print(list));
    LYRNN_TRY(standard_output_flush());
    return check_failed(list);
}

static void free_trials(trial_list *list)
{
    for (size_t i = 0; i < list->num; i++) {
        trial *item = &list->items[i];
        options_free(&train_table, &item->fields);
        json_decref(item->line);
        json_decref(item->options);
        json_decref(item->resolved);
        json_decref(item->best);
        free(item->error);
    }
    free(list->items);
}

lyrnn_status train_trials(train_fields *fields, const option_result *result)
{
    trial_list list = {0};
    LYRNN_TRY(train_check_start_options(fields, result));
    LYRNN_TRY(choose_out(&list, fields));
    LYRNN_TRY(check_out(&list, fields));
    LYRNN_TRY(check_corpus(result));
    lyrnn_status status = trials_read(&list, fields, result);
    if (status == LYRNN_OK)
        status = run_trials(&list);
    free_trials(&list);
    return status;
}
