/* What decides when queued work runs, in streams and in graphs: priorities, which cooperative
 * launches may begin at the same time, and how much work a stream holds. */
#include "sim_test.h"

#include <cooperative_groups.h>
#include <cublas_v2.h>

/* Appends a number to a list whose first element is its length. 0: appends nothing. */
__global__ void append_kernel(int *list, int number)
{
    if (threadIdx.x == 0 && number != 0)
        list[++list[0]] = number;
}

enum { LONGEST_LIST = 15 };

static int *open_list()
{
    const int empty[LONGEST_LIST + 1] = {0};
    int *list = device_copy(empty, LONGEST_LIST + 1);
    OK(cudaDeviceSynchronize());
    return list;
}

/* Returns the numbers as the digits of one number, and empties the list. */
static int take_digits(int *list)
{
    int host[LONGEST_LIST + 1], digits = 0;
    download(host, list, LONGEST_LIST + 1);
    for (int i = 1; i <= host[0]; i++)
        digits = 10 * digits + host[i];
    OK(cudaMemset(list, 0, sizeof *list));
    OK(cudaDeviceSynchronize());
    return digits;
}

static cudaStream_t open_stream(int priority)
{
    cudaStream_t stream;
    OK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority));
    return stream;
}

static cudaEvent_t open_event()
{
    cudaEvent_t event;
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    return event;
}

static void append_on(cudaStream_t stream, int *list, int number)
{
    cudaLaunchConfig_t config = shape(1, 32);
    config.stream = stream;
    OK(cudaLaunchKernelEx(&config, append_kernel, list, number));
}

/* Later work in `behind` waits for the work in `ahead` so far. */
static void order_after(cudaStream_t behind, cudaStream_t ahead, cudaEvent_t event)
{
    OK(cudaEventRecord(event, ahead));
    OK(cudaStreamWaitEvent(behind, event));
}

static void priorities_are_clamped_to_the_range(void **)
{
    const int asked[] = {3, 0, -1, -5, -100}, expected[] = {0, 0, -1, -5, -5};
    int least = 1, greatest = 1;
    OK(cudaDeviceGetStreamPriorityRange(&least, NULL));
    OK(cudaDeviceGetStreamPriorityRange(NULL, &greatest));
    assert_int_equal(least, 0);
    assert_int_equal(greatest, 1 - LYRNN_SIM_PRIORITIES);
    for (int i = 0; i < 5; i++) {
        int priority = 1;
        cudaStream_t stream = open_stream(asked[i]);
        OK(cudaStreamGetPriority(stream, &priority));
        assert_int_equal(priority, expected[i]);
        OK(cudaStreamDestroy(stream));
    }
    int priority = 1;
    OK(cudaStreamGetPriority(NULL, &priority));
    assert_int_equal(priority, 0);
}

/* A priority is a hint: with other seeds, work of a lower priority also runs first. */
static void the_highest_priority_runs_first(void **)
{
    int *list = open_list(), num_other = 0;
    cudaStream_t low = open_stream(0), high = open_stream(-2);
    for (uint64_t seed = 0; seed <= 20; seed++) {
        lyrnn_sim_set_seed(seed);
        append_on(low, list, 1);
        append_on(low, list, 2);
        append_on(high, list, 3);
        append_on(high, list, 4);
        OK(cudaDeviceSynchronize());
        int digits = take_digits(list);
        if (seed == 0)
            assert_int_equal(digits, 3412);
        num_other += digits != 3412;
    }
    assert_in_range(num_other, 1, 20);
    lyrnn_sim_set_seed(0);
    /* A launch can have a priority of its own. */
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributePriority;
    attribute.val.priority = -4;
    cudaLaunchConfig_t config = shape(1, 32);
    config.stream = low;
    config.attrs = &attribute;
    config.numAttrs = 1;
    append_on(high, list, 1);
    OK(cudaLaunchKernelEx(&config, append_kernel, list, 2));
    OK(cudaDeviceSynchronize());
    assert_int_equal(take_digits(list), 21);
    OK(cudaStreamDestroy(low));
    OK(cudaStreamDestroy(high));
    OK(cudaFree(list));
}

/* The graph is 1, then 2 on the stream of low priority next to 3 and a product on that of high
 * priority. */
