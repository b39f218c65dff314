/* The recurrence in one kernel, with W_hh in the registers and the shared memory of one block.
 *
 * A block takes a slice of the batch and needs no other block, so that every card can run it. A
 * thread holds the weights between some neighboring units and every S-th quad (four values) of the
 * vector: h forward, dh' of all gates backward. S neighboring threads share these units. A step of
 * a stream is a part of each unit's dot products, a butterfly over the S threads that leaves each
 * of them with the sums of one unit, and the cell. The vectors alternate between two buffers, so
 * that one barrier per step is enough. recurrence_plan.cuh has the layouts. */
#include "recurrence_block.cuh"

#include "cells.cuh"

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    int streams; /* per block */
} block_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    int streams;
} block_backward_args;

/* What a kernel knows when it is compiled. */
template <lyrnn_cell CELL, int MAX_H, bool IS_BACKWARD> struct block_layout {
    static constexpr block_plan PLAN = lay_out_block(NUM_GATES<CELL>, IS_BACKWARD, MAX_H);
    static constexpr bool TRANSPOSED = IS_BACKWARD;
    static constexpr int H = MAX_H, G = NUM_GATES<CELL>;
    static constexpr int UNITS = PLAN.units, SUMS = IS_BACKWARD ? 1 : G, ROWS = UNITS * SUMS;
    static constexpr int SLICES = PLAN.slices, QUADS = PLAN.quads, THREADS = PLAN.threads;
    static constexpr int PADDED = 4 * SLICES * QUADS; /* floats per vector */
    static constexpr int SHARED = PLAN.shared_quads;
};

/* A thread's part of the work. */
struct block_seat {
    int slice;      /* which of the S threads of its units */
    int first_unit; /* the first whose weights it holds */
    int unit;       /* the one that it finishes, if it exists */
    bool finishes;  /* exactly one thread does, for each unit */
    int first;      /* first stream of the block */
    int streams;    /* how many streams of the block exist */
};

template <typename L> __device__ block_seat find_block_seat(int streams, int B, int H)
{
    /* So many threads end with the sums of the same unit. */
    constexpr int sharers = L::SLICES / L::UNITS;
    block_seat s;
    s.slice = (int)threadIdx.x % L::SLICES;
    s.first_unit = (int)threadIdx.x / L::SLICES * L::UNITS;
    s.unit = s.first_unit + s.slice / sharers;
    s.finishes = s.unit < H && s.slice % sharers == 0;
    s.first = (int)blockIdx.x * streams;
    s.streams = min(streams, B - s.first);
    return s;
}

/* A thread's weights, in quads of the vector: its quad number j is quad j * S + slice of the
 * vector, and has a quad of weights for each row, which is a sum of a unit. Quad q of weights is
 * that of row q % ROWS and quad q / ROWS. A group of quads, which are loaded together, is either in
 * registers or in shared memory. The latter are spread evenly: reading them hides behind the
 * products. */
template <typename L> struct block_weights {
    static constexpr int GROUP = L::TRANSPOSED ? 4 : 1, NUM_GROUPS = L::ROWS * L::QUADS / GROUP;
    static_assert(L::ROWS * L::QUADS % GROUP == 0 && L::SHARED % GROUP == 0, "whole groups");
    float4 in_registers[L::ROWS * L::QUADS - L::SHARED];
    float4 *in_shared; /* (SHARED,THREADS), from this thread's first */

    /* The number of quads in shared memory before a group. */
    static __device__ constexpr int shared_before(int group)
    {
        return group * (L::SHARED / GROUP) / NUM_GROUPS * GROUP;
    }
    static __device__ constexpr bool is_shared(int group)
    {
        return shared_before(group) != shared_before(group + 1);
    }
    __device__ __forceinline__ float4 get(int q) const
    {
        const int shared = shared_before(q / GROUP);
        return is_shared(q / GROUP) ? in_shared[(shared + q % GROUP) * L::THREADS]
                                    : in_registers[q - shared];
    }
    __device__ __forceinline__ void set(int q, float4 quad)
    {
        const int shared = shared_before(q / GROUP);
        if (is_shared(q / GROUP))
            in_shared[(shared + q % GROUP) * L::THREADS] = quad;
        else
            in_registers[q - shared] = quad;
    }
};

