/* The recurrence in one kernel, with W_hh in registers for the whole sequence.
 *
 * A cluster of C blocks takes a slice of the batch and needs no other cluster. Each block owns H/C
 * units. S neighboring threads, a group, share one unit with G gates, or four units with one sum
 * each. A thread holds every S-th group of four of their weights. It reads four floats of the
 * vector once for all of these rows, so that up to four sums grow side by side, and no FMA waits
 * for the one before. A butterfly over the group, the cell, and the exchange of h complete the
 * step. Backward is the same walk with W_hh transposed, and dh', G floats per unit, in the place of
 * h. exchange.cuh has the exchange, and recurrence_plan.cu the layout. */
#include "recurrence_resident.cuh"

#include "cells.cuh"
#include "exchange.cuh"

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    resident_plan plan;
    wait_limit limit;
} resident_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    resident_plan plan;
    wait_limit limit;
} resident_backward_args;

/* A thread's part of the work. As many threads of a group as possible finish the same unit of the
 * same stream. They do the same, and share the sends. */
struct seat {
    int slice;       /* which of the S threads of its group */
    int first_unit;  /* the group's first unit, of all H; H or more: none */
    int threads;     /* threads of the block's warps that have units */
    int unit;        /* the unit that this thread finishes, of all H */
    int stream;      /* for which stream of the cluster */
    bool finishes;   /* that unit and that stream exist */
    bool stores;     /* it is the first that does so */
    int rank, ranks; /* it sends to this block, and to each that is `ranks` further */
    bool sends;      /* there is such a block */
    int first;       /* first stream of the cluster */
    int streams;     /* how many streams of the cluster exist */
};

/* UNITS units per group of SLICES threads. */
template <int UNITS, int SLICES> __device__ seat find_seat(const resident_plan &plan, int B, int H)
{
    /* All of these are powers of two. */
    const int cluster_log = __popc((unsigned)plan.cluster - 1);
    const int streams_log = __popc((unsigned)plan.streams - 1);
    const int rank = (int)blockIdx.x & (plan.cluster - 1);
    const int first_unit = rank * plan.units, end = min(first_unit + plan.units, H);
    const int groups = (max(end - first_unit, 0) + UNITS - 1) / UNITS;
    seat s;
    s.slice = (int)threadIdx.x % SLICES;
    s.first_unit = first_unit + (int)threadIdx.x / SLICES * UNITS;
    s.threads = (groups * SLICES + 31) / 32 * 32;
    s.unit = s.first_unit + s.slice % UNITS;
    s.first = (int)blockIdx.x >> cluster_log << streams_log;
    s.streams = min(plan.streams, B - s.first);
    s.stream = s.slice / UNITS & (plan.streams - 1);
    s.finishes = s.unit < end && s.stream < s.streams;
    s.rank = s.slice / UNITS >> streams_log;
    s.ranks = SLICES / UNITS >> streams_log;
    s.stores = s.finishes && s.rank == 0;
    s.sends = s.finishes && s.rank < plan.blocks;
    return s;
}

/* Four neighboring floats; those that are not inside are zero. is_whole: they are aligned, and all
 * inside or none is. */
__device__ __forceinline__ float4 load_quad(const float *from, int inside, bool is_whole)
{
    float4 quad = {0.0f, 0.0f, 0.0f, 0.0f};
    if (is_whole) {
        if (inside > 0)
            quad = *(const float4 *)from;
        return quad;
    }
    if (inside > 0)
        quad.x = from[0];
    if (inside > 1)
        quad.y = from[1];
    if (inside > 2)
        quad.z = from[2];
    if (inside > 3)
        quad.w = from[3];
    return quad;
}

__device__ __forceinline__ bool is_aligned(const float *matrix, int row)
{
    return row % 4 == 0 && (size_t)matrix % sizeof(float4) == 0;
}

/* Loads the rows of this thread's units: weights[row][4 i + q] is the weight of
 * k = 4 (i S + slice) + q, and zero beyond H. Row number r is that of gate r, or of unit r if the
 * cell has one gate. */
