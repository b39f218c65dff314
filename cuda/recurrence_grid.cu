/* The recurrence in one kernel, with W_hh in the shared memory of the whole device.
 *
 * A cluster of C blocks owns a tile: some units (all G gates of each) of some streams. In each time
 * step it multiplies the vectors of its streams with its part of W_hh, then runs the cell on its
 * units.
 *     1. Each block multiplies. It holds W_hh for the tile's columns and for one C-th of the index
 *        k of the sums, for the whole sequence, and so reads only that part of the vectors. It
 *        copies them from L2 in chunks, each while it multiplies the one before. A thread computes
 *        8 x 8 sums. Where a tile has fewer sums than that, groups of threads share k.
 *     2. The blocks add up their sums through distributed shared memory. Each block does so for its
 *        share of the tile's units and streams, and runs the cell on them. What the cell reads from
 *        global memory is requested one cell ahead, and before the product.
 *     3. The blocks of all tiles of the same streams meet at a barrier, because they multiply the
 *        new vectors in the next step.
 * Forward, the vectors are h and a unit has G columns. Backward, the vectors are dh' of all gates
 * and a unit has one column. The cells write them a second time into the scratch of the operation,
 * transposed: (2,K,streams), one half per step in turn. So a chunk needs no transposition, and its
 * quads are aligned whatever H and h_stride are. The plan fixes the order of every sum. */
#include "recurrence_grid.cuh"

#include "cells.cuh"
#include "slice_barrier.cuh"
#include "tile_product.cuh"

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    grid_plan plan;
    unsigned *counters; /* i/o  of the slices' barriers */
    wait_limit limit;
} grid_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    grid_plan plan;
    unsigned *counters; /* i/o  of the slices' barriers */
    wait_limit limit;
} grid_backward_args;

/* The barrier of the blocks that multiply the same vectors: those of all tiles of some streams. */
template <typename Args> __device__ __forceinline__ slice_barrier find_barrier(const Args &a)
{
    const int num_blocks = a.plan.tiles * a.plan.cluster, slice = (int)blockIdx.x / num_blocks;
    return slice_barrier(a.counters, slice, (int)blockIdx.x - slice * num_blocks, num_blocks,
                         a.limit);
}

/* Half i % 2 of the scratch. */
template <typename Args> __device__ __forceinline__ vectors vectors_of(const Args &r, int K, int i)
{
    int row = (r.B + 3) / 4 * 4;
    return vectors{r.scratch + (size_t)(i % 2 * K) * (size_t)row, row};
}

/* The last quad of a row may hold streams that do not exist. Each tile clears those of its own
 * units, for `parts` vectors of H values, in both halves. */
__device__ void clear_missing_streams(const vectors &halves, int H, int parts, int B,
                                      const tile &own)
{
    if (own.first_stream + own.streams < B || own.rank != 0)
        return;
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < 2 * parts * own.units; i += GRID_THREADS) {
        const int part = i / own.units, k = part * H + own.first_unit + i - part * own.units;
        float *row = halves.values + (size_t)k * (size_t)halves.row;
#pragma unroll 1
        for (int stream = B; stream < halves.row; stream++)
            row[stream] = 0.0f;
    }
}

/* work need not hold numbers where streams do not exist, but it must hold something. */
__device__ __forceinline__ void clear_work(float *work, const grid_plan &plan)
{
    for (int i = (int)threadIdx.x; i < count_work(plan); i += GRID_THREADS)
        work[i] = 0.0f;
}

/* Walks over the units and streams of the tile whose cells a thread runs. The blocks of the cluster
 * share them; neighboring threads have neighboring units. */
struct cell_walk {
    int unit, stream;
    int unit_step, stream_step;

    __device__ __forceinline__ cell_walk(const grid_plan &plan, const tile &own)
    {
        int item = own.rank * GRID_THREADS + (int)threadIdx.x, step = plan.cluster * GRID_THREADS;
        stream = item / own.units;
        unit = item - stream * own.units;
        stream_step = step / own.units;
        unit_step = step - stream_step * own.units;
    }
    __device__ __forceinline__ bool has_cell(const tile &own) const
    {
        return stream < own.streams;
    }
    __device__ __forceinline__ void advance(const tile &own)
    {
        unit += unit_step;
        stream += stream_step;
        if (unit >= own.units) {
            unit -= own.units;
            stream++;
        }
    }
};