/* Four neighboring weights; zero where they do not exist. Only the first `inside` do. */
template <bool IS_ALIGNED> __device__ __forceinline__ float4 load_four(const float *w, int inside)
{
    if (IS_ALIGNED)
        return inside > 0 ? *(const float4 *)w : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    return make_float4(inside > 0 ? w[0] : 0.0f, inside > 1 ? w[1] : 0.0f, inside > 2 ? w[2] : 0.0f,
                       inside > 3 ? w[3] : 0.0f);
}

/* Forward, the four weights of a quad are neighbors in memory. */
template <typename L, bool IS_ALIGNED>
__device__ __forceinline__ void load_quad(block_weights<L> &weights, const float *w_hh, int H,
                                          const block_seat &s, int q)
{
    const int unit = s.first_unit + q % L::ROWS / L::SUMS, sum = q % L::SUMS;
    const int k = 4 * (q / L::ROWS * L::SLICES + s.slice);
    weights.set(q, load_four<IS_ALIGNED>(w_hh + (sum * H + unit) * H + k, unit < H ? H - k : 0));
}

/* Backward, those of four units with the same value of the vector are. */
template <typename L, bool IS_ALIGNED>
__device__ __forceinline__ void load_four_quads(block_weights<L> &weights, const float *w_hh, int H,
                                                const block_seat &s, int q)
{
    const int unit = s.first_unit + q % L::ROWS;
    const int k = 4 * (q / L::ROWS * L::SLICES + s.slice), gate = k / L::H, j = k % L::H;
    float4 w[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
        w[i] = load_four<IS_ALIGNED>(w_hh + (gate * H + j + i) * H + unit,
                                     gate < L::G && j + i < H ? H - unit : 0);
    weights.set(q, make_float4(w[0].x, w[1].x, w[2].x, w[3].x));
    weights.set(q + 1, make_float4(w[0].y, w[1].y, w[2].y, w[3].y));
    weights.set(q + 2, make_float4(w[0].z, w[1].z, w[2].z, w[3].z));
    weights.set(q + 3, make_float4(w[0].w, w[1].w, w[2].w, w[3].w));
}

template <typename L, bool IS_ALIGNED>
__device__ __forceinline__ void load_groups(block_weights<L> &weights, const float *w_hh, int H,
                                            const block_seat &s, bool is_shared)
{
#pragma unroll
    for (int group = 0; group < weights.NUM_GROUPS; group++) {
        if (weights.is_shared(group) != is_shared)
            continue;
        if constexpr (L::TRANSPOSED)
            load_four_quads<L, IS_ALIGNED>(weights, w_hh, H, s, group * weights.GROUP);
        else
            load_quad<L, IS_ALIGNED>(weights, w_hh, H, s, group);
    }
}

/* Those of shared memory come first, while there are registers for many loads at once. The barrier
 * keeps ptxas from mixing the two, and orders what the caller wrote to shared memory. */
template <typename L, bool IS_ALIGNED>
__device__ __forceinline__ void load_all(block_weights<L> &weights, const float *w_hh, int H,
                                         const block_seat &s)
{
    load_groups<L, IS_ALIGNED>(weights, w_hh, H, s, true);
    __syncthreads();
    load_groups<L, IS_ALIGNED>(weights, w_hh, H, s, false);
}

template <typename L>
__device__ void load_weights(block_weights<L> &weights, const float *w_hh, int H,
                             const block_seat &s)
{
    if (H % 4 == 0 && (size_t)w_hh % sizeof(float4) == 0)
        load_all<L, true>(weights, w_hh, H, s);
    else
        load_all<L, false>(weights, w_hh, H, s);
}

/* The dot products of this thread's part of a vector, for each sum of each of its units. */
template <typename L>
__device__ __forceinline__ void dot_parts(const block_weights<L> &weights, const float *vector,
                                          const block_seat &s, float (&sums)[L::UNITS][L::SUMS])
{
    const float4 *quads = (const float4 *)vector + s.slice;
#pragma unroll
    for (int j = 0; j < L::QUADS; j++) {
        const float4 quad = quads[j * L::SLICES];
#pragma unroll
        for (int row = 0; row < L::ROWS; row++) {
            const float4 w = weights.get(j * L::ROWS + row);
            float &sum = sums[row / L::SUMS][row % L::SUMS];
            sum = fmaf(w.x, quad.x, sum);
            sum = fmaf(w.y, quad.y, sum);
            sum = fmaf(w.z, quad.z, sum);
            sum = fmaf(w.w, quad.w, sum);
        }
    }
}

/* Adds up the parts of the S threads that share some units. While there is more than one unit left,
 * a thread sends one half of them and keeps the other. It ends with the sums of one unit, in
 * sums[0]. */
template <typename L>
__device__ __forceinline__ void sum_parts(float (&sums)[L::UNITS][L::SUMS], const block_seat &s)
{
    int units = L::UNITS;
#pragma unroll
    for (int offset = L::SLICES / 2; offset > 0; offset /= 2) {
        const bool upper = (s.slice & offset) != 0, halves = units > 1;
        units = halves ? units / 2 : 1;
#pragma unroll
        for (int i = 0; i < units * L::SUMS; i++) {
            float &low = sums[i / L::SUMS][i % L::SUMS];
            float high = halves ? sums[units + i / L::SUMS][i % L::SUMS] : low;
            float sent = upper ? low : high, kept = upper ? high : low;
            low = kept + __shfl_xor_sync(0xffffffffu, sent, offset);
        }
    }
}

/* Where a block keeps what changes, behind the weights in shared memory. */
template <typename L> struct block_memory {
    float *vectors; /* (2,streams,PADDED) */
    float *carried; /* (streams,H): c forward, dh backward */
    float *dc;      /* (streams,H), backward */
};

/* Zeroes the vectors, so that what is beyond H adds nothing. */
template <typename L> __device__ block_memory<L> prepare_block(float4 *shared, int streams)
{
    block_memory<L> memory;
    memory.vectors = (float *)(shared + L::SHARED * L::THREADS);
    memory.carried = memory.vectors + 2 * streams * L::PADDED;
    memory.dc = memory.carried + streams * L::H;
    for (int i = (int)threadIdx.x; i < 2 * streams * L::PADDED; i += L::THREADS)
        memory.vectors[i] = 0.0f;
    return memory;
}

/* A block takes the streams of a step one after the other, and then those of the next step. */
struct block_walk {
    int i, b;          /* the number of the step, and of the stream in the block */
    unsigned row;      /* of both in (T*B) */
    unsigned row_step; /* from a step's last stream to the next step's first */
};

template <typename Args>
__device__ __forceinline__ block_walk begin_walk(const Args &args, const block_seat &s,
                                                 bool from_end)
{
    const unsigned B = (unsigned)args.B, T = (unsigned)args.T;
    block_walk walk = {};
    walk.row = (from_end ? (T - 1) * B : 0) + (unsigned)s.first;
    walk.row_step = (from_end ? 0 - B : B) + 1 - (unsigned)s.streams;
    return walk;
}

/* Returns whether that ends a step. */
__device__ __forceinline__ bool take_next(block_walk *walk, const block_seat &s)
{
    const bool ends_step = walk->b + 1 == s.streams;
    walk->row += ends_step ? walk->row_step : 1;
    walk->b = ends_step ? 0 : walk->b + 1;
    walk->i += ends_step;
    return ends_step;
}

__device__ __forceinline__ void swap(float *&a, float *&b)
{
    float *c = a;
    a = b;
    b = c;
}

template <lyrnn_cell CELL, int MAX_H>
__global__ void __launch_bounds__(BLOCK_THREADS, 1) block_forward_kernel(block_forward_args a)
{
    typedef block_layout<CELL, MAX_H, false> L;
    constexpr int G = L::G;
    LYRNN_DYNAMIC_SHARED(float4, shared);
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const block_seat s = find_block_seat<L>(a.streams, r.B, r.H);
    const block_memory<L> memory = prepare_block<L>(shared, a.streams);
    block_weights<L> weights;
    weights.in_shared = shared + threadIdx.x;
    load_weights(weights, r.w_hh, r.H, s);
    block_walk walk = begin_walk(r, s, r.reverse);
    unit_place place = find_unit_of_row<CELL>(r, walk.row, s.unit);
    float bias[G], next[G];
#pragma unroll
    for (int gate = 0; gate < G; gate++) {
        bias[gate] = s.finishes ? r.b_hh[gate * r.H + s.unit] : 0.0f;
        next[gate] = s.finishes ? r.gates[place.gates + (size_t)(gate * r.H)] : 0.0f;
    }
    for (int b = 0; b < s.streams && s.finishes; b++) {
        place = find_unit_of_row<CELL>(r, walk.row + (unsigned)b, s.unit);
        memory.vectors[b * L::PADDED + s.unit] = r.h[place.before];
        if (CELL == LYRNN_LSTM)
            memory.carried[b * L::H + s.unit] = r.c[place.before];
    }
    float *vectors = memory.vectors, *vectors_after = vectors + a.streams * L::PADDED;
    __syncthreads();
    while (walk.i < r.T) {
        const block_walk at = walk;
        const float *vector = vectors + at.b * L::PADDED;
        const bool ends_step = take_next(&walk, s);
        unit_state<CELL> unit = {};
        place = find_unit_of_row<CELL>(r, walk.row, s.unit);
        /* The next input is requested now: this step's arithmetic hides its latency. */
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            unit.gates[gate] = next[gate];
            if (s.finishes && walk.i < r.T)
                next[gate] = r.gates[place.gates + (size_t)(gate * r.H)];
        }
        float sums[L::UNITS][G] = {};
        dot_parts(weights, vector, s, sums);
        sum_parts<L>(sums, s);
        if (s.finishes) {
#pragma unroll
            for (int gate = 0; gate < G; gate++)
                sums[0][gate] += bias[gate];
            unit.h_before = vector[s.unit];
            unit.c_before = CELL == LYRNN_LSTM ? memory.carried[at.b * L::H + s.unit] : 0.0f;
            cell_forward(sums[0], unit);
            vectors_after[at.b * L::PADDED + s.unit] = unit.h;
            if (CELL == LYRNN_LSTM)
                memory.carried[at.b * L::H + s.unit] = unit.c;
            store_unit(r, find_unit_of_row<CELL>(r, at.row, s.unit), unit);
        }
        if (ends_step) {
            swap(vectors, vectors_after);
            __syncthreads();
        }
    }
}

