/* The largest hidden sizes that the documentation names for the paths that keep W_hh on chip. Up to
 * them the path is used, beyond them it is not. On such a path a sequence is one kernel; by steps
 * there is at least one kernel per step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/device.h"
#include "lyrnn/parameters.h"
#include "lyrnn_sim.h"

enum { T = 2 };

static float *zeros(lyrnn_backend *backend, size_t count)
{
    void *memory;
    assert_int_equal(backend->memory_alloc(backend, count * sizeof(float), &memory), LYRNN_OK);
    backend->zero(backend, memory, count * sizeof(float));
    return memory;
}

static uint64_t count_kernels(lyrnn_backend *backend, lyrnn_cell cell, int H)
{
    size_t GH = (size_t)(lyrnn_num_gates(cell) * H), h = (size_t)H;
    lyrnn_recurrence_forward_args args = {
        .T = T,
        .B = 1,
        .H = H,
        .h_stride = H,
        .cell = cell,
        .w_hh = zeros(backend, GH * h),
        .b_hh = zeros(backend, GH),
        .gates = zeros(backend, T * GH),
        .h = zeros(backend, (T + 1) * h),
        .c = cell == LYRNN_LSTM ? zeros(backend, (T + 1) * h) : NULL,
        .saved = cell == LYRNN_GRU ? zeros(backend, T * h) : NULL,
        .scratch = zeros(backend, GH * h),
    };
    backend->synchronize(backend);
    lyrnn_sim_reset_counters();
    backend->recurrence_forward(backend, &args);
    backend->synchronize(backend);
    uint64_t num_kernels = lyrnn_sim_read_counters().kernels_run;
    float *const buffers[] = {(float *)args.w_hh, (float *)args.b_hh, args.gates, args.h, args.c,
                              args.saved,         args.scratch};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        backend->memory_free(backend, buffers[i]);
    return num_kernels;
}

/* gpcs: the multiprocessors of each GPC, or their number. */
static lyrnn_backend open_device(const char *capability, const char *gpcs, const char *path)
{
    lyrnn_backend backend;
    const bool is_list = strchr(gpcs, ',') != NULL;
    setenv("LYRNN_SIM_CAPABILITY", capability, 1);
    setenv("LYRNN_SIM_SMS", is_list ? "" : gpcs, 1);
    setenv("LYRNN_SIM_GPCS", is_list ? gpcs : "", 1);
    setenv("LYRNN_DEBUG_RECURRENCE", path, 1);
    lyrnn_sim_reset();
    assert_int_equal(lyrnn_backend_open("cuda", 1, LYRNN_FP32, &backend), LYRNN_OK);
    return backend;
}

static void check_limits(const char *capability, const char *path, const int limits[4])
{
    lyrnn_backend backend = open_device(capability, "132", path);
    for (int cell = LYRNN_RNN_TANH; cell <= LYRNN_GRU; cell++) {
        assert_int_equal(count_kernels(&backend, (lyrnn_cell)cell, limits[cell]), 1);
        assert_int_equal(count_kernels(&backend, (lyrnn_cell)cell, limits[cell] + 1), T);
    }
    lyrnn_backend_close(&backend);
}

static void with_clusters(void **state)
{
    (void)state;
    const int limits[] = {512, 512, 256, 256};
    check_limits("90", "resident", limits);
    check_limits("120", "resident", limits);
}

static void before_clusters(void **state)
{
    (void)state;
    const int limits[] = {128, 128, 64, 64};
    check_limits("75", "resident", limits);
    check_limits("89", "resident", limits);
}

static void in_one_block(void **state)
{
    (void)state;
    const int limits[] = {256, 256, 128, 128};
    check_limits("75", "block", limits);
    check_limits("89", "block", limits);
    check_limits("90", "block", limits);
}

/* Counts the kernels that a forward or a backward sequence queues. They never run, because a whole
 * simulated device is slow. */
static uint64_t count_queued(lyrnn_backend *backend, lyrnn_cell cell, int B, int H, bool backward)
{
    lyrnn_recurrence_forward_args there = {.T = T, .B = B, .H = H, .h_stride = H, .cell = cell};
    lyrnn_recurrence_backward_args back = {.T = T, .B = B, .H = H, .h_stride = H, .cell = cell};
    lyrnn_sim_reset_counters();
    if (backward)
        backend->recurrence_backward(backend, &back);
    else
        backend->recurrence_forward(backend, &there);
    uint64_t num_kernels = lyrnn_sim_read_counters().kernel_launches;
    lyrnn_sim_reset();
    return num_kernels;
}

/* Both directions fit up to the limit, and at least one does not fit beyond it. */
static void check_grid_limits(const char *capability, const char *num_sms, const int limits[4])
{
    enum { B = 128 };
    lyrnn_backend backend = open_device(capability, num_sms, "grid");
    for (int i = LYRNN_RNN_TANH; i <= LYRNN_GRU; i++) {
        lyrnn_cell cell = (lyrnn_cell)i;
        int H = limits[i];
        assert_int_equal(count_queued(&backend, cell, B, H, false), 1);
        assert_int_equal(count_queued(&backend, cell, B, H, true), 1);
        assert_true(count_queued(&backend, cell, B, H + 1, false) == T ||
                    count_queued(&backend, cell, B, H + 1, true) == T);
    }
    lyrnn_backend_close(&backend);
}

static void over_the_grid(void **state)
{
    (void)state;
    const int h100[] = {2304, 2304, 1152, 1344}, a100[] = {1664, 1664, 692, 864};
    const int rtx_4090[] = {1024, 1024, 352, 469};
    check_grid_limits("90", "132", h100);
    check_grid_limits("80", "108", a100);
    check_grid_limits("89", "128", rtx_4090);
}

/* The resident path of these sizes needs a cluster of four and of eight blocks. A device whose GPCs
 * hold no such cluster runs by steps; it does not fail. */
static void where_no_gpc_holds_the_cluster(void **state)
{
    (void)state;
    lyrnn_backend backend = open_device("90", "6,6,4", "resident");
    assert_int_equal(count_kernels(&backend, LYRNN_RNN_TANH, 256), 1);
    assert_int_equal(count_kernels(&backend, LYRNN_RNN_TANH, 512), T);
    lyrnn_backend_close(&backend);
    backend = open_device("90", "3,3,2", "resident");
    assert_int_equal(count_kernels(&backend, LYRNN_RNN_TANH, 128), 1);
    assert_int_equal(count_kernels(&backend, LYRNN_RNN_TANH, 257), T);
    lyrnn_backend_close(&backend);
    backend = open_device("90", "3,3,2", "grid");
    assert_int_equal(count_queued(&backend, LYRNN_RNN_TANH, 8, 64, false), 1);
    lyrnn_backend_close(&backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_clusters),
        cmocka_unit_test(before_clusters),
        cmocka_unit_test(in_one_block),
        cmocka_unit_test(over_the_grid),
        cmocka_unit_test(where_no_gpc_holds_the_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
