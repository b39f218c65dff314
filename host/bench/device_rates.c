/* Measures a device's GEMM rate and copy rate, and the time of a bare time step and of a bare call.
 * Sizes double until a call takes so long that the clock's resolution and the launch do not matter.
 * The search also ends if a size does not fit into memory. */
#include "bench/device_rates.h"

#include <stdbool.h>

#include "base/clock.h"
#include "bench/percentile.h"
#include "model/device_memory.h"

static const double long_enough_seconds = 5e-3;

/* One operation with its arguments, which can be called again. */
typedef void device_call(lyrnn_backend *backend, const void *args);

/* Returns the median of a few calls. It waits for each one, and does not count the first. */
static double time_call(lyrnn_backend *backend, device_call *run, const void *args)
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

static void run_product(lyrnn_backend *backend, const void *args)
{
    backend->linear_backward(backend, (const lyrnn_linear_backward_args *)args);
}

/* Fills memory with numbers like weights. Zeros, or NaNs in fresh memory, may take another time. */
static void fill_like_weights(lyrnn_backend *backend, float *values, size_t count)
{
    const lyrnn_init_uniform_args args = {.count = count, .bound = 0.1f, .values = values};
    backend->init_uniform(backend, &args);
}

static lyrnn_status allocate_for_rates(lyrnn_backend *backend, size_t bytes, void **memory)
{
    return lyrnn_device_alloc(backend, bytes, "the device's own rates",
                              "end other programs that hold memory", memory);
}

/* Uses linear_backward, which is only a matrix product. linear_forward also adds a bias. */
static lyrnn_status measure_gemm(lyrnn_backend *backend, lyrnn_device_rates *rates)
{
    enum { SMALLEST = 256, LARGEST = 8192 };
    for (int n = SMALLEST; n <= LARGEST; n *= 2) {
        size_t square = (size_t)n * (size_t)n;
        void *memory;
        lyrnn_status status = allocate_for_rates(backend, 3 * square * sizeof(float), &memory);
        if (status != LYRNN_OK)
            return n == SMALLEST ? status : LYRNN_OK;
        float *values = (float *)memory;
        fill_like_weights(backend, values, 2 * square);
        const lyrnn_linear_backward_args product = {.M = n,
                                                    .in = n,
                                                    .out = n,
                                                    .dy_stride = n,
                                                    .weight = values,
                                                    .dy = values + square,
                                                    .dx = values + 2 * square};
        double seconds = time_call(backend, run_product, &product);
        backend->memory_free(backend, memory);
        rates->flop_per_second = 2.0 * n * n * n / seconds;
        if (seconds >= long_enough_seconds)
            break;
    }
    return LYRNN_OK;
}

/* A copy of consecutive rows, which the device can distribute over its threads. */
typedef struct {
    char *to, *from;
    size_t num_bytes;
} copy_args;

static void run_copy(lyrnn_backend *backend, const void *args)
{
    enum { ROW_BYTES = 1 << 16 };
    const copy_args *c = (const copy_args *)args;
    backend->copy_rows(backend, c->to, ROW_BYTES, c->from, ROW_BYTES, ROW_BYTES,
                       c->num_bytes / ROW_BYTES);
}

static lyrnn_status measure_copy(lyrnn_backend *backend, lyrnn_device_rates *rates)
{
    const size_t smallest = (size_t)16 << 20, largest = (size_t)512 << 20;
    for (size_t bytes = smallest; bytes <= largest; bytes *= 2) {
        void *memory;
        lyrnn_status status = allocate_for_rates(backend, 2 * bytes, &memory);
        if (status != LYRNN_OK)
            return bytes == smallest ? status : LYRNN_OK;
        backend->zero(backend, memory, 2 * bytes);
        const copy_args args = {(char *)memory, (char *)memory + bytes, bytes};
        double seconds = time_call(backend, run_copy, &args);
        backend->memory_free(backend, memory);
        rates->bytes_per_second = 2.0 * (double)bytes / seconds;
        if (seconds >= long_enough_seconds)
            break;
    }
    return LYRNN_OK;
}

static void run_recurrence(lyrnn_backend *backend, const void *args)
{
    backend->recurrence_forward(backend, (const lyrnn_recurrence_forward_args *)args);
}

/* Subtracts the time of few steps from the time of many, so that the launch does not count. */
static lyrnn_status measure_bare_step(lyrnn_backend *backend, lyrnn_cell cell,
                                      lyrnn_device_rates *rates)
{
    enum { H = 8, FEW = 16, MANY = 528 };
    size_t rows = (size_t)lyrnn_num_gates(cell) * H, slots = (size_t)(MANY + 1) * H;
    size_t count = rows * H + rows + MANY * rows + 3 * slots + rows * H;
    void *memory;
    LYRNN_TRY(allocate_for_rates(backend, count * sizeof(float), &memory));
    float *values = (float *)memory;
    fill_like_weights(backend, values, count);
    lyrnn_recurrence_forward_args args = {.B = 1, .H = H, .h_stride = H, .cell = cell};
    args.w_hh = values;
    args.b_hh = args.w_hh + rows * H;
    args.gates = values + rows * H + rows;
    args.h = args.gates + MANY * rows;
    args.c = cell == LYRNN_LSTM ? args.h + slots : NULL;
    args.saved = cell == LYRNN_GRU ? args.h + 2 * slots : NULL;
    args.scratch = args.h + 3 * slots;
    args.T = FEW;
    double few_seconds = time_call(backend, run_recurrence, &args);
    args.T = MANY;
    double seconds = (time_call(backend, run_recurrence, &args) - few_seconds) / (MANY - FEW);
    backend->memory_free(backend, memory);
    rates->step_seconds = seconds > 0 ? seconds : 0;
    return LYRNN_OK;
}

static void run_zero(lyrnn_backend *backend, const void *args)
{
    backend->zero(backend, *(void *const *)args, sizeof(float));
}

static lyrnn_status measure_bare_call(lyrnn_backend *backend, lyrnn_device_rates *rates)
{
    void *memory;
    LYRNN_TRY(allocate_for_rates(backend, sizeof(float), &memory));
    rates->call_seconds = time_call(backend, run_zero, &memory);
    backend->memory_free(backend, memory);
    return LYRNN_OK;
}

lyrnn_status lyrnn_measure_device_rates(lyrnn_backend *backend, lyrnn_cell cell,
                                        lyrnn_device_rates *rates)
{
    LYRNN_TRY(measure_gemm(backend, rates));
    LYRNN_TRY(measure_copy(backend, rates));
    LYRNN_TRY(measure_bare_step(backend, cell, rates));
    return measure_bare_call(backend, rates);
}
