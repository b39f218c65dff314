/* A CUDA device: memory, lanes (streams), and steps that are captured into graphs and replayed.
 *
 * The first run of a step is eager, so that libraries allocate what they need. The second run is
 * captured. From then on a step is one graph launch. Freeing memory drops all graphs, because their
 * nodes hold addresses. */
#include "cuda.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ranks.cuh"

void lyrnn_cuda_fault(const char *call, const char *reason, const char *file, int line)
{
    lyrnn_cuda_ranks_end_if_failed();
    fprintf(stderr, "lyrnn: %s:%d: %s: %s; the CUDA device or its driver failed\n", file, line,
            call, reason);
    abort();
}

static void drop_step(lyrnn_cuda_step *step)
{
    if (step->graph != NULL)
        LYRNN_CUDA_CHECK(cudaGraphExecDestroy(step->graph));
    *step = {};
}

void lyrnn_cuda_forget_steps(lyrnn_cuda_state *state)
{
    for (lyrnn_cuda_step &step : state->steps)
        drop_step(&step);
}

void lyrnn_cuda_drop_steps(lyrnn_cuda_state *state)
{
    LYRNN_CUDA_CHECK(lyrnn_cuda_wait(state, state->stream));
    lyrnn_cuda_forget_steps(state);
}

static lyrnn_status memory_alloc(lyrnn_backend *self, size_t bytes, void **memory)
{
    (void)self;
    cudaError_t error = cudaMalloc(memory, bytes);
    if (error == cudaErrorMemoryAllocation) {
        /* Otherwise the next launch would report this error again. */
        (void)cudaGetLastError();
        size_t free_bytes = 0, total_bytes = 0;
        LYRNN_CUDA_CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
        *memory = NULL;
        return lyrnn_fail(LYRNN_ERR_MEMORY, "device memory: %zu bytes requested, %zu free", bytes,
                          free_bytes);
    }
    LYRNN_CUDA_CHECK(error);
    return LYRNN_OK;
}

static void memory_free(lyrnn_backend *self, void *memory)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    if (memory == NULL)
        return;
    lyrnn_cuda_drop_steps(state);
    LYRNN_CUDA_CHECK(cudaFree(memory));
}

/* A copy from or to pageable memory may wait for the work before it. The host must not wait in such
 * a call while the device waits for other ranks. */
static void wait_before_copy(lyrnn_cuda_state *state)
{
    if (state->ranks != NULL)
        LYRNN_CUDA_CHECK(lyrnn_cuda_wait(state, state->stream));
}

static void upload(lyrnn_backend *self, void *device, const void *host, size_t bytes)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    wait_before_copy(state);
    LYRNN_CUDA_CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, state->stream));
    LYRNN_CUDA_CHECK(lyrnn_cuda_wait(state, state->stream));
}

/* Waits for all queued work. A kernel that gave up waiting for others has wrong sums, and so has
 * all that follows. */
static void wait_for_all(lyrnn_cuda_state *state)
{
    LYRNN_CUDA_CHECK(cudaMemcpyAsync(state->wait_expired_host, state->wait_expired,
                                     sizeof(unsigned), cudaMemcpyDeviceToHost, state->stream));
    LYRNN_CUDA_CHECK(lyrnn_cuda_wait(state, state->stream));
    if (*state->wait_expired_host == 0)
        return;
    fprintf(
        stderr,
        "lyrnn: cuda: the plan forward=%s,backward=%s waited for more than %llu s; continue with "
        "--plan forward=steps,backward=steps\n",
        state->running[0], state->running[1], LYRNN_CUDA_MAX_WAIT_NS / 1000000000);
    exit(1);
}

static void download(lyrnn_backend *self, void *host, const void *device, size_t bytes)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    wait_before_copy(state);
    LYRNN_CUDA_CHECK(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, state->stream));
    wait_for_all(state);
}

static void copy_rows(lyrnn_backend *self, void *to, size_t to_stride, const void *from,
                      size_t from_stride, size_t num_bytes, size_t num_rows)
{
    cudaStream_t stream = lyrnn_cuda_state_of(self)->stream;
    if (num_rows == 1 || (to_stride == num_bytes && from_stride == num_bytes))
        LYRNN_CUDA_CHECK(
            cudaMemcpyAsync(to, from, num_bytes * num_rows, cudaMemcpyDeviceToDevice, stream));
    else
        LYRNN_CUDA_CHECK(cudaMemcpy2DAsync(to, to_stride, from, from_stride, num_bytes, num_rows,
                                           cudaMemcpyDeviceToDevice, stream));
}

