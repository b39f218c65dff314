/* Prints the results of lyrnn bench as a table to read, as JSON, as JSON lines or as CSV: one row
 * per shape, or one row per operation with --task operations. */
#ifndef LYRNN_CLI_BENCH_OUTPUT_H
#define LYRNN_CLI_BENCH_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/bench_run.h"
#include "cli/bench_shapes.h"

typedef enum { BENCH_TABLE, BENCH_JSON, BENCH_JSONL, BENCH_CSV } bench_format;

/* The rows of a shape if there are N ranks. Without ranks, a shape has one row. */
typedef enum {
    BENCH_ONE_RANK, /* rank 0 computes while the others wait */
    BENCH_STRONG,   /* N ranks divide the same batch */
    BENCH_WEAK,     /* N ranks divide a batch that is N times as large */
    BENCH_NUM_SCALINGS
} bench_scaling;

typedef struct {
    bench_format format;
    json_t *options; /* every row begins with them; the shape's values replace lists */
    lyrnn_backend *backend;
    FILE *log;           /* what else there is to say; rank 0 says it */
    plan_pair_text plan; /* by which the shape's recurrences run; "": there is only one way */
    bench_scaling scaling;
    double one_rank_speed; /* characters/s of the shape's BENCH_ONE_RANK */
    bool has_begun;        /* the head of the table or of CSV has been printed */
} bench_output;

/* What each row of JSON has: the shape, and the machine with the build. */
void bench_put_shape(json_t **row, const bench_shape *shape);
void bench_put_machine(json_t **row, lyrnn_backend *backend);

/* "shape D: lstm, vocab 4096, hidden 1024, layers 2, batch 128, time steps 128" */
typedef char bench_label[128];
void bench_label_of(const lyrnn_bench_config *config, const bench_shape *shape, bench_label label);

/* How many ranks compute the row. */
int bench_ranks_of(const bench_output *output);

/* Prints one shape's result, on rank 0. LYRNN_ERR_IO if standard output cannot be written. */
lyrnn_status bench_output_print(bench_output *output, const lyrnn_bench_config *config,
                                const bench_shape *shape, const lyrnn_bench_result *result);

/* Prints what comes after the last row, on rank 0. LYRNN_ERR_IO as above. */
lyrnn_status bench_output_end(const bench_output *output);

#endif