static cudaGraph_t capture_two_branches(cudaStream_t low, cudaStream_t high, int *list,
                                        float *matrix)
{
    cudaEvent_t event = open_event();
    cudaGraph_t graph;
    cublasHandle_t cublas;
    const float one = 1.0f, zero = 0.0f;
    assert_int_equal(cublasCreate(&cublas), CUBLAS_STATUS_SUCCESS);
    assert_int_equal(cublasSetStream(cublas, high), CUBLAS_STATUS_SUCCESS);
    OK(cudaStreamBeginCapture(low, cudaStreamCaptureModeGlobal));
    append_on(low, list, 1);
    order_after(high, low, event);
    append_on(low, list, 2);
    append_on(high, list, 3);
    cublasSgemm(cublas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, matrix, 1, matrix, 1, &zero,
                matrix, 1);
    order_after(low, high, event);
    OK(cudaStreamEndCapture(low, &graph));
    cublasDestroy(cublas);
    OK(cudaEventDestroy(event));
    return graph;
}

static int replay(cudaGraph_t graph, unsigned long long flags, cudaStream_t stream, int *list,
                  uint64_t *kernels_at_priority)
{
    cudaGraphExec_t executable;
    OK(cudaGraphInstantiate(&executable, graph, flags));
    lyrnn_sim_reset_counters();
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaStreamSynchronize(stream));
    lyrnn_sim_counters counters = lyrnn_sim_read_counters();
    memcpy(kernels_at_priority, counters.kernels_at_priority, sizeof counters.kernels_at_priority);
    OK(cudaGraphExecDestroy(executable));
    return take_digits(list);
}

static void a_graph_has_the_priority_of_its_launch_unless_it_is_told(void **)
{
    const float number = 1.0f;
    float *matrix = device_copy(&number, 1);
    int *list = open_list();
    uint64_t at[LYRNN_SIM_PRIORITIES];
    cudaStream_t low = open_stream(-1), high = open_stream(-3), other = open_stream(-5);
    cudaGraph_t graph = capture_two_branches(low, high, list, matrix);
    assert_int_equal(replay(graph, 0, low, list, at), 123);
    const uint64_t of_low[] = {0, 4, 0, 0, 0, 0};
    assert_memory_equal(at, of_low, sizeof at);
    assert_int_equal(replay(graph, 0, other, list, at), 123);
    const uint64_t of_launch[] = {0, 0, 0, 0, 0, 4};
    assert_memory_equal(at, of_launch, sizeof at);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            replay(graph, cudaGraphInstantiateFlagUseNodePriority, i ? low : other, list, at), 132);
        const uint64_t of_nodes[] = {0, 2, 0, 2, 0, 0};
        assert_memory_equal(at, of_nodes, sizeof at);
    }
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(low));
    OK(cudaStreamDestroy(high));
    OK(cudaStreamDestroy(other));
    OK(cudaFree(list));
    OK(cudaFree(matrix));
}

static lyrnn_sim_defect reported;
static char reported_text[1024];
static void remember(lyrnn_sim_defect defect, const char *text)
{
    reported = defect;
    snprintf(reported_text, sizeof reported_text, "%s", text);
}

static void expect_report(lyrnn_sim_defect defect, const char *part)
{
    assert_string_equal(lyrnn_sim_defect_name(reported), lyrnn_sim_defect_name(defect));
    if (strstr(reported_text, part) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", reported_text, part);
    reported = LYRNN_SIM_NO_DEFECT;
    lyrnn_sim_reset();
}

static void other_flags_of_a_graph_are_refused(void **)
{
    const unsigned long long flags[] = {cudaGraphInstantiateFlagAutoFreeOnLaunch,
                                        cudaGraphInstantiateFlagUpload,
                                        cudaGraphInstantiateFlagDeviceLaunch,
                                        cudaGraphInstantiateFlagUseNodePriority | 16, 1ull << 40};
    int *list = open_list();
    cudaStream_t stream = open_stream(0);
    cudaGraph_t graph;
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    append_on(stream, list, 1);
    OK(cudaStreamEndCapture(stream, &graph));
    lyrnn_sim_set_report_hook(remember);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        cudaGraphExec_t executable;
        assert_int_equal(cudaGraphInstantiate(&executable, graph, flags[i]), cudaErrorInvalidValue);
        assert_null(executable);
        expect_report(LYRNN_SIM_BAD_ARGUMENT, "cudaGraphInstantiateFlagUseNodePriority");
    }
    lyrnn_sim_set_report_hook(NULL);
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(list));
}

