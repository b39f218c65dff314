/* Tries plans of a recurrence on the card at hand: does each compute what the plan by steps
 * computes, and how long does it take?
 *
 * A trial runs on real activations. All that a recurrence writes lies in one block of memory.
 * There are three such blocks: as it is at the start, in work, and as the plan by steps leaves it,
 * in fp32. A plan that cannot be launched, or in which a block waits for others for too long, has a
 * fault and the device is as before. Each plan is timed as a step runs it: as a captured graph. */
#include <algorithm>
#include <chrono>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "recurrence_plan.cuh"
#include "reduce.cuh"

enum { NUM_ARRAYS = 6, NUM_REPLAYS = 5, DIFFERENCE_THREADS = 512 };

/* Kernels of one launch start within microseconds of each other. */
static const unsigned long long trial_wait_ns = 100000000;

/* What a recurrence reads and writes: gates (T,B,G*H), h and c (T+1,B,H), saved (T,B,H), dh and dc
 * (B,H); those that the cell or the direction lacks are empty. */
typedef struct {
    float *arrays[NUM_ARRAYS];
} recurrence_block;

typedef struct {
    const lyrnn_plan_probe *probe;
    size_t counts[NUM_ARRAYS], block_count; /* floats per array, and of a block */
    void *memory; /* device, one allocation: the blocks, then scratch, then differences */
    recurrence_block start, work, expected;
    float *scratch;        /* (lyrnn_recurrence_scratch) */
    unsigned *differences; /* (NUM_ARRAYS,2)  as array_difference writes them */
    cudaEvent_t begin, end;
} trial;

/* Arrays begin at multiples of 256 bytes, as those of a step do. */
static size_t padded(size_t count)
{
    return (count + 63) / 64 * 64;
}

static void count_arrays(trial *t)
{
    const lyrnn_recurrence_shape &shape = t->probe->shape;
    size_t T = (size_t)shape.T, BH = (size_t)shape.B * (size_t)shape.H;
    size_t G = (size_t)lyrnn_num_gates(shape.cell);
    const bool has_c = shape.cell == LYRNN_LSTM, has_saved = shape.cell == LYRNN_GRU;
    const size_t counts[NUM_ARRAYS] = {T * BH * G,
                                       (T + 1) * BH,
                                       has_c ? (T + 1) * BH : 0,
                                       has_saved ? T * BH : 0,
                                       shape.is_backward ? BH : 0,
                                       shape.is_backward && has_c ? BH : 0};
    memcpy(t->counts, counts, sizeof counts);
    for (size_t count : counts)
        t->block_count += padded(count);
}

static recurrence_block block_at(const trial *t, float *memory)
{
    recurrence_block block = {};
    for (int i = 0; i < NUM_ARRAYS; i++) {
        block.arrays[i] = t->counts[i] == 0 ? NULL : memory;
        memory += padded(t->counts[i]);
    }
    return block;
}

static lyrnn_status open_trial(lyrnn_backend *self, const lyrnn_plan_probe *probe, trial *t)
{
    const lyrnn_recurrence_shape &shape = probe->shape;
    t->probe = probe;
    count_arrays(t);
    size_t scratch_count = padded(lyrnn_recurrence_scratch(shape.cell, shape.B, shape.H));
    LYRNN_TRY(self->memory_alloc(self,
                                 (3 * t->block_count + scratch_count) * sizeof(float) +
                                     2 * NUM_ARRAYS * sizeof(unsigned),
                                 &t->memory));
    float *memory = (float *)t->memory;
    t->start = block_at(t, memory);
    t->work = block_at(t, memory + t->block_count);
    t->expected = block_at(t, memory + 2 * t->block_count);
    t->scratch = memory + 3 * t->block_count;
    t->differences = (unsigned *)(t->scratch + scratch_count);
    LYRNN_CUDA_CHECK(cudaEventCreate(&t->begin));
    LYRNN_CUDA_CHECK(cudaEventCreate(&t->end));
    return LYRNN_OK;
}

static void close_trial(lyrnn_backend *self, trial *t)
{
    LYRNN_CUDA_CHECK(cudaEventDestroy(t->begin));
    LYRNN_CUDA_CHECK(cudaEventDestroy(t->end));
    self->memory_free(self, t->memory);
}

static lyrnn_recurrence_forward_args forward_args(const trial *t)
{
    const lyrnn_recurrence_shape &shape = t->probe->shape;
    lyrnn_recurrence_forward_args args = {};
    args.T = shape.T;
    args.B = shape.B;
    args.H = args.h_stride = shape.H;
    args.cell = shape.cell;
    args.w_hh = t->probe->w_hh;
    args.b_hh = t->probe->b_hh;
    args.gates = t->work.arrays[0];
    args.h = t->work.arrays[1];
    args.c = t->work.arrays[2];
    args.saved = t->work.arrays[3];
    args.scratch = t->scratch;
    return args;
}

