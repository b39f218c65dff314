/* lyrnn train --trial: several trainings, one after another, and a table of what came of them.
 * trials.c reads the file and trains; trial_table.c ranks and prints. */
#ifndef LYRNN_CLI_TRIALS_H
#define LYRNN_CLI_TRIALS_H

#include <limits.h>

#include <jansson.h>

#include "cli/train_options.h"

typedef struct {
    json_t *line;    /* the object of the file; owned */
    json_t *options; /* those of the command line and of the line; owned */
    train_fields fields;
    option_result result;
    char name[32]; /* "trial-001" */
    char out[PATH_MAX];
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
 * The second one fails if the first one would refuse the options, and changes nothing but the
 * fields. */
lyrnn_status train_by_options(train_fields *fields, const option_result *result);
lyrnn_status train_check_options(train_fields *fields, const option_result *result);

/* trial_table.c */

/* Reads what a trial that is done has reached. */
void trial_read_result(trial *item);

/* Prints the table on standard output: the best trial first, then those that failed. */
lyrnn_status trials_print(const trial_list *list);

/* Writes trials.jsonl, one object per trial that is done, in the order of the table. LYRNN_ERR_IO,
 * LYRNN_ERR_MEMORY. */
lyrnn_status trials_write(const trial_list *list);

#endif