__global__ void first_grid_kernel(int *)
{
    cooperative_groups::this_grid().sync();
}
__global__ void second_grid_kernel(int *)
{
    cooperative_groups::this_grid().sync();
}

/* A cooperative launch. Four multiprocessors hold one block of 200 KiB or two of 100 KiB each. */
typedef struct {
    unsigned blocks, cluster, kib;
} grid_shape;

static cudaError_t launch_grid(cudaStream_t stream, void (*kernel)(int *), grid_shape grid)
{
    cudaLaunchAttribute attributes[] = {cooperative(), cluster_of(grid.cluster)};
    cudaLaunchConfig_t config = shape(grid.blocks, 32, (size_t)grid.kib << 10);
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

/* A call that finds its stream full returns after the oldest work is done. */
static void a_full_stream_blocks_the_host(void **)
{
    int zero = 0, *list = device_copy(&zero, 1);
    const char *const limits[] = {NULL, "10"};
    const uint64_t expected[] = {1024, 10};
    for (int i = 0; i < 2; i++) {
        if (limits[i] != NULL)
            setenv("LYRNN_SIM_PENDING", limits[i], 1);
        lyrnn_sim_reset();
        cudaStream_t stream = open_stream(0), other = open_stream(0);
        lyrnn_sim_reset_counters();
        for (uint64_t launch = 0; launch < expected[i]; launch++) {
            append_on(stream, list, 0);
            if (launch % 2 == 0)
                append_on(other, list, 0);
        }
        lyrnn_sim_counters counters = lyrnn_sim_read_counters();
        assert_int_equal(counters.most_pending, expected[i]);
        assert_int_equal(counters.blocked_calls + counters.kernels_run, 0);
        append_on(stream, list, 0);
        append_on(stream, list, 0);
        counters = lyrnn_sim_read_counters();
        assert_int_equal(counters.most_pending, expected[i]);
        assert_int_equal(counters.blocked_calls, 2);
        assert_int_equal(counters.kernels_run, 2);
        OK(cudaDeviceSynchronize());
        assert_int_equal(lyrnn_sim_read_counters().kernels_run, expected[i] * 3 / 2 + 2);
        OK(cudaStreamDestroy(stream));
        OK(cudaStreamDestroy(other));
        unsetenv("LYRNN_SIM_PENDING");
    }
    lyrnn_sim_reset();
    OK(cudaFree(list));
}

/* The host waits for one graph of three, so two are pending before the next is launched. */
static void pending_graphs_are_counted(void **)
{
    int *list = open_list();
    cudaStream_t stream = open_stream(0);
    cudaEvent_t event = open_event();
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    OK(cudaEventSynchronize(event));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    append_on(stream, list, 1);
    append_on(stream, list, 2);
    OK(cudaStreamEndCapture(stream, &graph));
    OK(cudaGraphInstantiate(&executable, graph, 0));
    lyrnn_sim_reset_counters();
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaEventRecord(event, stream));
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaEventSynchronize(event));
    OK(cudaEventSynchronize(event));
    OK(cudaGraphLaunch(executable, stream));
    lyrnn_sim_counters counters = lyrnn_sim_read_counters();
    assert_int_equal(counters.most_graphs_pending, 3);
    assert_int_equal(counters.most_pending, 4);
    assert_int_equal(counters.event_waits, 1);
    assert_int_equal(counters.host_synchronizations, 0);
    OK(cudaStreamSynchronize(stream));
    assert_int_equal(take_digits(list), 12121212);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priorities_are_clamped_to_the_range),
        cmocka_unit_test(the_highest_priority_runs_first),
        cmocka_unit_test(a_graph_has_the_priority_of_its_launch_unless_it_is_told),
        cmocka_unit_test(other_flags_of_a_graph_are_refused),
        cmocka_unit_test(cooperative_launches_that_do_not_fit_together_need_an_order),
        cmocka_unit_test(ordered_cooperative_launches_may_each_fill_the_device),
        cmocka_unit_test(graphs_with_cooperative_launches_need_an_order_too),
        cmocka_unit_test(a_full_stream_blocks_the_host),
        cmocka_unit_test(pending_graphs_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