__device__ __forceinline__ float *place_in(const vectors &to, const tile &own, const cell_walk &at)
{
    return to.values + (size_t)(own.first_unit + at.unit) * (size_t)to.row + own.first_stream +
           at.stream;
}

/* Forward: loads the rows of w_hh of the tile's gates, transposed. The weight of k, gate and unit
 * goes to weights[k][gate * units + unit]. A warp reads 32 values of k of one row. Where there is
 * no weight it reads another one, so that no branch separates the reads. */
__device__ void load_rows(float *weights, const float *w_hh, int G, int H, const grid_plan &plan,
                          const tile &own)
{
    enum { AT_ONCE = 8 };
    const int lane = (int)threadIdx.x % 32, row = plan.columns + TILE_PADDING;
#pragma unroll 1
    for (int column = (int)threadIdx.x / 32; column < plan.columns; column += GRID_THREADS / 32) {
        const int gate = column / plan.units, unit = column - gate * plan.units;
        const bool exists = gate < G && unit < own.units;
        const size_t w_row = exists ? (size_t)(gate * H + own.first_unit + unit) : 0;
        const float *from = w_hh + w_row * (size_t)H + own.first_k;
#pragma unroll 1
        for (int k = lane; k < own.depth; k += 32 * AT_ONCE) {
            float values[AT_ONCE];
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                values[i] = from[min(k + 32 * i, own.depth - 1)];
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                if (k + 32 * i < own.depth)
                    weights[(k + 32 * i) * row + column] = exists ? values[i] : 0.0f;
        }
    }
}

/* What the cell of one unit and stream reads from global memory. */
template <lyrnn_cell CELL> struct forward_inputs {
    unit_place place;
    unit_state<CELL> unit;
    float bias[NUM_GATES<CELL>];
};

template <lyrnn_cell CELL>
__device__ __forceinline__ forward_inputs<CELL>
load_forward(const lyrnn_recurrence_forward_args &r, int t, const tile &own, const cell_walk &at)
{
    const int unit_number = own.first_unit + at.unit;
    forward_inputs<CELL> in = {};
    in.place = find_unit<CELL>(r, t, own.first_stream + at.stream, unit_number);
#pragma unroll
    for (int gate = 0; gate < NUM_GATES<CELL>; gate++) {
        in.unit.gates[gate] = r.gates[in.place.gates + (size_t)(gate * r.H)];
        in.bias[gate] = r.b_hh[gate * r.H + unit_number];
    }
    if (CELL == LYRNN_LSTM)
        in.unit.c_before = r.c[in.place.before];
    if (CELL == LYRNN_GRU)
        in.unit.h_before = r.h[in.place.before];
    return in;
}

/* The cells of step t for this block's share of the tile. in: what the first of them reads. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void
finish_forward(const grid_forward_args &a, int t, const block_team &team, float *work,
               const tile &own, cell_walk walk, forward_inputs<CELL> in, const vectors &to)
{
#pragma unroll 1
    while (walk.has_cell(own)) {
        const cell_walk at = walk;
        forward_inputs<CELL> now = in;
        walk.advance(own);
        if (walk.has_cell(own))
            in = load_forward<CELL>(a.recurrence, t, own, walk);
        float prime[NUM_GATES<CELL>];
        sum_blocks(prime, team, work, a.plan.cluster, at.stream * a.plan.columns + at.unit,
                   a.plan.units);
#pragma unroll
        for (int gate = 0; gate < NUM_GATES<CELL>; gate++)
            prime[gate] += now.bias[gate];
        cell_forward(prime, now.unit);
        store_unit(a.recurrence, now.place, now.unit);
        *place_in(to, own, at) = now.unit.h;
    }
}

/* Copies the tile's part of the state before the sequence into the exchange. */
__device__ void begin_forward(const lyrnn_recurrence_forward_args &r, const tile &own, cell_walk at,
                              const vectors &to)
{
    size_t slot = (size_t)(r.reverse ? r.T : 0) * (size_t)r.B;
    for (; at.has_cell(own); at.advance(own)) {
        size_t row = (slot + (size_t)(own.first_stream + at.stream)) * (size_t)r.h_stride;
        *place_in(to, own, at) = r.h[row + (size_t)(own.first_unit + at.unit)];
    }
}

