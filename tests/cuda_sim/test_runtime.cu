/* The runtime: when work runs, what a capture allows, what the device refuses, and what is
 * counted. */
#include "sim_test.h"

#include <cublas_v2.h>

#include <sys/wait.h>
#include <unistd.h>

__global__ void add_kernel(int *value, int amount)
{
    if (threadIdx.x == 0 && blockIdx.x == 0)
        *value += amount;
}

static int value_of(const int *memory)
{
    int value = 0;
    download(&value, memory, 1);
    return value;
}

static void work_runs_when_the_host_waits(void **)
{
    int one = 1, *pinned = NULL;
    cudaStream_t stream;
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaMallocHost(&pinned, sizeof *pinned));
    int *value = device_copy(&one, 1);
    *pinned = -1;
    cudaLaunchConfig_t config = shape(1, 32);
    config.stream = stream;
    OK(cudaLaunchKernelEx(&config, add_kernel, value, 5));
    OK(cudaMemcpyAsync(pinned, value, sizeof one, cudaMemcpyDeviceToHost, stream));
    assert_int_equal(*pinned, -1);
    OK(cudaStreamSynchronize(stream));
    assert_int_equal(*pinned, 6);
    OK(cudaFree(value));
    OK(cudaFreeHost(pinned));
    OK(cudaStreamDestroy(stream));
}

static void a_graph_replays_what_was_captured(void **)
{
    int one = 1;
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    int *value = device_copy(&one, 1);
    lyrnn_sim_reset_counters();
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    cudaLaunchConfig_t config = shape(1, 32);
    config.stream = stream;
    OK(cudaLaunchKernelEx(&config, add_kernel, value, 5));
    OK(cudaLaunchKernelEx(&config, add_kernel, value, 100));
    OK(cudaStreamEndCapture(stream, &graph));
    assert_int_equal(value_of(value), 1);
    OK(cudaGraphInstantiate(&executable, graph, 0));
    OK(cudaGraphDestroy(graph));
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaGraphLaunch(executable, stream));
    assert_int_equal(value_of(value), 211);
    OK(cudaGraphExecDestroy(executable));
    lyrnn_sim_counters counters = lyrnn_sim_read_counters();
    assert_int_equal(counters.kernel_launches, 0);
    assert_int_equal(counters.graph_launches, 2);
    assert_int_equal(counters.kernels_run, 4);
    assert_int_equal(counters.captures, 1);
    assert_int_equal(counters.host_synchronizations, 2);
    assert_int_equal(counters.bytes_to_host, 8);
    assert_int_equal(counters.allocations, 0);
    OK(cudaFree(value));
    assert_int_equal(lyrnn_sim_read_counters().frees, 1);
    OK(cudaStreamDestroy(stream));
}

static void begin(cudaStream_t stream)
{
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
}

static void launch_on(cudaStream_t stream, void (*kernel)(int *, int), int *value, int amount)
{
    cudaLaunchConfig_t config = shape(1, 32);
    config.stream = stream;
    OK(cudaLaunchKernelEx(&config, kernel, value, amount));
}

__global__ void double_kernel(int *value, int times)
{
    if (threadIdx.x == 0)
        *value *= 1 << times;
}

/* The value is (1 + 5) * 2 if the streams are in order, and 1 * 2 + 5 if not. */
static int add_then_double(bool in_order, uint64_t seed)
{
    int one = 1, *value = device_copy(&one, 1);
    cudaStream_t first = open_stream(), second = open_stream();
    cudaEvent_t event = open_event();
    OK(cudaDeviceSynchronize());
    lyrnn_sim_set_seed(seed);
    launch_on(first, add_kernel, value, 5);
    if (in_order)
        order_after(second, first, event);
    launch_on(second, double_kernel, value, 1);
    OK(cudaDeviceSynchronize());
    lyrnn_sim_set_seed(0);
    int result = value_of(value);
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(first));
    OK(cudaStreamDestroy(second));
    OK(cudaFree(value));
    return result;
}

static void streams_are_in_order_where_events_say_so(void **)
{
    int num_other = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        assert_int_equal(add_then_double(true, seed), 12);
        num_other += add_then_double(false, seed) == 7;
    }
    assert_in_range(num_other, 1, 19);
}