template <int G, int UNITS, int SLICES, int ROWS, int WEIGHTS>
__device__ void load_rows(float (&weights)[ROWS][WEIGHTS], const float *w_hh, int H, const seat &s)
{
    const bool is_whole = is_aligned(w_hh, H);
#pragma unroll
    for (int row = 0; row < ROWS; row++) {
        const int unit = s.first_unit + row % UNITS, gate = row / UNITS;
        const float *from = w_hh + ((size_t)gate * (size_t)H + (size_t)unit) * (size_t)H;
#pragma unroll
        for (int i = 0; i < WEIGHTS / 4; i++) {
            const int k = 4 * (i * SLICES + s.slice);
            const float4 quad = load_quad(from + k, unit < H ? H - k : 0, is_whole);
            weights[row][4 * i] = quad.x;
            weights[row][4 * i + 1] = quad.y;
            weights[row][4 * i + 2] = quad.z;
            weights[row][4 * i + 3] = quad.w;
        }
    }
}

/* Loads the columns of this thread's four units: k counts the gates of a unit, then those of the
 * next. */
template <int G, int SLICES, int WEIGHTS>
__device__ void load_columns(float (&weights)[4][WEIGHTS], const float *w_hh, int H, const seat &s)
{
    const bool is_whole = is_aligned(w_hh, H) && s.first_unit % 4 == 0;
#pragma unroll
    for (int i = 0; i < WEIGHTS; i++) {
        const int k = 4 * (i / 4 * SLICES + s.slice) + i % 4;
        const int row = k % G * H + k / G;
        const float *from = w_hh + (size_t)row * (size_t)H + (size_t)s.first_unit;
        const float4 quad = load_quad(from, k < G * H ? H - s.first_unit : 0, is_whole);
        weights[0][i] = quad.x;
        weights[1][i] = quad.y;
        weights[2][i] = quad.z;
        weights[3][i] = quad.w;
    }
}

/* This thread's part of the dot products of its rows with a vector in shared memory, which begins
 * at the thread's first quad. */
template <int SLICES, int ROWS, int WEIGHTS>
__device__ __forceinline__ void multiply(const float (&weights)[ROWS][WEIGHTS], const float *vector,
                                         float (&sums)[ROWS])
{
    const float4 *quads = (const float4 *)vector;
#pragma unroll
    for (int row = 0; row < ROWS; row++)
        sums[row] = 0.0f;
#pragma unroll
    for (int i = 0; i < WEIGHTS / 4; i++) {
        const float4 quad = quads[i * SLICES];
#pragma unroll
        for (int row = 0; row < ROWS; row++)
            sums[row] = fmaf(weights[row][4 * i], quad.x, sums[row]);
#pragma unroll
        for (int row = 0; row < ROWS; row++)
            sums[row] = fmaf(weights[row][4 * i + 1], quad.y, sums[row]);
#pragma unroll
        for (int row = 0; row < ROWS; row++)
            sums[row] = fmaf(weights[row][4 * i + 2], quad.z, sums[row]);
#pragma unroll
        for (int row = 0; row < ROWS; row++)
            sums[row] = fmaf(weights[row][4 * i + 3], quad.w, sums[row]);
    }
}

__device__ __forceinline__ float from_lane(float value, int distance)
{
    return __shfl_xor_sync(0xffffffffu, value, distance);
}

/* Adds the parts of a group's threads. Every thread gets all sums. */
template <int SLICES, int ROWS> __device__ __forceinline__ void add_parts(float (&sums)[ROWS])
{
#pragma unroll
    for (int distance = SLICES / 2; distance > 0; distance /= 2)
#pragma unroll
        for (int row = 0; row < ROWS; row++)
            sums[row] += from_lane(sums[row], distance);
}

/* The same for four rows, where thread number `slice` only needs row slice % 4: it passes the other
 * rows on to threads that need them. */