/* The gradient of the output is h itself: it has the size of real values. */
static lyrnn_recurrence_backward_args backward_args(const trial *t)
{
    const lyrnn_recurrence_shape &shape = t->probe->shape;
    lyrnn_recurrence_backward_args args = {};
    args.T = shape.T;
    args.B = shape.B;
    args.H = args.h_stride = shape.H;
    args.cell = shape.cell;
    args.w_hh = t->probe->w_hh;
    args.h = t->work.arrays[1];
    args.c = t->work.arrays[2];
    args.doutput = t->start.arrays[1] + (size_t)shape.B * (size_t)shape.H;
    args.gates = t->work.arrays[0];
    args.saved = t->work.arrays[3];
    args.dh = t->work.arrays[4];
    args.dc = t->work.arrays[5];
    args.scratch = t->scratch;
    return args;
}

static void run_plan(lyrnn_backend *self, const trial *t, const recurrence_plan &plan)
{
    lyrnn_recurrence_forward_args forward = forward_args(t);
    lyrnn_recurrence_backward_args backward = backward_args(t);
    if (t->probe->shape.is_backward)
        lyrnn_cuda_run_backward(self, plan, &backward);
    else
        lyrnn_cuda_run_forward(self, plan, &forward);
}

static void copy_block(lyrnn_backend *self, const trial *t, const recurrence_block &to,
                       const recurrence_block &from)
{
    const size_t num_bytes = t->block_count * sizeof(float);
    self->copy_rows(self, to.arrays[0], num_bytes, from.arrays[0], num_bytes, num_bytes, 1);
}

/* Fills start and expected by the plan by steps. Backward starts from what forward leaves. */
static void run_by_steps(lyrnn_backend *self, trial *t)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const recurrence_plan by_steps = lyrnn_cuda_plan_by_steps(state, t->probe->shape);
    const lyrnn_precision precision = state->precision;
    const size_t gates_bytes = t->counts[0] * sizeof(float);
    state->precision = LYRNN_FP32;
    self->zero(self, t->start.arrays[0], t->block_count * sizeof(float));
    self->copy_rows(self, t->start.arrays[0], gates_bytes, t->probe->gates, gates_bytes,
                    gates_bytes, 1);
    if (t->probe->shape.is_backward) {
        lyrnn_recurrence_forward_args forward = forward_args(t);
        copy_block(self, t, t->work, t->start);
        lyrnn_cuda_run_forward(self, by_steps, &forward);
        copy_block(self, t, t->start, t->work);
    }
    copy_block(self, t, t->work, t->start);
    run_plan(self, t, by_steps);
    copy_block(self, t, t->expected, t->work);
    state->precision = precision;
}

typedef struct {
    const float *actual, *expected; /* (count) */
    size_t count;
    unsigned *largest; /* out (2)  bits of the largest difference and of the largest |expected| */
} difference_args;

/* The bits of floats that are not negative have the order of the floats, and NaN comes last. */
__global__ void __launch_bounds__(DIFFERENCE_THREADS) array_difference_kernel(difference_args args)
{
    LYRNN_DYNAMIC_SHARED(unsigned, scratch); /* (32) */
    const auto larger = [](unsigned a, unsigned b) { return a > b ? a : b; };
    unsigned difference = 0, value = 0;
    for (size_t i = threadIdx.x; i < args.count; i += DIFFERENCE_THREADS) {
        float actual = args.actual[i], expected = args.expected[i];
        if (actual == expected || isnan(expected))
            continue;
        difference = larger(difference, __float_as_uint(fabsf(actual - expected)));
    }
    for (size_t i = threadIdx.x; i < args.count; i += DIFFERENCE_THREADS)
        if (isfinite(args.expected[i]))
            value = larger(value, __float_as_uint(fabsf(args.expected[i])));
    difference = block_reduce(difference, scratch, larger);
    value = block_reduce(value, scratch, larger);
    if (threadIdx.x == 0) {
        args.largest[0] = difference;
        args.largest[1] = value;
    }
}

/* Compares each array with what is expected: the largest difference, relative to the array's
 * largest value. Returns the largest of these, or NaN. */
static double error_of(lyrnn_backend *self, const trial *t)
{
    unsigned bits[NUM_ARRAYS][2] = {};
    double error = 0.0;
    for (int i = 0; i < NUM_ARRAYS; i++)
        if (t->counts[i] > 0)
            lyrnn_cuda_launch(self, array_difference_kernel, dim3(1), DIFFERENCE_THREADS,
                              LYRNN_WARP * sizeof(unsigned),
                              difference_args{t->work.arrays[i], t->expected.arrays[i],
                                              t->counts[i], t->differences + 2 * i});
    self->download(self, bits, t->differences, sizeof bits);
    for (int i = 0; i < NUM_ARRAYS; i++) {
        float values[2] = {};
        if (t->counts[i] > 0)
            memcpy(values, bits[i], sizeof values);
        double relative = values[0] == 0.0f ? 0.0 : (double)values[0] / (double)values[1];
        if (!(relative <= error))
            error = isnan(error) ? error : relative;
    }
    return error;
}

