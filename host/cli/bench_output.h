/* What lyrnn bench prints: a row a shape, or a row an operation, as JSON lines, CSV, or a table to read. */
#ifndef LYRNN_CLI_BENCH_OUTPUT_H
#define LYRNN_CLI_BENCH_OUTPUT_H

#include <stdbool.h>

#include <jansson.h>

#include "bench/bench_run.h"
#include "cli/bench_shapes.h"

typedef enum { BENCH_TABLE, BENCH_JSON, BENCH_CSV } bench_format;

typedef struct {
    bench_format format;
    json_t *options; /* what every row begins with; the shape replaces its own */
    lyrnn_backend *backend;
    bool has_begun; /* the head is printed */
} bench_output;

/* "row D: lstm, V 4096, H 1024, L 2, B 128, T 128" */
typedef char bench_label[128];
void bench_label_of(const lyrnn_bench_config *config, const bench_shape *shape, bench_label label);

/* LYRNN_ERR_IO where standard output takes no more. */
lyrnn_status bench_output_print(bench_output *output, const lyrnn_bench_config *config,
                                const bench_shape *shape, const lyrnn_bench_result *result);

#endif