template <int SLICES>
__device__ __forceinline__ float add_parts_of_own_row(const float (&sums)[4], int slice)
{
    const bool high = slice & 2, odd = slice & 1;
    const float even_row = (high ? sums[2] : sums[0]) + from_lane(high ? sums[0] : sums[2], 2);
    const float odd_row = (high ? sums[3] : sums[1]) + from_lane(high ? sums[1] : sums[3], 2);
    float sum = (odd ? odd_row : even_row) + from_lane(odd ? even_row : odd_row, 1);
#pragma unroll
    for (int distance = 4; distance < SLICES; distance *= 2)
        sum += from_lane(sum, distance);
    return sum;
}

/* The sums of the unit that this thread finishes, of its stream: one per gate, or one in all.
 * vector: that of the first stream, at this thread's first quad. */
template <int SLICES, int SUMS, int ROWS, int WEIGHTS>
__device__ __forceinline__ void dot_own(const float (&weights)[ROWS][WEIGHTS], const float *vector,
                                        const seat &s, float (&own)[SUMS])
{
    int b = 0;
#pragma unroll 1
    do {
        float sums[ROWS];
        multiply<SLICES>(weights, vector, sums);
        vector += SLICES * WEIGHTS;
        if constexpr (SUMS == ROWS)
            add_parts<SLICES>(sums);
        else
            sums[0] = add_parts_of_own_row<SLICES>(sums, s.slice);
#pragma unroll
        for (int i = 0; i < SUMS; i++)
            own[i] = b == s.stream ? sums[i] : own[i];
    } while (++b < s.streams);
    __syncwarp(); /* exchange.cuh */
}

/* Sends the COUNT neighboring floats of this thread's unit to all blocks, together with the threads
 * that have the same ones. at: their place in this block. */
template <int COUNT>
__device__ __forceinline__ void send_to_all(const exchange &vectors, float *at,
                                            const float (&values)[COUNT], const seat &s,
                                            int num_blocks)
{
    if (!s.sends)
        return;
    int rank = s.rank;
#pragma unroll 1
    do
        vectors.send(at, values, (unsigned)rank);
    while ((rank += s.ranks) < num_blocks);
}

/* How far a place moves from one time step to the next or, if not is_later, to the one before. */
template <lyrnn_cell CELL, typename Args>
__device__ __forceinline__ unit_place find_step(const Args &args, bool is_later)
{
    const unit_place here = find_unit<CELL>(args, is_later ? 0 : 1, 0, 0);
    unit_place step = find_unit<CELL>(args, is_later ? 1 : 0, 0, 0);
    step.gates -= here.gates;
    step.saved -= here.saved;
    step.before -= here.before;
    step.after -= here.after;
    step.output -= here.output;
    return step;
}

__device__ __forceinline__ void advance(unit_place &place, const unit_place &step)
{
    place.gates += step.gates;
    place.saved += step.saved;
    place.before += step.before;
    place.after += step.after;
    place.output += step.output;
}

/* Forward: buffer 1 holds h before the first step, and step i sends the new h to buffer i % 2. */
template <lyrnn_cell CELL, int WEIGHTS, int SLICES>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_forward_kernel(resident_forward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, shared); /* mbarriers, then (2,streams,S*WEIGHTS) */
    constexpr int G = NUM_GATES<CELL>, UNITS = resident_units(G, false);
    constexpr int LENGTH = SLICES * WEIGHTS;
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const seat s = find_seat<UNITS, SLICES>(a.plan, r.B, r.H);
    float *vectors = in_register(shared + EXCHANGE_BYTES / sizeof(float));
    int buffer = a.plan.streams * LENGTH; /* floats to the other buffer */
    exchange h(shared, a.plan.cluster, s.threads, 4 * r.H * s.streams, a.limit);
    const int own = s.first + s.stream;

    float weights[UNITS * G][WEIGHTS], bias[G], next[G];
    load_rows<G, UNITS, SLICES>(weights, r.w_hh, r.H, s);
    unit_place place = find_unit<CELL>(r, time_forward(r, 0), s.first, 0);
    for (int i = (int)threadIdx.x; i < buffer; i += RESIDENT_THREADS) {
        int b = i / LENGTH, k = i % LENGTH;
        bool inside = b < s.streams && k < r.H;
        vectors[i] = 0.0f;
        vectors[buffer + i] = inside ? r.h[place.before + (size_t)(b * r.h_stride + k)] : 0.0f;
    }
    place = find_unit<CELL>(r, time_forward(r, 0), own, s.unit);
    const unit_place step = find_step<CELL>(r, !r.reverse);
    unit_state<CELL> unit = {};
    if (s.finishes) {
        unit.h = r.h[place.before];
        if (CELL == LYRNN_LSTM)
            unit.c = r.c[place.before];
    }