static void zero(lyrnn_backend *self, void *memory, size_t bytes)
{
    LYRNN_CUDA_CHECK(cudaMemsetAsync(memory, 0, bytes, lyrnn_cuda_state_of(self)->stream));
}

static void use_lane(lyrnn_cuda_state *state, int lane)
{
    state->stream = state->lanes[lane].stream;
    state->cublas = state->lanes[lane].cublas;
    state->workspace = state->lanes[lane].workspace;
}

static void lane_use(lyrnn_backend *self, int lane)
{
    LYRNN_CHECK(lane >= 0 && lane < LYRNN_CUDA_LANES);
    use_lane(lyrnn_cuda_state_of(self), lane);
}

static void lane_wait(lyrnn_backend *self, int other)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    LYRNN_CHECK(other >= 0 && other < LYRNN_CUDA_LANES);
    if (state->lanes[other].stream == state->stream)
        return;
    LYRNN_CUDA_CHECK(cudaEventRecord(state->lanes[other].queued, state->lanes[other].stream));
    LYRNN_CUDA_CHECK(cudaStreamWaitEvent(state->stream, state->lanes[other].queued, 0));
}

static void synchronize(lyrnn_backend *self)
{
    wait_for_all(lyrnn_cuda_state_of(self));
}

/* The body's grids are ordered with those before and after it: its lanes begin after lane 0 and end
 * before it. An event must not order them again: work in a capture cannot wait for an event that
 * was recorded outside of it, or the reverse. */
static void run_body(lyrnn_cuda_state *state, void (*body)(void *), void *context)
{
    state->has_grid = false;
    body(context);
    state->has_grid = false;
}

/* Whether another rank has failed. */
static bool has_failed(const lyrnn_cuda_state *state)
{
    return state->ranks != NULL && state->ranks->has_failed;
}

cudaGraphExec_t lyrnn_cuda_record(lyrnn_cuda_state *state, void (*body)(void *), void *context)
{
    /* If there are other ranks, a thread of NCCL calls CUDA meanwhile. */
    const cudaStreamCaptureMode mode =
        state->ranks != NULL ? cudaStreamCaptureModeThreadLocal : cudaStreamCaptureModeGlobal;
    const bool had_failed = has_failed(state);
    cudaGraph_t graph = NULL;
    cudaGraphExec_t executable;
    LYRNN_CUDA_CHECK(cudaStreamBeginCapture(state->stream, mode));
    run_body(state, body, context);
    const cudaError_t error = cudaStreamEndCapture(state->stream, &graph);
    if (has_failed(state) && !had_failed) {
        (void)cudaGetLastError();
        if (graph != NULL)
            LYRNN_CUDA_CHECK(cudaGraphDestroy(graph));
        return NULL;
    }
    LYRNN_CUDA_CHECK(error);
    /* Without this flag all kernels run at the priority of the stream that launches the graph. */
    LYRNN_CUDA_CHECK(
        cudaGraphInstantiate(&executable, graph, cudaGraphInstantiateFlagUseNodePriority));
    LYRNN_CUDA_CHECK(cudaGraphDestroy(graph));
    return executable;
}

/* The record of this step. A new step takes the place of the oldest. */
static lyrnn_cuda_step *find_step(lyrnn_cuda_state *state, void (*body)(void *), void *context)
{
    for (lyrnn_cuda_step &step : state->steps)
        if (step.body == body && step.context == context)
            return &step;
    lyrnn_cuda_step *oldest = &state->steps[state->next_step];
    state->next_step = (state->next_step + 1) % LYRNN_CUDA_STEPS;
    if (oldest->graph != NULL)
        LYRNN_CUDA_CHECK(lyrnn_cuda_wait(state, state->stream));
    drop_step(oldest);
    *oldest = {body, context, 0, NULL};
    return oldest;
}