/* An event stands for the work in its stream when it was recorded, and not for later work. */
static void a_wait_is_only_for_the_mark(void **)
{
    int zero = 0, *value = device_copy(&zero, 1), *pinned = NULL;
    cudaStream_t first = open_stream(), second = open_stream();
    cudaEvent_t event = open_event();
    OK(cudaMallocHost(&pinned, sizeof *pinned));
    OK(cudaDeviceSynchronize());
    launch_on(first, add_kernel, value, 1);
    order_after(second, first, event);
    launch_on(first, add_kernel, value, 10);
    OK(cudaMemcpyAsync(pinned, value, sizeof *pinned, cudaMemcpyDeviceToHost, second));
    OK(cudaStreamSynchronize(second));
    assert_int_equal(*pinned, 1);
    OK(cudaMemcpyAsync(pinned, value, sizeof *pinned, cudaMemcpyDeviceToHost, first));
    OK(cudaStreamSynchronize(first));
    assert_int_equal(*pinned, 11);
    OK(cudaFreeHost(pinned));
    OK(cudaFree(value));
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(first));
    OK(cudaStreamDestroy(second));
}

static void a_capture_takes_in_the_streams_that_wait_for_it(void **)
{
    int one = 1, *value = device_copy(&one, 1);
    cudaStream_t origin = open_stream(), other = open_stream();
    cudaEvent_t event = open_event();
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    begin(origin);
    launch_on(origin, add_kernel, value, 5);
    order_after(other, origin, event);
    launch_on(other, double_kernel, value, 1);
    order_after(origin, other, event);
    launch_on(origin, add_kernel, value, 100);
    OK(cudaStreamEndCapture(origin, &graph));
    OK(cudaGraphInstantiate(&executable, graph, 0));
    OK(cudaGraphDestroy(graph));
    for (uint64_t seed = 1; seed <= 20; seed++) {
        OK(cudaMemcpy(value, &one, sizeof one, cudaMemcpyHostToDevice));
        lyrnn_sim_set_seed(seed);
        OK(cudaGraphLaunch(executable, origin));
        OK(cudaStreamSynchronize(origin));
        assert_int_equal(value_of(value), 112);
    }
    lyrnn_sim_set_seed(0);
    OK(cudaGraphExecDestroy(executable));

    /* A capture that ended without waiting for this work would lose it. */
    begin(origin);
    order_after(other, origin, event);
    launch_on(other, add_kernel, value, 1);
    assert_int_equal(cudaStreamEndCapture(origin, &graph), cudaErrorStreamCaptureUnjoined);
    /* The other stream's own work is not part of the capture, so a capture cannot wait for it. */
    launch_on(other, add_kernel, value, 1);
    begin(origin);
    OK(cudaEventRecord(event, other));
    assert_int_equal(cudaStreamWaitEvent(origin, event), cudaErrorStreamCaptureIsolation);
    assert_int_equal(cudaStreamEndCapture(origin, &graph), cudaErrorStreamCaptureInvalidated);
    (void)cudaGetLastError();
    OK(cudaDeviceSynchronize());
    OK(cudaFree(value));
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(origin));
    OK(cudaStreamDestroy(other));
}

static void rows_are_copied_with_their_pitches(void **)
{
    const int from_host[] = {1, 2, 3, 4, 5, 6};
    int to_host[8] = {0}, *from = device_copy(from_host, 6), *to = device_copy(to_host, 8);
    cudaStream_t stream = open_stream();
    OK(cudaDeviceSynchronize());
    OK(cudaMemcpy2DAsync(to + 1, 4 * sizeof *to, from, 3 * sizeof *from, 2 * sizeof *to, 2,
                         cudaMemcpyDeviceToDevice, stream));
    OK(cudaStreamSynchronize(stream));
    download(to_host, to, 8);
    const int expected[] = {0, 1, 2, 0, 0, 4, 5, 0};
    assert_memory_equal(to_host, expected, sizeof expected);
    assert_int_equal(cudaMemcpy2DAsync(to, 4, from, 12, 8, 2, cudaMemcpyDeviceToDevice, stream),
                     cudaErrorInvalidPitchValue);
    (void)cudaGetLastError();
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(from));
    OK(cudaFree(to));
}

static void expect_spoiled(cudaStream_t stream)
{
    cudaGraph_t graph;
    assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    assert_null(graph);
}

