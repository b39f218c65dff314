/* How fast a device trains and writes, on random characters: whole optimizer steps or whole texts first, then
 * the same with every operation timed by itself, each beside the time that a model of the device predicts for it.
 * What the model needs of the device is measured in the same run. */
#ifndef LYRNN_BENCH_H
#define LYRNN_BENCH_H

#include <stddef.h>

#include "lyrnn/backend.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_BENCH_TRAIN,     /* optimizer steps */
    LYRNN_BENCH_GENERATE,  /* B texts side by side from a prompt of one character */
    LYRNN_BENCH_OPERATIONS /* the operations of an optimizer step alone */
} lyrnn_bench_task;

typedef struct {
    lyrnn_bench_task task;
    lyrnn_rnn_config model; /* input_size is V */
    int T, B;               /* of a batch; writing takes T as 1 */
    int num_steps;          /* of a repetition, timed as one; of writing: characters of a text */
    int num_repetitions;    /* after one that is not counted; two of one step */
    lyrnn_sampler sampler;  /* of writing */
} lyrnn_bench_config;

/* Over the repetitions. */
typedef struct {
    double median_ms, p10_ms, p90_ms;
} lyrnn_bench_time;

/* What the device can do at best, medians. */
typedef struct {
    double
        flop_per_second; /* of the greatest square linear_backward that was tried: n doubles from 256 */
                         /* until one takes 5 ms, at most to 8192 */
    double
        bytes_per_second; /* of copy_rows, in and out, from buffer to buffer of 16 to 512 MiB, likewise */
    double
        step_seconds; /* of a recurrence, B = 1, H = 8, of the same cell, for each further time step: */
                      /* next to no work, so what a step waits for the one before */
    double call_seconds; /* of a call and of waiting for it: zero, on one number */
} lyrnn_bench_floors;

/* An operation's part in a step: the sum of its calls. */
typedef struct {
    const char *name;
    double calls;
    lyrnn_bench_time time; /* with the device waited for before and after each call */
    double share;          /* of all operations' medians */
    double flop, bytes;    /* at least: host/op_cost.c */
    double time_steps;     /* that wait for one another */
    double floor_ms; /* the longer of FLOPs and bytes at the rates of the floors, and its time */
                     /* steps; operations and layers that run side by side can take less together */
    double predicted_ms; /* with its calls */
} lyrnn_bench_operation;

enum { LYRNN_BENCH_MAX_OPERATIONS = 40 };

typedef struct {
    lyrnn_bench_time step;   /* undisturbed; for LYRNN_BENCH_OPERATIONS zero, as is the next */
    double chars_per_second; /* T*B characters a step, at the median */
    size_t device_bytes;     /* of the backend's memory */
    size_t
        peak_bytes; /* of the process on the CPU, before the floors took theirs; else as above, with */
                    /* the backend's own */
    double flop, bytes, floor_ms; /* a step: the operations' sums */
    lyrnn_bench_floors floors;
    int num_operations; /* those called */
    lyrnn_bench_operation operations[LYRNN_BENCH_MAX_OPERATIONS];
} lyrnn_bench_result;

/* LYRNN_ERR_USAGE, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_bench_run(const lyrnn_bench_config *config, lyrnn_backend *backend,
                             lyrnn_bench_result *result);

#ifdef __cplusplus
}
#endif
#endif