template <lyrnn_cell CELL, int MAX_H>
__global__ void __launch_bounds__(BLOCK_THREADS, 1) block_backward_kernel(block_backward_args a)
{
    typedef block_layout<CELL, MAX_H, true> L;
    constexpr int G = L::G;
    LYRNN_DYNAMIC_SHARED(float4, shared);
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const block_seat s = find_block_seat<L>(a.streams, r.B, r.H);
    const block_memory<L> memory = prepare_block<L>(shared, a.streams);
    block_weights<L> weights;
    weights.in_shared = shared + threadIdx.x;
    load_weights(weights, r.w_hh, r.H, s);
    for (int b = 0; b < s.streams && s.finishes; b++) {
        size_t at = (size_t)(s.first + b) * (size_t)r.H + (size_t)s.unit;
        memory.carried[b * L::H + s.unit] = r.dh[at];
        if (CELL == LYRNN_LSTM)
            memory.dc[b * L::H + s.unit] = r.dc[at];
    }
    block_walk walk = begin_walk(r, s, !r.reverse);
    unit_place place = find_unit_of_row<CELL>(r, walk.row, s.unit);
    unit_state<CELL> next = {};
    float doutput_next = 0.0f;
    if (s.finishes) {
        next = load_unit<CELL>(r, place);
        doutput_next = r.doutput[place.output];
    }
    float *vectors = memory.vectors, *vectors_after = vectors + a.streams * L::PADDED;
    __syncthreads();
    /* A step takes the dh' that the step before it has left. One more step only finishes dh. */
    while (walk.i <= r.T) {
        const block_walk at = walk;
        const float *vector = vectors + at.b * L::PADDED;
        const bool ends_step = take_next(&walk, s);
        const unit_state<CELL> unit = next;
        const float doutput = doutput_next;
        place = find_unit_of_row<CELL>(r, walk.row, s.unit);
        if (s.finishes && walk.i < r.T) {
            next = load_unit<CELL>(r, place);
            doutput_next = r.doutput[place.output];
        }
        float sums[L::UNITS][1] = {};
        dot_parts(weights, vector, s, sums);
        sum_parts<L>(sums, s);
        float *carried = memory.carried + at.b * L::H + s.unit;
        float *dc = memory.dc + at.b * L::H + s.unit;
        if (s.finishes && at.i < r.T) {
            unit_gradients<CELL> gradients = {};
            gradients.dh = doutput + *carried + sums[0][0];
            gradients.dc = CELL == LYRNN_LSTM ? *dc : 0.0f;
            cell_backward(unit, gradients);
#pragma unroll
            for (int gate = 0; gate < G; gate++)
                vectors_after[at.b * L::PADDED + gate * L::H + s.unit] = gradients.dprime[gate];
            *carried = gradients.dh;
            if (CELL == LYRNN_LSTM)
                *dc = gradients.dc;
            store_gradients(r, find_unit_of_row<CELL>(r, at.row, s.unit), gradients);
        } else if (s.finishes) {
            size_t in_state = (size_t)(s.first + at.b) * (size_t)r.H + (size_t)s.unit;
            r.dh[in_state] = *carried + sums[0][0];
            if (CELL == LYRNN_LSTM)
                r.dc[in_state] = *dc;
        }
        if (ends_step) {
            swap(vectors, vectors_after);
            __syncthreads();
        }
    }
}

