/* Measures how fast a device trains or generates, on random characters. It first times whole
 * optimizer steps, or whole generations, without any interruption. Then it times each operation of
 * a step separately and compares it with an estimate: its time at the device's rates.
 * op_cost.h counts what an operation has to do, and device_rates.h measures how fast the device
 * does it. scripts/bench/README.md explains the method to users. */
#ifndef LYRNN_BENCH_RUN_H
#define LYRNN_BENCH_RUN_H

#include <stddef.h>

#include "bench/device_rates.h"
#include "bench/link_rates.h"
#include "bench/op_cost.h"
#include "lyrnn/backend.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LYRNN_BENCH_TRAIN,     /* optimizer steps, then their operations */
    LYRNN_BENCH_GENERATE,  /* B texts in parallel, each from a prompt of one character */
    LYRNN_BENCH_OPERATIONS /* only the operations of an optimizer step */
} lyrnn_bench_task;

/* A step is one optimizer step, or one character of each of the B texts. */
typedef struct {
    lyrnn_bench_task task;
    lyrnn_rnn_config model; /* input_size is V */
    int T, B;               /* of a training batch; generation has T = 1 */
    int num_steps;          /* steps per repetition; a repetition is timed as a whole */
    int num_repetitions;    /* those that count, after the warm-up */
    lyrnn_sampler sampler;  /* used by generation */
    /* The ranks that must stay there while steps run, also if the backend works without them.
     * NULL: there are none. */
    lyrnn_comm *ranks;
} lyrnn_bench_config;

/* Percentiles over the repetitions. */
typedef struct {
    double median_ms, p10_ms, p90_ms;
} lyrnn_bench_time;

/* One operation's part in a step: the sum of all its calls in the step. */
typedef struct {
    const char *name;
    double calls;
    lyrnn_bench_time time; /* includes waiting for the device before and after each call */
    double share;          /* of the sum of all operations' medians */
    double flop, bytes;    /* the minimum numbers, from op_cost.h */
    double time_steps;     /* those that must follow one another */
    double sent;           /* bytes that this rank sends to others; 0 but for all_reduce */
    /* The time of the FLOPs or of the bytes, whichever is longer, plus the bare time steps and the
     * links' time. This is no lower bound: data that stays in a cache moves faster than the copy
     * rate, which is that of memory, and a whole step may run operations and layers in parallel. */
    double estimate_ms;
    double predicted_ms; /* estimate_ms plus a bare call for each call */
} lyrnn_bench_operation;

/* What ranks do in a step beyond computing: they sum their gradients. All 0 without ranks. */
typedef struct {
    lyrnn_link_rates links;
    double bytes;    /* that a rank sends, and receives as many */
    double ms;       /* of all_reduce: also waits for slower ranks and adds */
    double share;    /* of the sum of all operations' medians */
    double floor_ms; /* the bytes at the links' rate, plus the latency of each all_reduce */
} lyrnn_bench_communication;

typedef struct {
    /* The undisturbed time of a step. Zero for LYRNN_BENCH_OPERATIONS, like chars_per_second. */
    lyrnn_bench_time step;
    double chars_per_second; /* B times T characters per step, at the median time */
    size_t device_bytes;     /* what the model and its buffers take from the backend */
    /* On a CPU: the peak resident memory of the process before the rates are measured.
     * On another device: device_bytes plus the backend's own memory. */
    size_t peak_bytes;
    double flop, bytes, estimate_ms; /* per step: sums over the operations */
    lyrnn_device_rates rates;
    lyrnn_bench_communication communication;
    int num_operations; /* only operations that were called */
    lyrnn_bench_operation operations[LYRNN_NUM_OPERATIONS];
} lyrnn_bench_result;

/* Measures one shape on a backend with nothing else in use, and frees all that it allocates.
 * LYRNN_ERR_USAGE if the model's shape is not valid; LYRNN_ERR_MEMORY if it does not fit.
 *
 * If the backend has joined ranks, every rank calls this for the same training. They divide the
 * batch among them, and the times of each are its own. A failure is that of all, except
 * LYRNN_ERR_RANK. */
lyrnn_status lyrnn_bench_run(const lyrnn_bench_config *config, lyrnn_backend *backend,
                             lyrnn_bench_result *result);

/* Decides by which plans the trainings of a shape run on this backend, as tuning_run does, with
 * random characters. tuning_release ends that. The errors of both. */
lyrnn_status lyrnn_bench_tune(const lyrnn_bench_config *config, lyrnn_backend *backend,
                              const tuning_request *request, tuning *result);

#ifdef __cplusplus
}
#endif
#endif