/* Queues one run of the step: eagerly, or as the launch of its record. */
static void queue_step(lyrnn_cuda_state *state, lyrnn_cuda_step *step)
{
    step->runs++;
    if (step->runs == 1) {
        run_body(state, step->body, step->context);
        return;
    }
    if (step->graph == NULL)
        step->graph = lyrnn_cuda_record(state, step->body, step->context);
    if (step->graph != NULL)
        LYRNN_CUDA_CHECK(cudaGraphLaunch(step->graph, state->stream));
}

static void run_step(lyrnn_backend *self, void (*body)(void *), void *context)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    if (self->debug_sync) {
        run_body(state, body, context);
        return;
    }
    cudaEvent_t done = state->step_done[state->next_done];
    state->next_done = (state->next_done + 1) % LYRNN_CUDA_STEPS_IN_FLIGHT;
    LYRNN_CUDA_CHECK(lyrnn_cuda_wait(state, done));
    queue_step(state, find_step(state, body, context));
    LYRNN_CUDA_CHECK(cudaEventRecord(done, state->stream));
}

/* Runs an operation. debug_sync: also waits for it, and names it if it failed. */
template <typename Args>
static void run_operation(lyrnn_backend *self, const char *name,
                          void (*operation)(lyrnn_backend *, const Args *), const Args *args)
{
    operation(self, args);
    if (!self->debug_sync)
        return;
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    cudaError_t error = lyrnn_cuda_wait(state, state->stream);
    if (error != cudaSuccess)
        lyrnn_cuda_fault(name, cudaGetErrorString(error), __FILE__, __LINE__);
}

#define LYRNN_MEMBER(name)                                                                         \
    static void run_##name(lyrnn_backend *self, const lyrnn_##name##_args *args)                   \
    {                                                                                              \
        run_operation(self, #name, lyrnn_cuda_##name, args);                                       \
    }
LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER

static void describe(lyrnn_backend *self, char *text, size_t size)
{
    const cudaDeviceProp *properties = &lyrnn_cuda_state_of(self)->properties;
    int driver = 0, runtime = 0;
    /* Not as %.1f, which has a decimal comma in some locales. */
    int tenths = (int)((double)properties->totalGlobalMem * 10 / (1024.0 * 1024.0 * 1024.0) + 0.5);
    LYRNN_CUDA_CHECK(cudaDriverGetVersion(&driver));
    LYRNN_CUDA_CHECK(cudaRuntimeGetVersion(&runtime));
    snprintf(text, size, "%s, compute capability %d.%d, %d.%d GiB, CUDA %d.%d, driver for %d.%d",
             properties->name, properties->major, properties->minor, tenths / 10, tenths % 10,
             runtime / 1000, runtime % 1000 / 10, driver / 1000, driver % 1000 / 10);
}

/* The state may be only partly open. */
static void close_libraries(lyrnn_cuda_state *state)
{
    for (auto &lane : state->lanes) {
        if (lane.cublas != NULL)
            LYRNN_CUBLAS_CHECK(cublasDestroy(lane.cublas));
        if (lane.queued != NULL)
            LYRNN_CUDA_CHECK(cudaEventDestroy(lane.queued));
        if (lane.stream != NULL)
            LYRNN_CUDA_CHECK(cudaStreamDestroy(lane.stream));
    }
    for (cudaEvent_t done : state->step_done)
        if (done != NULL)
            LYRNN_CUDA_CHECK(cudaEventDestroy(done));
    if (state->grid_queued != NULL)
        LYRNN_CUDA_CHECK(cudaEventDestroy(state->grid_queued));
    LYRNN_CUDA_CHECK(cudaFreeHost(state->wait_expired_host));
    LYRNN_CUDA_CHECK(cudaFree(state->workspaces));
    free(state);
}

static void close_device(lyrnn_backend *self)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    lyrnn_cuda_drop_steps(state);
    lyrnn_cuda_ranks_close(state);
    close_libraries(state);
}

/* Why a call failed; NULL: it succeeded. */
static const char *reason_of(cudaError_t error)
{
    return error == cudaSuccess ? NULL : cudaGetErrorString(error);
}

static const char *reason_of(cublasStatus_t status)
{
    return status == CUBLAS_STATUS_SUCCESS ? NULL : cublasGetStatusString(status);
}

