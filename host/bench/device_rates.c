/* The rates of a device's own GEMM and copy, and what a time step and a call take when there is nothing to do.
 * Sizes double until a call takes so long that the clock and the call itself do not matter; one that does not
 * fit ends the search. */
#include "bench/device_rates.h"

#include <stdbool.h>

#include "base/clock.h"
#include "bench/percentile.h"
#include "model/device_memory.h"

static const double long_enough_seconds = 5e-3;

/* A call that can be repeated. */
typedef void call(lyrnn_backend *backend, const void *args);

/* The median of a few calls, each waited for, after one that is not counted. */
static double time_call(lyrnn_backend *backend, call *run, const void *args)
{
    enum { REPETITIONS = 5 };
    double seconds[REPETITIONS];
    for (int i = -1; i < REPETITIONS; i++) {
        backend->synchronize(backend);
        double start = lyrnn_seconds();
        run(backend, args);
        backend->synchronize(backend);
        if (i >= 0)
            seconds[i] = lyrnn_seconds() - start;
    }
    return lyrnn_percentile(seconds, REPETITIONS, 0.5);
}

static void call_product(lyrnn_backend *backend, const void *args)
{
    backend->linear_backward(backend, (const lyrnn_linear_backward_args *)args);
}

/* Numbers as weights are: zeros, or any bits that memory happens to hold, may take another time. */
static void fill(lyrnn_backend *backend, float *values, size_t count)
{
    const lyrnn_init_uniform_args args = {.count = count, .bound = 0.1f, .values = values};
    backend->init_uniform(backend, &args);
}

static lyrnn_status allocate(lyrnn_backend *backend, size_t bytes, void **memory)
{
    return lyrnn_device_alloc(backend, bytes, "the device's own rates",
                              "end other programs that hold memory", memory);
}

/* By linear_backward: a product and nothing else, where linear_forward has a bias to add. */
static lyrnn_status measure_gemm(lyrnn_backend *backend, lyrnn_bench_floors *floors)
{
    enum { SMALLEST = 256, GREATEST = 8192 };
    for (int n = SMALLEST; n <= GREATEST; n *= 2) {
        size_t square = (size_t)n * (size_t)n;
        void *memory;
        lyrnn_status status = allocate(backend, 3 * square * sizeof(float), &memory);
        if (status != LYRNN_OK)
            return n == SMALLEST ? status : LYRNN_OK;
        float *values = (float *)memory;
        fill(backend, values, 2 * square);
        const lyrnn_linear_backward_args product = {.M = n,
                                                    .in = n,
                                                    .out = n,
                                                    .weight = values,
                                                    .dy = values + square,
                                                    .dx = values + 2 * square};
        double seconds = time_call(backend, call_product, &product);
        backend->memory_free(backend, memory);
        floors->flop_per_second = 2.0 * n * n * n / seconds;
        if (seconds >= long_enough_seconds)
            break;
    }
    return LYRNN_OK;
}

/* Rows one after another, which a device may share out to its threads. */
typedef struct {
    char *to, *from;
    size_t num_bytes;
} copying;

static void call_copy(lyrnn_backend *backend, const void *args)
{
    enum { ROW_BYTES = 1 << 16 };
    const copying *c = (const copying *)args;
    backend->copy_rows(backend, c->to, ROW_BYTES, c->from, ROW_BYTES, ROW_BYTES,
                       c->num_bytes / ROW_BYTES);
}

static lyrnn_status measure_copy(lyrnn_backend *backend, lyrnn_bench_floors *floors)
{
    const size_t smallest = (size_t)16 << 20, greatest = (size_t)512 << 20;
    for (size_t bytes = smallest; bytes <= greatest; bytes *= 2) {
        void *memory;
        lyrnn_status status = allocate(backend, 2 * bytes, &memory);
        if (status != LYRNN_OK)
            return bytes == smallest ? status : LYRNN_OK;
        backend->zero(backend, memory, 2 * bytes);
        const copying args = {(char *)memory, (char *)memory + bytes, bytes};
        double seconds = time_call(backend, call_copy, &args);
        backend->memory_free(backend, memory);
        floors->bytes_per_second = 2.0 * (double)bytes / seconds;
        if (seconds >= long_enough_seconds)
            break;
    }
    return LYRNN_OK;
}

static void call_recurrence(lyrnn_backend *backend, const void *args)
{
    backend->recurrence_forward(backend, (const lyrnn_recurrence_forward_args *)args);
}

/* The difference of many time steps and few, so that what a call takes by itself does not count. */
static lyrnn_status measure_step(lyrnn_backend *backend, lyrnn_cell cell,
                                 lyrnn_bench_floors *floors)
{
    enum { H = 8, FEW = 16, MANY = 528 };
    size_t rows = (size_t)lyrnn_num_gates(cell) * H, slots = (size_t)(MANY + 1) * H;
    size_t count = rows * H + rows + MANY * rows + 3 * slots + rows * H;
    void *memory;
    LYRNN_TRY(allocate(backend, count * sizeof(float), &memory));
    float *values = (float *)memory;
    fill(backend, values, count);
    lyrnn_recurrence_forward_args args = {.B = 1, .H = H, .h_stride = H, .cell = cell};
    args.w_hh = values;
    args.b_hh = args.w_hh + rows * H;
    args.gates = values + rows * H + rows;
    args.h = args.gates + MANY * rows;
    args.c = cell == LYRNN_LSTM ? args.h + slots : NULL;
    args.saved = cell == LYRNN_GRU ? args.h + 2 * slots : NULL;
    args.scratch = args.h + 3 * slots;
    args.T = FEW;
    double few_seconds = time_call(backend, call_recurrence, &args);
    args.T = MANY;
    double seconds = (time_call(backend, call_recurrence, &args) - few_seconds) / (MANY - FEW);
    backend->memory_free(backend, memory);
    floors->step_seconds = seconds > 0 ? seconds : 0;
    return LYRNN_OK;
}

static void call_zero(lyrnn_backend *backend, const void *args)
{
    backend->zero(backend, *(void *const *)args, sizeof(float));
}

static lyrnn_status measure_bare_call(lyrnn_backend *backend, lyrnn_bench_floors *floors)
{
    void *memory;
    LYRNN_TRY(allocate(backend, sizeof(float), &memory));
    floors->call_seconds = time_call(backend, call_zero, &memory);
    backend->memory_free(backend, memory);
    return LYRNN_OK;
}

lyrnn_status lyrnn_bench_measure_floors(lyrnn_backend *backend, lyrnn_cell cell,
                                        lyrnn_bench_floors *floors)
{
    LYRNN_TRY(measure_gemm(backend, floors));
    LYRNN_TRY(measure_copy(backend, floors));
    LYRNN_TRY(measure_step(backend, cell, floors));
    return measure_bare_call(backend, floors);
}
