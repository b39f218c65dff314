/* The options of lyrnn train, which are also the format of config.json. */
#ifndef LYRNN_CLI_TRAIN_OPTIONS_H
#define LYRNN_CLI_TRAIN_OPTIONS_H

#include "cli/machine.h"
#include "cli/options/options.h"
#include "lyrnn/train.h"

typedef struct {
    lyrnn_train_options train;
    int preset, offset; /* indices in their metavars; 0: none, zero */
    const char *init_path, *resume_path;
    option_texts prefixes;
    machine_options machine;
} train_fields;

extern const option_table train_table;

#endif