/* Clocks rise under load. */
static void warm_up(lyrnn_backend *self, trial *t)
{
    using clock = std::chrono::steady_clock;
    const clock::time_point start = clock::now();
    do {
        run_by_steps(self, t);
        self->synchronize(self);
    } while (clock::now() - start < std::chrono::milliseconds(20));
}

/* Waits for the work, and returns whether a block waited for others for too long. */
static bool take_expired_wait(lyrnn_cuda_state *state)
{
    LYRNN_CUDA_CHECK(cudaMemcpyAsync(state->wait_expired_host, state->wait_expired,
                                     sizeof(unsigned), cudaMemcpyDeviceToHost, state->stream));
    LYRNN_CUDA_CHECK(cudaMemsetAsync(state->wait_expired, 0, sizeof(unsigned), state->stream));
    LYRNN_CUDA_CHECK(cudaStreamSynchronize(state->stream));
    const bool has_expired = *state->wait_expired_host != 0;
    *state->wait_expired_host = 0;
    return has_expired;
}

typedef struct {
    lyrnn_backend *self;
    const trial *t;
    const recurrence_plan *plan;
} trial_step;

static void run_trial_step(void *context)
{
    const trial_step *step = (const trial_step *)context;
    run_plan(step->self, step->t, *step->plan);
}

static double replay_us(const lyrnn_cuda_state *state, const trial *t, cudaGraphExec_t graph)
{
    float ms = 0.0f;
    LYRNN_CUDA_CHECK(cudaEventRecord(t->begin, state->stream));
    LYRNN_CUDA_CHECK(cudaGraphLaunch(graph, state->stream));
    LYRNN_CUDA_CHECK(cudaEventRecord(t->end, state->stream));
    LYRNN_CUDA_CHECK(cudaEventSynchronize(t->end));
    LYRNN_CUDA_CHECK(cudaEventElapsedTime(&ms, t->begin, t->end));
    return (double)ms * 1000.0 / t->probe->shape.T;
}

/* The median of some replays, in microseconds per time step. A plan that takes more than twice as
 * long as the best so far is replayed only once. */
static double time_plan(lyrnn_backend *self, const trial *t, const recurrence_plan &plan,
                        double best_us)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    trial_step step = {self, t, &plan};
    cudaGraphExec_t graph = lyrnn_cuda_record(state, run_trial_step, &step);
    double us[NUM_REPLAYS], median = replay_us(state, t, graph);
    if (median <= 2.0 * best_us) {
        for (double &replay : us)
            replay = replay_us(state, t, graph);
        std::sort(us, us + NUM_REPLAYS);
        median = us[NUM_REPLAYS / 2];
    }
    LYRNN_CUDA_CHECK(cudaGraphExecDestroy(graph));
    return median;
}

static void try_plan(lyrnn_backend *self, const trial *t, double best_us, lyrnn_plan *plan)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    recurrence_plan made;
    if (!lyrnn_cuda_plan_named(state, t->probe->shape, plan->text, &made)) {
        snprintf(plan->fault, sizeof plan->fault, "it does not fit this device");
        return;
    }
    copy_block(self, t, t->work, t->start);
    run_plan(self, t, made);
    const char *launch_fault =
        state->launch_error == cudaSuccess ? NULL : cudaGetErrorString(state->launch_error);
    state->launch_error = cudaSuccess;
    bool has_expired = take_expired_wait(state);
    if (launch_fault == NULL && !has_expired) {
        plan->error = error_of(self, t);
        plan->us = time_plan(self, t, made, best_us);
        has_expired = take_expired_wait(state);
    }
    if (launch_fault != NULL)
        snprintf(plan->fault, sizeof plan->fault, "its kernel cannot be launched: %s",
                 launch_fault);
    else if (has_expired)
        snprintf(plan->fault, sizeof plan->fault, "its blocks waited for each other for over %d ms",
                 (int)(trial_wait_ns / 1000000));
}

lyrnn_status lyrnn_cuda_plan_try(lyrnn_backend *self, const lyrnn_plan_probe *probe, int num_plans,
                                 lyrnn_plan *plans)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    double best_us = INFINITY;
    trial t = {};
    LYRNN_TRY(open_trial(self, probe, &t));
    warm_up(self, &t);
    state->wait_ns = trial_wait_ns;
    state->is_trying_plan = true;
    for (int i = 0; i < num_plans; i++) {
        plans[i].us = plans[i].error = 0.0;
        plans[i].fault[0] = '\0';
        try_plan(self, &t, best_us, &plans[i]);
        if (plans[i].fault[0] == '\0' && plans[i].us < best_us)
            best_us = plans[i].us;
    }
    state->is_trying_plan = false;
    state->wait_ns = LYRNN_CUDA_MAX_WAIT_NS;
    close_trial(self, &t);
    return LYRNN_OK;
}
