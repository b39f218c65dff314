/* The recurrence in one kernel, with W_hh in registers for the whole sequence.
 *
 * A cluster of C blocks takes a slice of the batch and needs no other cluster. Each block owns H/C
 * units. S neighboring threads share a unit: each holds, for each of the G gates, every S-th group
 * of four of its weights. A step is G dot products per stream, a butterfly over the S threads, the
 * cell, and a store of the new h into the shared memory of every block of the cluster. The vectors
 * alternate between two buffers, so that one barrier per step is enough. Backward is the same walk
 * with W_hh transposed, and dh', G vectors, in the place of h. */
#include "recurrence_resident.cuh"

#include "cells.cuh"

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    resident_plan plan;
} resident_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    resident_plan plan;
} resident_backward_args;

/* A thread's part of the work. */
struct seat {
    int slice;   /* which of the S threads of its unit */
    int unit;    /* the unit, of all H; H or more: none */
    int padded;  /* floats per vector in shared memory: weights * slices, at least H */
    int first;   /* first stream of the cluster */
    int streams; /* how many streams of the cluster exist */
    int stream;  /* the stream that this thread finishes, counted in the cluster; -1: none */
};

__device__ seat find_seat(const resident_plan &plan, int B, int H)
{
    int rank = (int)(blockIdx.x % (unsigned)plan.cluster);
    int local = (int)threadIdx.x / plan.slices;
    seat s;
    s.slice = (int)threadIdx.x % plan.slices;
    s.unit = local < plan.units ? rank * plan.units + local : H;
    s.padded = plan.weights * plan.slices;
    s.first = (int)(blockIdx.x / (unsigned)plan.cluster) * plan.streams;
    s.streams = min(plan.streams, B - s.first);
    s.stream = s.slice < s.streams && s.unit < H ? s.slice : -1;
    return s;
}

/* Loads this thread's weights of its unit, for each gate:
 *     weights[4 i + q] is the weight of k = 4 (i S + slice) + q, and zero beyond H
 * Forward takes the gate's row of w_hh. Backward (transposed) takes the unit's column of the gate's
 * rows. */
template <int G, int WEIGHTS>
__device__ void load_weights(float (&weights)[G][WEIGHTS], const float *w_hh, int H,
                             const resident_plan &plan, const seat &s, bool transposed)
{
#pragma unroll
    for (int gate = 0; gate < G; gate++) {
        const float *rows = w_hh + (size_t)gate * (size_t)H * (size_t)H;
#pragma unroll
        for (int i = 0; i < WEIGHTS; i++) {
            int k = 4 * (i / 4 * plan.slices + s.slice) + i % 4;
            bool inside = s.unit < H && k < H;
            size_t at = transposed ? (size_t)k * (size_t)H + (size_t)s.unit
                                   : (size_t)s.unit * (size_t)H + (size_t)k;
            weights[gate][i] = inside ? rows[at] : 0.0f;
        }
    }
}

/* This thread's part of one gate's dot product with a vector (padded) in shared memory. */
template <int WEIGHTS>
__device__ __forceinline__ float dot_part(const float (&weights)[WEIGHTS], const float *vector,
                                          const resident_plan &plan, const seat &s)
{
    const float4 *quads = (const float4 *)vector + s.slice;
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < WEIGHTS / 4; i++) {
        float4 quad = quads[i * plan.slices];
        sum = fmaf(weights[4 * i], quad.x, sum);
        sum = fmaf(weights[4 * i + 1], quad.y, sum);
        sum = fmaf(weights[4 * i + 2], quad.z, sum);
        sum = fmaf(weights[4 * i + 3], quad.w, sum);
    }
    return sum;
}

/* The sum over the S threads that share a unit; all of them get it. */
__device__ __forceinline__ float sum_slices(float part, const resident_plan &plan)
{
    for (int offset = plan.slices / 2; offset > 0; offset /= 2)
        part += __shfl_xor_sync(0xffffffffu, part, offset);
    return part;
}

/* Forward: each gate's dot product with h, for the stream that this thread finishes. */
template <int G, int WEIGHTS>
__device__ __forceinline__ void dot_own(const float (&weights)[G][WEIGHTS], const float *vectors,
                                        const resident_plan &plan, const seat &s, float (&own)[G])
{
    for (int b = 0; b < s.streams; b++) {
        const float *vector = vectors + (size_t)b * (size_t)s.padded;
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            float sum = sum_slices(dot_part(weights[gate], vector, plan, s), plan);
            if (b == s.stream)
                own[gate] = sum;
        }
    }
}

