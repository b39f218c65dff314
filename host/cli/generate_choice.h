/* How lyrnn generate chooses characters. */
#ifndef LYRNN_CLI_GENERATE_CHOICE_H
#define LYRNN_CLI_GENERATE_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options/options.h"
#include "lyrnn/generate.h"

/* What the user gave. */
typedef struct {
    const option_table *table;
    const option_result *result;
    bool greedy;
    int num_beams; /* 0: no beam search */
    size_t num_samples;
    size_t num_suggestions; /* 0: no suggestions */
} generate_choice;

/* Refuses options that contradict each other. Sets whether texts are sampled at random; if not, the
 * sampler's temperature becomes 0. LYRNN_ERR_USAGE. */
lyrnn_status generate_choose(const generate_choice *choice, lyrnn_sampler *sampler,
                             bool *is_random);

#endif