/* A cell's kernels, in the order of their sizes. */
#define SIZES(kernel, CELL)                                                                        \
    kernel<CELL, block_max_h(NUM_GATES<CELL>) / 4>,                                                \
        kernel<CELL, block_max_h(NUM_GATES<CELL>) / 2>,                                            \
        kernel<CELL, block_max_h(NUM_GATES<CELL>) * 3 / 4>,                                        \
        kernel<CELL, block_max_h(NUM_GATES<CELL>)>
#define ALL_KERNELS(kernel)                                                                        \
    {                                                                                              \
        {SIZES(kernel, LYRNN_RNN_TANH)}, {SIZES(kernel, LYRNN_RNN_RELU)},                          \
            {SIZES(kernel, LYRNN_LSTM)}, {SIZES(kernel, LYRNN_GRU)},                               \
    }

static void (*const forward_kernels[4][BLOCK_SIZES])(block_forward_args) =
    ALL_KERNELS(block_forward_kernel);
static void (*const backward_kernels[4][BLOCK_SIZES])(block_backward_args) =
    ALL_KERNELS(block_backward_kernel);

static int index_of(lyrnn_cell cell, const block_plan &layout)
{
    return layout.max_h * BLOCK_SIZES / block_max_h(lyrnn_num_gates(cell)) - 1;
}

int lyrnn_cuda_block_max_blocks(const lyrnn_cuda_state *state, const lyrnn_recurrence_shape &shape,
                                const block_plan &layout)
{
    const int i = index_of(shape.cell, layout);
    return shape.is_backward
               ? max_clusters(state, backward_kernels[shape.cell][i], layout.threads, 1)
               : max_clusters(state, forward_kernels[shape.cell][i], layout.threads, 1);
}

void lyrnn_cuda_block_forward(lyrnn_backend *self, const recurrence_plan &plan,
                              const lyrnn_recurrence_forward_args *args)
{
    launch_clusters(self, forward_kernels[args->cell][index_of(args->cell, plan.block)],
                    plan.launch, block_forward_args{*args, plan.block.streams});
}

void lyrnn_cuda_block_backward(lyrnn_backend *self, const recurrence_plan &plan,
                               const lyrnn_recurrence_backward_args *args)
{
    launch_clusters(self, backward_kernels[args->cell][index_of(args->cell, plan.block)],
                    plan.launch, block_backward_args{*args, plan.block.streams});
}