/* Backward: the sum over the gates of the dot product with the gate's own dh', for the stream that
 * this thread finishes. vectors is (streams,G,padded). */
template <int G, int WEIGHTS>
__device__ __forceinline__ float dot_all(const float (&weights)[G][WEIGHTS], const float *vectors,
                                         const resident_plan &plan, const seat &s)
{
    float own = 0.0f;
    for (int b = 0; b < s.streams; b++) {
        const float *vector = vectors + (size_t)b * (size_t)(G * s.padded);
        float part = 0.0f;
#pragma unroll
        for (int gate = 0; gate < G; gate++)
            part += dot_part(weights[gate], vector + gate * s.padded, plan, s);
        float sum = sum_slices(part, plan);
        if (b == s.stream)
            own = sum;
    }
    return own;
}

/* Stores the value of this thread's unit into that vector of every block of the cluster. */
__device__ __forceinline__ void broadcast(const block_team &team, float *vectors, const seat &s,
                                          int vector, float value)
{
    size_t at = (size_t)vector * (size_t)s.padded + (size_t)s.unit;
    for (unsigned rank = 0; rank < team.num_blocks(); rank++)
        team.map_shared_rank(vectors, rank)[at] = value;
}

/* Zeroes both buffers of num_vectors vectors, so that the padding beyond H adds nothing. */
__device__ void clear_vectors(float *vectors, int num_vectors, const seat &s)
{
    for (int i = (int)threadIdx.x; i < 2 * num_vectors * s.padded; i += RESIDENT_THREADS)
        vectors[i] = 0.0f;
}

template <lyrnn_cell CELL, int WEIGHTS>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_forward_kernel(resident_forward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, vectors); /* (2,streams,padded) */
    constexpr int G = NUM_GATES<CELL>;
    const block_team team = THIS_TEAM();
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const seat s = find_seat(a.plan, r.B, r.H);
    const size_t buffer = (size_t)a.plan.streams * (size_t)s.padded;
    const bool finishes = s.stream >= 0;
    const int own = s.first + max(s.stream, 0);

    float weights[G][WEIGHTS], bias[G], next[G];
    load_weights(weights, r.w_hh, r.H, a.plan, s, false);
    clear_vectors(vectors, a.plan.streams, s);
    team.sync();
    unit_place place = find_unit<CELL>(r, time_forward(r, 0), own, s.unit);
    unit_state<CELL> unit = {};
    if (finishes) {
        unit.h = r.h[place.before];
        if (CELL == LYRNN_LSTM)
            unit.c = r.c[place.before];
        broadcast(team, vectors, s, s.stream, unit.h);
    }
#pragma unroll
    for (int gate = 0; gate < G; gate++) {
        bias[gate] = finishes ? r.b_hh[gate * r.H + s.unit] : 0.0f;
        next[gate] = finishes ? r.gates[place.gates + (size_t)(gate * r.H)] : 0.0f;
    }
    team.sync();
    for (int i = 0; i < r.T; i++) {
        place = find_unit<CELL>(r, time_forward(r, i), own, s.unit);
        unit_place place_next = find_unit<CELL>(r, time_forward(r, i + 1), own, s.unit);
        /* The next step's input is requested now: this step's arithmetic hides its latency. */
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            unit.gates[gate] = next[gate];
            if (finishes && i + 1 < r.T)
                next[gate] = r.gates[place_next.gates + (size_t)(gate * r.H)];
        }
        float prime[G] = {};
        dot_own(weights, vectors + (i % 2 == 0 ? 0 : buffer), a.plan, s, prime);
        if (finishes) {
#pragma unroll
            for (int gate = 0; gate < G; gate++)
                prime[gate] += bias[gate];
            unit.h_before = unit.h;
            unit.c_before = unit.c;
            cell_forward(prime, unit);
            store_unit(r, place, unit);
            broadcast(team, vectors + (i % 2 == 0 ? buffer : 0), s, s.stream, unit.h);
        }
        team.sync();
    }
}