template <lyrnn_cell CELL>
__global__ void __launch_bounds__(GRID_THREADS, 1) grid_forward_kernel(grid_forward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, weights); /* (depth, columns + TILE_PADDING), then work */
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const block_team team = THIS_TEAM();
    const tile own = find_tile(a.plan, r.B, r.H, r.H);
    const cell_walk walk(a.plan, own);
    const sum_square square = find_square(a.plan);
    float *work = weights + a.plan.depth * (a.plan.columns + TILE_PADDING);
    slice_barrier barrier = find_barrier(a);
    begin_forward(r, own, walk, vectors_of(r, r.H, 0));
    clear_missing_streams(vectors_of(r, r.H, 0), r.H, 1, r.B, own);
    barrier.arrive();
    clear_work(work, a.plan);
    load_rows(weights, r.w_hh, NUM_GATES<CELL>, r.H, a.plan, own);
    forward_inputs<CELL> in = {};
    for (int i = 0; i < r.T; i++) {
        const int t = time_forward(r, i);
        if (walk.has_cell(own))
            in = load_forward<CELL>(r, t, own, walk);
        barrier.wait();
        multiply(work, weights, vectors_of(r, r.H, i), a.plan, own, square);
        team.sync();
        finish_forward<CELL>(a, t, team, work, own, walk, in, vectors_of(r, r.H, i + 1));
        barrier.arrive();
    }
    /* A block must not end while others read its sums. */
    barrier.wait();
}

/* Backward: loads the columns of w_hh of the tile's units. The weight of k and unit goes to
 * weights[k][unit]. A row of threads reads neighboring columns, or another weight where there is
 * none. */
__device__ void load_columns(float *weights, const float *w_hh, int H, const grid_plan &plan,
                             const tile &own)
{
    enum { AT_ONCE = 8 };
    const int across = min(plan.columns, (int)GRID_THREADS), rows = GRID_THREADS / across;
    const int first_k = (int)threadIdx.x / across, row = plan.columns + TILE_PADDING;
    if (first_k >= rows)
        return;
#pragma unroll 1
    for (int column = (int)threadIdx.x - first_k * across; column < plan.columns;
         column += across) {
        const bool exists = column < own.units;
        const float *from =
            w_hh + (size_t)own.first_k * (size_t)H + own.first_unit + min(column, own.units - 1);
#pragma unroll 1
        for (int k = first_k; k < own.depth; k += rows * AT_ONCE) {
            float values[AT_ONCE];
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                values[i] = from[(size_t)min(k + rows * i, own.depth - 1) * (size_t)H];
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                if (k + rows * i < own.depth)
                    weights[(k + rows * i) * row + column] = exists ? values[i] : 0.0f;
        }
    }
}

/* The cells of step t, backward, for this block's share of the tile. in: what the first of them
 * reads. is_first: no step before passed anything on through W_hh. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void
finish_backward(const grid_backward_args &a, int t, bool is_first, const block_team &team,
                float *work, const tile &own, cell_walk walk, unit_step<CELL> in, const vectors &to)
{
#pragma unroll 1
    while (walk.has_cell(own)) {
        float *place = place_in(to, own, walk);
        const int at = walk.stream * a.plan.columns + walk.unit;
        unit_step<CELL> now = in;
        walk.advance(own);
        if (walk.has_cell(own))
            in = load_step<CELL>(a.recurrence, t, own.first_stream + walk.stream,
                                 own.first_unit + walk.unit);
        float dh_through_w[1] = {};
        if (!is_first)
            sum_blocks(dh_through_w, team, work, a.plan.cluster, at, 0);
        finish_step(a.recurrence, now, dh_through_w[0]);
#pragma unroll
        for (int gate = 0; gate < NUM_GATES<CELL>; gate++)
            place[(size_t)(gate * a.recurrence.H) * (size_t)to.row] = now.gradients.dprime[gate];
    }
}

/* Adds what the last step passed on through W_hh to dh. */
__device__ __forceinline__ void finish_sequence(const grid_backward_args &a, const block_team &team,
                                                float *work, const tile &own, cell_walk at)
{
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    for (; at.has_cell(own); at.advance(own)) {
        size_t row = (size_t)(own.first_stream + at.stream) * (size_t)r.H;
        float sums[1];
        sum_blocks(sums, team, work, a.plan.cluster, at.stream * a.plan.columns + at.unit, 0);
        r.dh[row + (size_t)(own.first_unit + at.unit)] += sums[0];
    }
}

