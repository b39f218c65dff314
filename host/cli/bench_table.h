/* Prints the results of lyrnn bench as a table to read. */
#ifndef LYRNN_CLI_BENCH_TABLE_H
#define LYRNN_CLI_BENCH_TABLE_H

#include <stdbool.h>

#include "bench/bench_run.h"

/* Prints the device and the build, once. */
void bench_table_head(lyrnn_backend *backend);

/* What a row among several ranks is compared with. */
typedef struct {
    int num;               /* ranks that compute the row; 0: there are no ranks at all */
    const char *carrier;   /* what moves their gradients */
    bool is_weak;          /* the batch is as many times as large */
    double one_rank_speed; /* characters/s of the shape on one rank */
} bench_table_ranks;

/* Prints one shape's result below its label. plan is the line of its plans, or "". */
void bench_table_shape(const char *label, const char *plan, const bench_table_ranks *ranks,
                       const lyrnn_bench_config *config, const lyrnn_bench_result *result);

#endif