static void capture_forbids_what_waits_or_allocates(void **)
{
    cudaStream_t stream;
    void *memory = NULL;
    int host = 0, *value = device_copy(&host, 1);
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    begin(stream);
    assert_int_equal(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
    expect_spoiled(stream);
    begin(stream);
    assert_int_equal(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
    expect_spoiled(stream);
    begin(stream);
    assert_int_equal(cudaMalloc(&memory, 16), cudaErrorStreamCaptureUnsupported);
    expect_spoiled(stream);
    begin(stream);
    assert_int_equal(cudaFree(value), cudaErrorStreamCaptureUnsupported);
    expect_spoiled(stream);
    begin(stream);
    assert_int_equal(cudaMemcpy(&host, value, 4, cudaMemcpyDeviceToHost),
                     cudaErrorStreamCaptureUnsupported);
    expect_spoiled(stream);
    cudaGraph_t graph;
    assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureUnmatched);
    assert_int_equal(cudaGetLastError(), cudaErrorStreamCaptureUnmatched);
    assert_int_equal(cudaGetLastError(), cudaSuccess);
    OK(cudaFree(value));
    OK(cudaStreamDestroy(stream));
}

__global__ void dynamic_kernel(int *out)
{
    LYRNN_DYNAMIC_SHARED(int, tile);
    tile[threadIdx.x] = 1;
    out[threadIdx.x] = tile[threadIdx.x];
}

static cudaError_t try_launch(unsigned blocks, unsigned threads, size_t bytes,
                              cudaLaunchAttribute *attribute, int *out)
{
    cudaLaunchConfig_t config = shape(blocks, threads, bytes);
    config.attrs = attribute;
    config.numAttrs = attribute != NULL ? 1 : 0;
    cudaError_t error = cudaLaunchKernelEx(&config, dynamic_kernel, out);
    return error == cudaSuccess ? cudaDeviceSynchronize() : error;
}

/* Each block uses a whole multiprocessor, clusters have four blocks, and GPCs have 16 or 17
 * multiprocessors. So 32 clusters fit on the device, and a cooperative launch of 33 is too
 * large. */
static void clusters_lie_within_a_gpc(void **)
{
    int *out = device_array<int>(32), clusters = 0;
    cudaLaunchAttribute attributes[] = {cooperative(), cluster_of(4)};
    cudaLaunchConfig_t config = shape(4 * 33, 32, 120 << 10);
    config.attrs = attributes;
    config.numAttrs = 2;
    OK(cudaFuncSetAttribute(dynamic_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            120 << 10));
    OK(cudaOccupancyMaxActiveClusters(&clusters, dynamic_kernel, &config));
    assert_int_equal(clusters, 32);
    assert_int_equal(cudaLaunchKernelEx(&config, dynamic_kernel, out),
                     cudaErrorCooperativeLaunchTooLarge);
    (void)cudaGetLastError();
    OK(cudaFree(out));
}

static void limits_are_those_of_the_device(void **)
{
    int *out = device_array<int>(32);
    cudaLaunchAttribute together = cooperative(), cluster = cluster_of(16), pair = cluster_of(2);
    assert_int_equal(try_launch(1, 1025, 0, NULL, out), cudaErrorInvalidConfiguration);
    assert_int_equal(try_launch(0, 32, 0, NULL, out), cudaErrorInvalidConfiguration);
    assert_int_equal(try_launch(1, 32, (48 << 10) + 16, NULL, out), cudaErrorInvalidValue);
    OK(cudaFuncSetAttribute(dynamic_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            100 << 10));
    OK(try_launch(1, 32, 100 << 10, NULL, out));
    assert_int_equal(cudaFuncSetAttribute(dynamic_kernel,
                                          cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10),
                     cudaErrorInvalidValue);
    /* Two blocks of 100 KiB fit on a multiprocessor, and there are 132. */
    assert_int_equal(try_launch(265, 32, 100 << 10, &together, out),
                     cudaErrorCooperativeLaunchTooLarge);
    assert_int_equal(try_launch(16, 32, 128, &cluster, out), cudaErrorInvalidClusterSize);
    assert_int_equal(try_launch(3, 32, 128, &pair, out), cudaErrorInvalidConfiguration);
    int blocks = 0;
    OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, dynamic_kernel, 256, 100 << 10));
    assert_int_equal(blocks, 2);
    (void)cudaGetLastError();
    OK(cudaFree(out));
}

static void with_environment(const char *name, const char *value)
{
    if (value != NULL)
        setenv(name, value, 1);
    else
        unsetenv(name);
    lyrnn_sim_reset();
}

