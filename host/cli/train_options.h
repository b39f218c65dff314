/* The options of lyrnn train, which are also the format of config.json. */
#ifndef LYRNN_CLI_TRAIN_OPTIONS_H
#define LYRNN_CLI_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/machine.h"
#include "cli/options/options.h"
#include "lyrnn/comm.h"
#include "lyrnn/train.h"

typedef struct {
    lyrnn_train_options train;
    int preset, offset; /* indices in their metavars; 0: none, zero */
    const char *init_path, *resume_path, *trial_path;
    bool is_trial;          /* one of several: standard output is for the table of all */
    bool is_check;          /* nothing is trained, so nothing is reported */
    int num_ranks;          /* that this process starts; 1: none */
    int rendezvous_timeout; /* seconds */
    /* train_ranks.c */
    lyrnn_comm *comm; /* the ranks of this training; NULL: there are none */
    FILE *silence;    /* where a rank reports that does not lead; else NULL */
    option_texts prefixes;
    machine_options machine;
} train_fields;

extern const option_table train_table;

#endif
