/* Cooperative launches that nothing orders. The simulator reports two that do not fit on the device
 * at once. */
#include "sim_test.h"

#include <cooperative_groups.h>

#include <unistd.h>

__global__ void first_grid_kernel(int *)
{
    cooperative_groups::this_grid().sync();
}
__global__ void second_grid_kernel(int *)
{
    cooperative_groups::this_grid().sync();
}

/* A cooperative launch. Four multiprocessors hold one block of 200 KiB or two of 100 KiB each. */
struct grid_shape {
    unsigned blocks, cluster, kib, threads = 32;
};

static cudaError_t launch_grid(cudaStream_t stream, void (*kernel)(int *), grid_shape grid)
{
    cudaLaunchAttribute attributes[] = {cooperative(), cluster_of(grid.cluster)};
    cudaLaunchConfig_t config = shape(grid.blocks, grid.threads, (size_t)grid.kib << 10);
    config.stream = stream;
    config.attrs = attributes;
    config.numAttrs = 2;
    OK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 200 << 10));
    return cudaLaunchKernelEx(&config, kernel, (int *)NULL);
}

typedef enum { UNORDERED, BY_EVENT, BY_HOST, BY_STREAM } order_of_grids;

/* Launches one grid and then the other. Returns whether the second launch is accepted. */
static bool launch_grids(grid_shape first, grid_shape second, order_of_grids order, bool captured)
{
    cudaStream_t origin = open_stream(0), streams[] = {open_stream(0), NULL};
    cudaEvent_t event = open_event();
    cudaGraph_t graph = NULL;
    streams[1] = order == BY_STREAM ? streams[0] : open_stream(0);
    if (captured)
        OK(cudaStreamBeginCapture(origin, cudaStreamCaptureModeGlobal));
    order_after(streams[0], origin, event);
    order_after(streams[1], origin, event);
    OK(launch_grid(streams[0], first_grid_kernel, first));
    if (order == BY_EVENT)
        order_after(streams[1], streams[0], event);
    if (order == BY_HOST)
        OK(cudaStreamSynchronize(streams[0]));
    cudaError_t error = launch_grid(streams[1], second_grid_kernel, second);
    if (error == cudaSuccess) {
        order_after(origin, streams[0], event);
        order_after(origin, streams[1], event);
        if (captured)
            OK(cudaStreamEndCapture(origin, &graph));
        OK(cudaDeviceSynchronize());
        if (captured)
            OK(cudaGraphDestroy(graph));
    } else if (captured) {
        (void)cudaStreamEndCapture(origin, &graph);
    }
    (void)cudaEventDestroy(event);
    (void)cudaStreamDestroy(origin);
    (void)cudaStreamDestroy(streams[0]);
    if (order != BY_STREAM)
        (void)cudaStreamDestroy(streams[1]);
    return error == cudaSuccess;
}

static void open_small_device(void)
{
    setenv("LYRNN_SIM_SMS", "4", 1);
    lyrnn_sim_reset();
    lyrnn_sim_set_report_hook(remember);
    reported = LYRNN_SIM_NO_DEFECT;
}

static void close_small_device(void)
{
    lyrnn_sim_set_report_hook(NULL);
    unsetenv("LYRNN_SIM_SMS");
    lyrnn_sim_reset();
}

static void cooperative_launches_that_do_not_fit_together_need_an_order(void **)
{
    const grid_shape whole = {4, 1, 200}, half = {4, 1, 100}, pair = {2, 1, 200}, one = {1, 1, 100};
    const grid_shape clusters = {4, 2, 200}, small_clusters = {4, 2, 100};
    const struct {
        grid_shape first, second;
        bool fits;
    } cases[] = {
        {whole, whole, false},
        {whole, one, false},
        {half, half, true},
        {pair, pair, true},
        {pair, half, false},
        {clusters, whole, false},
        {small_clusters, pair, false},
        {half, small_clusters, true},
    };
    open_small_device();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int captured = 0; captured < 2; captured++) {
            bool accepted = launch_grids(cases[i].first, cases[i].second, UNORDERED, captured);
            if (accepted != cases[i].fits)
                fail_msg("case %zu, %s", i, captured ? "captured" : "eager");
            if (!accepted)
                expect_report(LYRNN_SIM_COOPERATIVE_OVERLAP, "first_grid_kernel (");
        }
        assert_int_equal(reported, LYRNN_SIM_NO_DEFECT);
    }
    close_small_device();
}

static void ordered_cooperative_launches_may_each_fill_the_device(void **)
{
    const grid_shape whole = {4, 1, 200};
    open_small_device();
    assert_true(launch_grids(whole, whole, BY_EVENT, false));
    assert_true(launch_grids(whole, whole, BY_EVENT, true));
    assert_true(launch_grids(whole, whole, BY_STREAM, false));
    assert_true(launch_grids(whole, whole, BY_STREAM, true));
    assert_true(launch_grids(whole, whole, BY_HOST, false));
    assert_int_equal(reported, LYRNN_SIM_NO_DEFECT);
    close_small_device();
}

/* A multiprocessor has registers for 512 threads of either kernel. */
static void registers_keep_grids_apart(void **)
{
    const grid_shape all_registers = {4, 1, 1, 288}, half = {2, 1, 1, 288};
    char name[] = P_tmpdir "/resources.XXXXXX";
    int file = mkstemp(name);
    assert_true(file >= 0);
    dprintf(file, "90 90 built _Z17first_grid_kernelPi 128 0 0 0\n");
    dprintf(file, "90 90 built _Z18second_grid_kernelPi 128 0 0 0\n");
    close(file);
    open_small_device();
    assert_true(launch_grids(all_registers, all_registers, UNORDERED, false));
    setenv("LYRNN_SIM_RESOURCES", name, 1);
    lyrnn_sim_reset();
    assert_false(launch_grids(all_registers, all_registers, UNORDERED, false));
    expect_report(LYRNN_SIM_COOPERATIVE_OVERLAP, "first_grid_kernel (4 blocks)");
    assert_true(launch_grids(half, half, UNORDERED, false));
    unsetenv("LYRNN_SIM_RESOURCES");
    unlink(name);
    close_small_device();
}

/* A grid in a graph counts for the launch of the graph. */
static void graphs_with_cooperative_launches_need_an_order_too(void **)
{
    const grid_shape whole = {4, 1, 200};
    open_small_device();
    cudaStream_t stream = open_stream(0), other = open_stream(0);
    cudaEvent_t event = open_event();
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    OK(launch_grid(stream, first_grid_kernel, whole));
    OK(cudaStreamEndCapture(stream, &graph));
    OK(cudaGraphInstantiate(&executable, graph, 0));
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaGraphLaunch(executable, stream));
    order_after(other, stream, event);
    OK(launch_grid(other, second_grid_kernel, whole));
    assert_int_equal(reported, LYRNN_SIM_NO_DEFECT);
    assert_int_equal(cudaGraphLaunch(executable, stream), cudaErrorLaunchFailure);
    if (strstr(reported_text, "second_grid_kernel (4 blocks) and first_grid_kernel (4") == NULL)
        fail_msg("%s", reported_text);
    expect_report(LYRNN_SIM_COOPERATIVE_OVERLAP, "order them with an event");
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(stream));
    OK(cudaStreamDestroy(other));
    close_small_device();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cooperative_launches_that_do_not_fit_together_need_an_order),
        cmocka_unit_test(ordered_cooperative_launches_may_each_fill_the_device),
        cmocka_unit_test(registers_keep_grids_apart),
        cmocka_unit_test(graphs_with_cooperative_launches_need_an_order_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
