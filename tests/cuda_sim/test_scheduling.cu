/* When queued work runs: priorities of streams, in streams and in graphs, and how much work a
 * stream holds. */
#include "sim_test.h"

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

static void append_on(cudaStream_t stream, int *list, int number)
{
    cudaLaunchConfig_t config = shape(1, 32);
    config.stream = stream;
    OK(cudaLaunchKernelEx(&config, append_kernel, list, number));
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
    cudaStream_t stream;
    assert_int_equal(cudaStreamCreateWithPriority(&stream, 2, 0), cudaErrorInvalidValue);
    (void)cudaGetLastError();
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
        cmocka_unit_test(a_full_stream_blocks_the_host),
        cmocka_unit_test(pending_graphs_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