static const char *open_lane(lyrnn_cuda_state *state, int lane)
{
    auto *opened = &state->lanes[lane];
    opened->workspace = (char *)state->workspaces + (size_t)lane * state->workspace_bytes;
    int lowest = 0, highest = 0; /* priorities; the highest has the smallest number */
    const char *reason = reason_of(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
    if (reason == NULL)
        reason = reason_of(
            cudaStreamCreateWithPriority(&opened->stream, cudaStreamNonBlocking,
                                         highest + lane < lowest ? highest + lane : lowest));
    if (reason == NULL)
        reason = reason_of(cudaEventCreateWithFlags(&opened->queued, cudaEventDisableTiming));
    if (reason == NULL)
        reason = reason_of(cublasCreate(&opened->cublas));
    if (reason == NULL)
        reason = reason_of(cublasSetStream(opened->cublas, opened->stream));
    if (reason == NULL)
        reason = reason_of(
            cublasSetWorkspace(opened->cublas, opened->workspace, state->workspace_bytes));
    return reason;
}

/* A host that waits for a step sleeps, and leaves its core to others. */
static const char *open_events(lyrnn_cuda_state *state)
{
    const char *reason =
        reason_of(cudaEventCreateWithFlags(&state->grid_queued, cudaEventDisableTiming));
    for (int i = 0; i < LYRNN_CUDA_STEPS_IN_FLIGHT && reason == NULL; i++)
        reason = reason_of(cudaEventCreateWithFlags(
            &state->step_done[i], cudaEventDisableTiming | cudaEventBlockingSync));
    return reason;
}

/* A device that exists can still refuse: other programs fill it, or use it exclusively. */
static const char *open_lanes(lyrnn_cuda_state *state)
{
    const char *reason = open_events(state);
    state->wait_ns = LYRNN_CUDA_MAX_WAIT_NS;
    if (reason == NULL)
        reason = reason_of(cudaMallocHost(&state->wait_expired_host, sizeof(unsigned)));
    for (int lane = 0; lane < LYRNN_CUDA_LANES && reason == NULL; lane++)
        reason = open_lane(state, lane);
    use_lane(state, 0);
    return reason;
}

/* Peak rate of TF32 without sparsity over the peak rate of fp32, rounded up. NVIDIA's data sheets
 * say, in TFLOP/s: A100 156 and 19.5; A40 75 and 37; L40S 183 and 92; H100 SXM 495 and 67; B200
 * 1,125 and 75. GeForce cards have the same rate for both. Some other cards have smaller ratios:
 * L40 91 and 91, H20 74 and 44. */
static double tf32_speedup(const cudaDeviceProp *properties)
{
    switch (10 * properties->major + properties->minor) {
    case 80:
    case 90:
        return 8.0;
    case 86:
    case 89:
    case 120:
        return strstr(properties->name, "GeForce") != NULL ? 1.0 : 2.0;
    case 100:
        return 15.0;
    default:
        return 0.0;
    }
}

static lyrnn_status open_libraries(lyrnn_backend *backend, lyrnn_cuda_state *state)
{
    const char *reason = reason_of(cudaSetDevice(state->device));
    if (reason == NULL)
        reason = reason_of(cudaGetDeviceProperties(&state->properties, state->device));
    if (reason == NULL) {
        /* Our own workspace keeps cuBLAS from allocating during capture and keeps its results
         * repeatable. The cuBLAS documentation recommends 32 MiB from compute capability 9.0 on,
         * and 4 MiB before. Pedantic fp32 runs the older kernels; 8 MiB let them share a sum among
         * more blocks. */
        bool wide = state->properties.major >= 9 && state->precision != LYRNN_FP32;
        state->workspace_bytes = (size_t)(wide ? 32 : 8) << 20;
        size_t num_bytes = LYRNN_CUDA_LANES * state->workspace_bytes;
        size_t counters_bytes = (size_t)LYRNN_CUDA_MAX_SLICES * LYRNN_CUDA_COUNTER_BYTES;
        size_t own_bytes = counters_bytes + sizeof *state->sums + sizeof *state->wait_expired;
        if (memory_alloc(backend, num_bytes + own_bytes, &state->workspaces) != LYRNN_OK)
            return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                              "cuda: %s for cuBLAS; end other programs on the GPU, or use --device "
                              "cpu",
                              lyrnn_error_text());
        state->slice_counters = (unsigned *)((char *)state->workspaces + num_bytes);
        state->sums = (lyrnn_cuda_sums *)((char *)state->slice_counters + counters_bytes);
        state->wait_expired = (unsigned *)(state->sums + 1);
        backend->own_bytes = num_bytes + own_bytes;
        reason = open_lanes(state);
        if (reason == NULL)
            reason = reason_of(cudaMemsetAsync(state->slice_counters, 0, own_bytes, state->stream));
        /* Other lanes do not wait for the zeros. */
        if (reason == NULL)
            reason = reason_of(cudaStreamSynchronize(state->stream));
    }
    if (reason == NULL)
        return LYRNN_OK;
    /* Otherwise the next launch would report this error again. */
    (void)cudaGetLastError();
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "cuda:%d: %s; end other programs on the GPU, or use --device cpu",
                      state->device, reason);
}