static void the_environment_describes_the_device(void **)
{
    int count = 0;
    void *memory = NULL;
    with_environment("LYRNN_SIM_DEVICES", "0");
    assert_int_equal(cudaGetDeviceCount(&count), cudaErrorNoDevice);
    assert_int_equal(cudaMalloc(&memory, 16), cudaErrorNoDevice);
    with_environment("LYRNN_SIM_DEVICES", NULL);
    with_environment("LYRNN_SIM_DRIVER", "12020");
    assert_int_equal(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
    with_environment("LYRNN_SIM_DRIVER", NULL);
    with_environment("LYRNN_SIM_MEMORY", "1000000");
    size_t free_bytes = 0, total_bytes = 0;
    OK(cudaMalloc(&memory, 600000));
    void *more = NULL;
    assert_int_equal(cudaMalloc(&more, 600000), cudaErrorMemoryAllocation);
    assert_null(more);
    OK(cudaMemGetInfo(&free_bytes, &total_bytes));
    assert_int_equal(free_bytes, 400000);
    OK(cudaFree(memory));
    OK(cudaMalloc(&memory, 1000000));
    OK(cudaFree(memory));
    with_environment("LYRNN_SIM_MEMORY", NULL);
    with_environment("LYRNN_SIM_CAPABILITY", "75");
    cudaDeviceProp properties;
    OK(cudaGetDeviceProperties(&properties, 0));
    assert_int_equal(properties.major * 10 + properties.minor, 75);
    int *out = device_array<int>(32);
    cudaLaunchAttribute pair = cluster_of(2);
    assert_int_equal(try_launch(2, 32, 128, &pair, out), cudaErrorNotSupported);
    OK(cudaFree(out));
    with_environment("LYRNN_SIM_CAPABILITY", NULL);
    OK(cudaGetDeviceCount(&count));
    assert_int_equal(count, 1);
}

__global__ void stray_barrier_kernel(int *out)
{
    if (threadIdx.x < 8)
        __syncthreads();
    out[threadIdx.x] = 1;
}

static void a_defect_is_a_sticky_fault(void **)
{
    int *out = device_array<int>(32);
    lyrnn_sim_set_report_hook(remember);
    cudaLaunchConfig_t config = shape(3, 32);
    OK(cudaLaunchKernelEx(&config, stray_barrier_kernel, out));
    assert_int_equal(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    assert_int_equal(reported, LYRNN_SIM_DIVERGENT_BARRIER);
    assert_non_null(strstr(reported_text, "stray_barrier_kernel"));
    assert_int_equal(cudaLaunchKernelEx(&config, stray_barrier_kernel, out),
                     cudaErrorLaunchFailure);
    assert_int_equal(cudaGetLastError(), cudaErrorLaunchFailure);
    lyrnn_sim_set_report_hook(NULL);
    lyrnn_sim_reset();
    /* The next launch starts from the beginning of stacks that the canceled launch left halfway. */
    int zero = 0, *value = device_copy(&zero, 1);
    config = shape(2, 64);
    OK(cudaLaunchKernelEx(&config, add_kernel, value, 3));
    assert_int_equal(value_of(value), 3);
    OK(cudaFree(value));
    OK(cudaFree(out));
}

static int child_status(void (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        body();
        exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void leak_some(void)
{
    (void)device_array<int>(10);
}

static void leak_none(void)
{
    OK(cudaFree(device_array<int>(10)));
}

static void leaks_fail_the_process(void **)
{
    assert_int_equal(child_status(leak_some), 86);
    assert_int_equal(child_status(leak_none), 0);
}

static void events_time_the_host(void **)
{
    cudaEvent_t start, end;
    float ms = -1.0f;
    OK(cudaEventCreate(&start));
    OK(cudaEventCreate(&end));
    OK(cudaEventRecord(start));
    OK(cudaEventRecord(end));
    assert_int_equal(cudaEventElapsedTime(&ms, start, end), cudaErrorNotReady);
    OK(cudaEventSynchronize(end));
    OK(cudaEventElapsedTime(&ms, start, end));
    assert_true(ms >= 0.0f);
    OK(cudaEventDestroy(start));
    OK(cudaEventDestroy(end));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_runs_when_the_host_waits),
        cmocka_unit_test(a_graph_replays_what_was_captured),
        cmocka_unit_test(streams_are_in_order_where_events_say_so),
        cmocka_unit_test(a_wait_is_only_for_the_mark),
        cmocka_unit_test(a_capture_takes_in_the_streams_that_wait_for_it),
        cmocka_unit_test(rows_are_copied_with_their_pitches),
        cmocka_unit_test(capture_forbids_what_waits_or_allocates),
        cmocka_unit_test(limits_are_those_of_the_device),
        cmocka_unit_test(clusters_lie_within_a_gpc),
        cmocka_unit_test(the_environment_describes_the_device),
        cmocka_unit_test(a_defect_is_a_sticky_fault),
        cmocka_unit_test(leaks_fail_the_process),
        cmocka_unit_test(events_time_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