template <lyrnn_cell CELL>
__global__ void __launch_bounds__(GRID_THREADS, 1) grid_backward_kernel(grid_backward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, weights); /* (depth, columns + TILE_PADDING), then work */
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const int K = NUM_GATES<CELL> * r.H;
    const block_team team = THIS_TEAM();
    const tile own = find_tile(a.plan, r.B, r.H, K);
    const cell_walk walk(a.plan, own);
    const sum_square square = find_square(a.plan);
    float *work = weights + a.plan.depth * (a.plan.columns + TILE_PADDING);
    slice_barrier barrier = find_barrier(a);
    clear_missing_streams(vectors_of(r, K, 0), r.H, NUM_GATES<CELL>, r.B, own);
    clear_work(work, a.plan);
    load_columns(weights, r.w_hh, r.H, a.plan, own);
    unit_step<CELL> in = {};
    if (walk.has_cell(own))
        in = load_step<CELL>(r, time_backward(r, 0), own.first_stream + walk.stream,
                             own.first_unit + walk.unit);
    for (int i = 0; i < r.T; i++) {
        finish_backward<CELL>(a, time_backward(r, i), i == 0, team, work, own, walk, in,
                              vectors_of(r, K, i));
        barrier.arrive();
        if (i + 1 < r.T && walk.has_cell(own))
            in = load_step<CELL>(r, time_backward(r, i + 1), own.first_stream + walk.stream,
                                 own.first_unit + walk.unit);
        barrier.wait();
        multiply(work, weights, vectors_of(r, K, i), a.plan, own, square);
        team.sync();
    }
    finish_sequence(a, team, work, own, walk);
    /* A block must not end while others read its sums. */
    team.sync();
}

static void (*const forward_kernels[])(grid_forward_args) =
    LYRNN_KERNELS_BY_CELL(grid_forward_kernel);
static void (*const backward_kernels[])(grid_backward_args) =
    LYRNN_KERNELS_BY_CELL(grid_backward_kernel);

int lyrnn_cuda_grid_max_clusters(const lyrnn_cuda_state *state,
                                 const lyrnn_recurrence_shape &problem, int cluster)
{
    return problem.is_backward
               ? max_clusters(state, backward_kernels[problem.cell], GRID_THREADS, cluster)
               : max_clusters(state, forward_kernels[problem.cell], GRID_THREADS, cluster);
}

/* A device does not hold two grids: the registers and the shared memory of a multiprocessor suffice
 * for one block. If it began two, each would wait at its barrier for blocks that find no room. CUDA
 * does not promise that it begins only one, so a grid waits for the one before it, in whichever
 * lane that is. */
template <typename Args>
static void launch_grid(lyrnn_backend *self, void (*kernel)(Args), const cluster_launch &launch,
                        const Args &args)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    allow_all_shared_memory(state, kernel);
    if (state->has_grid)
        LYRNN_CUDA_CHECK(cudaStreamWaitEvent(state->stream, state->grid_queued, 0));
    launch_clusters(self, kernel, launch, args);
    LYRNN_CUDA_CHECK(cudaEventRecord(state->grid_queued, state->stream));
    state->has_grid = true;
}

void lyrnn_cuda_grid_forward(lyrnn_backend *self, const recurrence_plan &plan,
                             const lyrnn_recurrence_forward_args *args)
{
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    launch_grid(
        self, forward_kernels[args->cell], plan.launch,
        grid_forward_args{*args, plan.grid, state->slice_counters, lyrnn_cuda_wait_limit(state)});
}

void lyrnn_cuda_grid_backward(lyrnn_backend *self, const recurrence_plan &plan,
                              const lyrnn_recurrence_backward_args *args)
{
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    launch_grid(
        self, backward_kernels[args->cell], plan.launch,
        grid_backward_args{*args, plan.grid, state->slice_counters, lyrnn_cuda_wait_limit(state)});
}
