/* Prints the results of lyrnn bench as a table to read. */
#ifndef LYRNN_CLI_BENCH_TABLE_H
#define LYRNN_CLI_BENCH_TABLE_H

#include "bench/bench_run.h"

/* Prints the device and the build, once. */
void bench_table_head(lyrnn_backend *backend);

/* Prints one shape's result below its label. plan is the line of its plans, or "". */
void bench_table_shape(const char *label, const char *plan, const lyrnn_bench_config *config,
                       const lyrnn_bench_result *result);

#endif
