/* lyrnn train --trial: several trainings, one after another, and a table of what came of them.
 * trials.c trains; trial_lines.c reads the file; trial_check.c refuses what cannot be trained or
 * compared; trial_table.c ranks and prints. */
#ifndef LYRNN_CLI_TRIALS_H
#define LYRNN_CLI_TRIALS_H

#include <limits.h>

#include <jansson.h>

#include "cli/train_options.h"

typedef struct {
    size_t number;   /* of its line in the file, from 1 */
    json_t *line;    /* the object of the file; owned */
    json_t *options; /* those of the command line and of the line; owned */
    train_fields fields;
    option_result result;
    char name[32]; /* "trial-001" */
    char out[PATH_MAX];
    /* Every option as it was resolved: trial_check sets them, and trial_read_result takes those of
     * the run. Owned. */
    json_t *resolved;
    bool is_done;
    char *error; /* why it failed; owned; NULL: it did not */
    /* What trial_read_result reads. */
    json_t *best;   /* the line of the best epoch in metrics.jsonl; owned; NULL: none */
    double seconds; /* that all epochs took */
} trial;

typedef struct {
    const char *path; /* of the file */
    char out[PATH_MAX];
    trial *items; /* (num)  owned */
    size_t num;
} trial_list;

/* trials.c: trains by the lines of the file that the fields name. */
lyrnn_status train_trials(train_fields *fields, const option_result *result);

/* train.c: trains by options, however they were read: a new model, --init, --resume or --continue.
 * The second one refuses options that do not go together, whatever their values are. */
lyrnn_status train_by_options(train_fields *fields, const option_result *result);
lyrnn_status train_check_start_options(const train_fields *fields, const option_result *result);

/* train.c: gives the fields the values that they have in a training: those of the preset, and the
 * shape of --init. A zeroed start is a new training, and gets the model of --init. In a
 * LYRNN_START_RESUME the network of the run is that of the checkpoint. The second function fails if
 * the training would refuse these values whatever the corpus is. */
lyrnn_status train_resolve(train_fields *fields, const option_result *result, lyrnn_start *start);
lyrnn_status train_check_resolved(const train_fields *fields, const option_result *result,
                                  lyrnn_start *start);

/* train.c: whether the command line or the preset has an option. */
bool train_is_chosen(const train_fields *fields, const option_result *result, const char *name);

/* trial_lines.c: reads the file into a zeroed list with `out`, and checks all trials. */
lyrnn_status trials_read(trial_list *list, const train_fields *fields, const option_result *result);

/* trial_check.c */

/* Refuses a line with an option that must be the same for all. LYRNN_ERR_USAGE. */
lyrnn_status trial_check_fixed(const json_t *line);

/* Resolves the options of the last trial of the list, and refuses what its training would refuse
 * before it reads the corpus, options that its run was not trained with, and another text than that
 * of the first trial. */
lyrnn_status trial_check(const trial_list *list);

/* Warns if all trials are well, but hold out different songs. */
void trials_warn_of_seeds(const trial_list *list);

/* trial_table.c */

/* Reads what a trial that is done has reached, and with which options. LYRNN_ERR_MEMORY. */
lyrnn_status trial_read_result(trial *item);

/* Prints the table on standard output: the best trial first, then those that failed. */
lyrnn_status trials_print(const trial_list *list);

/* Writes trials.jsonl, one object per trial that is done, in the order of the table. LYRNN_ERR_IO,
 * LYRNN_ERR_MEMORY. */
lyrnn_status trials_write(const trial_list *list);

#endif