static lyrnn_recurrence_path recurrence_path(void)
{
    const char *forced = getenv("LYRNN_DEBUG_RECURRENCE");
    if (forced != NULL && strcmp(forced, "steps") == 0)
        return LYRNN_RECURRENCE_BY_STEPS;
    if (forced != NULL && strcmp(forced, "resident") == 0)
        return LYRNN_RECURRENCE_RESIDENT;
    if (forced != NULL && strcmp(forced, "block") == 0)
        return LYRNN_RECURRENCE_BLOCK;
    if (forced != NULL && strcmp(forced, "grid") == 0)
        return LYRNN_RECURRENCE_GRID;
    return LYRNN_RECURRENCE_BY_COST;
}

extern "C" lyrnn_status lyrnn_cuda_backend_open(int device, bool wraps, lyrnn_precision precision,
                                                lyrnn_backend *backend)
{
    int num_devices = 0, driver = 0;
    cudaError_t error = cudaDriverGetVersion(&driver);
    if (error == cudaSuccess && driver == 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: there is no NVIDIA driver here; use --device cpu");
    if (error == cudaSuccess && driver / 1000 < CUDART_VERSION / 1000)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: the NVIDIA driver is for CUDA %d.%d and lyrnn was "
                          "built with %d.%d; "
                          "update the driver",
                          driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000,
                          CUDART_VERSION % 1000 / 10);
    if (error == cudaSuccess)
        error = cudaGetDeviceCount(&num_devices);
    if (error != cudaSuccess || num_devices == 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED, "cuda: no usable device (%s); use --device cpu",
                          cudaGetErrorString(error == cudaSuccess ? cudaErrorNoDevice : error));
    if (wraps)
        device %= num_devices;
    if (device < 0 || device >= num_devices)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda:%d: there is no such device; devices are numbered from 0 to %d",
                          device, num_devices - 1);
    lyrnn_cuda_state *state = (lyrnn_cuda_state *)calloc(1, sizeof *state);
    LYRNN_CHECK(state != NULL);
    state->device = device;
    state->precision = precision;
    state->recurrence_path = recurrence_path();
    for (char *text : state->running)
        strcpy(text, "steps");
    memset(backend, 0, sizeof *backend);
    lyrnn_status status = open_libraries(backend, state);
    if (status != LYRNN_OK) {
        close_libraries(state);
        return status;
    }
    backend->name = "cuda";
    backend->state = state;
    backend->num_lanes = LYRNN_CUDA_LANES;
    backend->row_multiple = 8; /* so that products and loads can be vectors of up to 32 bytes */
    backend->has_tf32 = state->properties.major >= 8;
    backend->tf32_speedup = tf32_speedup(&state->properties);
#define LYRNN_MEMBER(name) backend->name = run_##name;
    LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
    backend->memory_alloc = memory_alloc;
    backend->memory_free = memory_free;
    backend->upload = upload;
    backend->download = download;
    backend->copy_rows = copy_rows;
    backend->zero = zero;
    backend->lane_use = lane_use;
    backend->lane_wait = lane_wait;
    backend->synchronize = synchronize;
    backend->run_step = run_step;
    backend->join = lyrnn_cuda_join;
    backend->describe = describe;
    backend->plan_list = lyrnn_cuda_plan_list;
    backend->plan_try = lyrnn_cuda_plan_try;
    backend->plan_use = lyrnn_cuda_plan_use;
    backend->plan_device = lyrnn_cuda_plan_device;
    backend->fills_device = lyrnn_cuda_fills_device;
    backend->close = close_device;
    return LYRNN_OK;
}