template <lyrnn_cell CELL, int WEIGHTS>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_backward_kernel(resident_backward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, vectors); /* (2,streams,G,padded) */
    constexpr int G = NUM_GATES<CELL>;
    const block_team team = THIS_TEAM();
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const seat s = find_seat(a.plan, r.B, r.H);
    const size_t buffer = (size_t)(a.plan.streams * G) * (size_t)s.padded;
    const size_t slot = (size_t)r.B * (size_t)r.h_stride;
    const bool finishes = s.stream >= 0;
    const int own = s.first + max(s.stream, 0);
    const size_t in_slot = (size_t)own * (size_t)r.h_stride + (size_t)s.unit;
    const size_t in_state = (size_t)own * (size_t)r.H + (size_t)s.unit;

    float weights[G][WEIGHTS];
    load_weights(weights, r.w_hh, r.H, a.plan, s, true);
    clear_vectors(vectors, a.plan.streams * G, s);
    unit_gradients<CELL> gradients = {};
    float dh = finishes ? r.dh[in_state] : 0.0f;
    if (CELL == LYRNN_LSTM && finishes)
        gradients.dc = r.dc[in_state];
    team.sync();
    for (int i = 0; i < r.T; i++) {
        int t = time_backward(r, i);
        float *current = vectors + (i % 2 == 0 ? 0 : buffer);
        if (finishes) {
            unit_place place = find_unit<CELL>(r, t, own, s.unit);
            unit_state<CELL> unit = load_unit<CELL>(r, place);
            gradients.dh = r.doutput[(size_t)t * slot + in_slot] + dh;
            cell_backward(unit, gradients);
            store_gradients(r, place, gradients);
#pragma unroll
            for (int gate = 0; gate < G; gate++)
                broadcast(team, current, s, s.stream * G + gate, gradients.dprime[gate]);
        }
        team.sync();
        dh = gradients.dh + dot_all(weights, current, a.plan, s);
    }
    if (finishes) {
        r.dh[in_state] = dh;
        if (CELL == LYRNN_LSTM)
            r.dc[in_state] = gradients.dc;
    }
}

/* A cell's kernels; number i holds 4 << i weights of a gate in a thread. Only the simple cells have
 * registers for more than 32: the gates share them. */
#define FEW_WEIGHTS(kernel, CELL)                                                                  \
    kernel<CELL, 4>, kernel<CELL, 8>, kernel<CELL, 16>, kernel<CELL, 32>
#define ALL_KERNELS(kernel)                                                                        \
    {                                                                                              \
        {FEW_WEIGHTS(kernel, LYRNN_RNN_TANH), kernel<LYRNN_RNN_TANH, 64>,                          \
         kernel<LYRNN_RNN_TANH, 128>},                                                             \
            {FEW_WEIGHTS(kernel, LYRNN_RNN_RELU), kernel<LYRNN_RNN_RELU, 64>,                      \
             kernel<LYRNN_RNN_RELU, 128>},                                                         \
            {FEW_WEIGHTS(kernel, LYRNN_LSTM)}, {FEW_WEIGHTS(kernel, LYRNN_GRU)},                   \
    }

static void (*const forward_kernels[4][6])(resident_forward_args) =
    ALL_KERNELS(resident_forward_kernel);
static void (*const backward_kernels[4][6])(resident_backward_args) =
    ALL_KERNELS(resident_backward_kernel);

/* The index of the kernel that holds as many weights as the layout wants. */
static int index_of(const resident_plan &layout)
{
    int i = 0;
    while (4 << i < layout.weights)
        i++;
    return i;
}

int lyrnn_cuda_resident_max_clusters(const lyrnn_cuda_state *state,
                                     const lyrnn_recurrence_shape &problem,
                                     const resident_plan &layout)
{
    const int i = index_of(layout);
    return problem.is_backward ? max_clusters(state, backward_kernels[problem.cell][i],
                                              RESIDENT_THREADS, layout.cluster)
                               : max_clusters(state, forward_kernels[problem.cell][i],
                                              RESIDENT_THREADS, layout.cluster);
}

void lyrnn_cuda_resident_forward(lyrnn_backend *self, const recurrence_plan &plan,
                                 const lyrnn_recurrence_forward_args *args)
{
    launch_clusters(self, forward_kernels[args->cell][index_of(plan.resident)], plan.launch,
                    resident_forward_args{*args, plan.resident});
}

void lyrnn_cuda_resident_backward(lyrnn_backend *self, const recurrence_plan &plan,
                                  const lyrnn_recurrence_backward_args *args)
{
    launch_clusters(self, backward_kernels[args->cell][index_of(plan.resident)], plan.launch,
                    resident_backward_args{*args, plan.resident});
}