#pragma unroll
    for (int gate = 0; gate < G; gate++) {
        bias[gate] = s.finishes ? r.b_hh[gate * r.H + s.unit] : 0.0f;
        next[gate] = s.finishes ? r.gates[place.gates + (size_t)(gate * r.H)] : 0.0f;
    }
    int from = buffer + 4 * s.slice, to = s.stream * LENGTH + s.unit;
    THIS_TEAM().sync();
    const int num_steps = h.own_share(r.T);
    bool has_next = s.finishes && r.T > 1;
    const float *input = r.gates + place.gates + (ptrdiff_t)step.gates;
    for (int i = 0; i < num_steps; i++) {
        /* The input of the next step. A whole step hides the latency. */
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            unit.gates[gate] = next[gate];
            if (has_next)
                next[gate] = input[gate * r.H];
        }
        float prime[G] = {};
        dot_own<SLICES>(weights, vectors + from, s, prime);
#pragma unroll
        for (int gate = 0; gate < G; gate++)
            prime[gate] += bias[gate];
        unit.h_before = unit.h;
        unit.c_before = unit.c;
        cell_forward(prime, unit);
        const float values[1] = {unit.h};
        send_to_all(h, vectors + to, values, s, a.plan.blocks);
        /* All else happens while the values are on their way. */
        if (s.stores)
            store_unit(r, place, unit);
        advance(place, step);
        has_next = s.finishes && i + 2 < r.T;
        input += (ptrdiff_t)step.gates;
        from -= buffer;
        to += buffer;
        buffer = -buffer;
        compute_now(input);
        compute_now(from);
        compute_now(to);
        h.finish();
    }
    THIS_TEAM().sync(); /* exchange.cuh */
}

/* Backward: step i sends dh' to buffer i % 2. */
template <lyrnn_cell CELL, int WEIGHTS, int SLICES>
__global__ void __launch_bounds__(RESIDENT_THREADS, 1)
    resident_backward_kernel(resident_backward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, shared); /* mbarriers, then (2,streams,S*WEIGHTS) */
    constexpr int G = NUM_GATES<CELL>, UNITS = resident_units(G, true), LENGTH = SLICES * WEIGHTS;
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const seat s = find_seat<UNITS, SLICES>(a.plan, r.B, r.H);
    float *vectors = in_register(shared + EXCHANGE_BYTES / sizeof(float));
    int buffer = a.plan.streams * LENGTH; /* floats to the other buffer */
    exchange dprime(shared, a.plan.cluster, s.threads, 4 * G * r.H * s.streams, a.limit);
    const int own = s.first + s.stream;
    const size_t in_state = (size_t)own * (size_t)r.H + (size_t)s.unit;

    float weights[UNITS][WEIGHTS];
    load_columns<G, SLICES>(weights, r.w_hh, r.H, s);
    for (int i = (int)threadIdx.x; i < 2 * buffer; i += RESIDENT_THREADS)
        vectors[i] = 0.0f;
    unit_place place = find_unit<CELL>(r, time_backward(r, 0), own, s.unit);
    const unit_place step = find_step<CELL>(r, r.reverse);
    unit_state<CELL> unit = {};
    unit_gradients<CELL> gradients = {};
    float dh[1] = {}, doutput = 0.0f;
    if (s.finishes) {
        unit = load_unit<CELL>(r, place);
        doutput = r.doutput[place.output];
        dh[0] = r.dh[in_state];
        if (CELL == LYRNN_LSTM)
            gradients.dc = r.dc[in_state];
    }
    int from = 4 * s.slice, to = s.stream * LENGTH + G * s.unit;
    THIS_TEAM().sync();
    const int num_steps = dprime.own_share(r.T);
    for (int i = 0; i < num_steps; i++) {
        gradients.dh = doutput + dh[0];
        cell_backward(unit, gradients);
        send_to_all(dprime, vectors + to, gradients.dprime, s, a.plan.blocks);
        /* All else happens while the values are on their way. */
        if (s.stores)
            store_gradients(r, place, gradients);
        advance(place, step);
        if (s.finishes && i + 1 < r.T) {
            unit = load_unit<CELL>(r, place);
            doutput = r.doutput[place.output];
        }
        dprime.finish();
        dot_own<SLICES>(weights, vectors + from, s, dh);
        dh[0] += gradients.dh;
        from += buffer;
        to += buffer;
        buffer = -buffer;
    }
    if (s.stores) {
        r.dh[in_state] = dh[0];
        if (CELL == LYRNN_LSTM)
            r.dc[in_state] = gradients.dc;
    }
    THIS_TEAM().sync(); /* exchange.cuh */
}

