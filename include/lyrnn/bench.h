/* How fast a device trains and writes: whole optimiser steps on random characters, or whole texts, timed. */
#ifndef LYRNN_BENCH_H
#define LYRNN_BENCH_H

#include "lyrnn/backend.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    lyrnn_rnn_config model; /* input_size is V */
    int T, B;               /* of a batch; writing takes T as 1 */
    int num_steps;          /* of a repetition, timed as one; of writing: characters of a text */
    int num_repetitions;    /* after one that is not counted */
} lyrnn_bench_config;

typedef struct {
    double median_ms, min_ms, max_ms; /* a step, over the repetitions */
    double chars_per_second;          /* T*B characters a step, at the median */
    size_t device_bytes;              /* what the training holds; 0: not counted */
} lyrnn_bench_result;

/* LYRNN_ERR_USAGE, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_bench_training(const lyrnn_bench_config *config, lyrnn_backend *backend,
                                  lyrnn_bench_result *result);

/* B texts side by side from a prompt of one character, by this sampler. The same errors. */
lyrnn_status lyrnn_bench_generation(const lyrnn_bench_config *config, const lyrnn_sampler *sampler,
                                    lyrnn_backend *backend, lyrnn_bench_result *result);

#ifdef __cplusplus
}
#endif
#endif