/* A cell's kernels, in the order of resident_kernel. */
#define CELL_KERNEL(kernel, CELL, backward, number)                                                \
    kernel<CELL, resident_kernel(CELL, backward, number).weights,                                  \
           resident_kernel(CELL, backward, number).slices>
#define CELL_KERNELS(kernel, CELL, backward)                                                       \
    {                                                                                              \
        CELL_KERNEL(kernel, CELL, backward, 0), CELL_KERNEL(kernel, CELL, backward, 1),            \
            CELL_KERNEL(kernel, CELL, backward, 2), CELL_KERNEL(kernel, CELL, backward, 3),        \
            CELL_KERNEL(kernel, CELL, backward, 4), CELL_KERNEL(kernel, CELL, backward, 5)         \
    }
#define ALL_KERNELS(kernel, backward)                                                              \
    {                                                                                              \
        CELL_KERNELS(kernel, LYRNN_RNN_TANH, backward),                                            \
            CELL_KERNELS(kernel, LYRNN_RNN_RELU, backward),                                        \
            CELL_KERNELS(kernel, LYRNN_LSTM, backward), CELL_KERNELS(kernel, LYRNN_GRU, backward)  \
    }

static void (*const forward_kernels[4][RESIDENT_KERNELS])(resident_forward_args) =
    ALL_KERNELS(resident_forward_kernel, false);
static void (*const backward_kernels[4][RESIDENT_KERNELS])(resident_backward_args) =
    ALL_KERNELS(resident_backward_kernel, true);

int lyrnn_cuda_resident_max_clusters(const lyrnn_cuda_state *state,
                                     const lyrnn_recurrence_shape &problem,
                                     const resident_plan &layout)
{
    return problem.is_backward ? max_clusters(state, backward_kernels[problem.cell][layout.kernel],
                                              RESIDENT_THREADS, layout.cluster)
                               : max_clusters(state, forward_kernels[problem.cell][layout.kernel],
                                              RESIDENT_THREADS, layout.cluster);
}

void lyrnn_cuda_resident_forward(lyrnn_backend *self, const recurrence_plan &plan,
                                 const lyrnn_recurrence_forward_args *args)
{
    const wait_limit limit = lyrnn_cuda_wait_limit(lyrnn_cuda_state_of(self));
    launch_clusters(self, forward_kernels[args->cell][plan.resident.kernel], plan.launch,
                    resident_forward_args{*args, plan.resident, limit});
}

void lyrnn_cuda_resident_backward(lyrnn_backend *self, const recurrence_plan &plan,
                                  const lyrnn_recurrence_backward_args *args)
{
    const wait_limit limit = lyrnn_cuda_wait_limit(lyrnn_cuda_state_of(self));
    launch_clusters(self, backward_kernels[args->cell][plan.resident.kernel], plan.launch,
                    resident_backward_args{*args, plan.resident, limit});
}
