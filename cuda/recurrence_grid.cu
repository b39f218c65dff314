/* The recurrence in one kernel, with W_hh in the shared memory of the whole device.
 *
 * A cluster of C blocks owns a tile: some units (all G gates of each) of some streams. In each time
 * step it multiplies the vectors of its streams with its part of W_hh, then runs the cell on its
 * units.
 *     1. Each block multiplies. It holds W_hh for the tile's columns and for one C-th of the index
 *        k of the sums, for the whole sequence, and so reads only that part of the vectors. It
 *        fetches them from L2 in chunks, each while it multiplies the one before. A thread computes
 *        8 x 8 sums. Where a tile has fewer sums than that, groups of threads share k.
 *     2. The blocks add up their sums through distributed shared memory. Each block does so for its
 *        share of the tile's units and streams, and runs the cell on them.
 *     3. The grid meets at a barrier, because all blocks multiply the new vectors in the next step.
 * Forward, the vectors are h and a unit has G columns. Backward, the vectors are dh' of all gates
 * and a unit has one column. The plan fixes the order of every sum. */
#include "recurrence_grid.cuh"

#include "cells.cuh"
#include "tile_product.cuh"

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    grid_plan plan;
} grid_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    grid_plan plan;
} grid_backward_args;

/* Forward: loads the rows of w_hh of the tile's gates, transposed. The weight of k, gate and unit
 * goes to weights[k][gate * units + unit]. */
__device__ void load_rows(float *weights, const float *w_hh, int G, int H, const grid_plan &plan,
                          const tile &own)
{
    int count = (own.depth + 7) / 8 * 8 * plan.columns;
    for (int i = (int)threadIdx.x; i < count; i += GRID_THREADS) {
        int square = i / 32, across = plan.columns / 4;
        int column = square % across * 4 + i / 8 % 4, k = square / across * 8 + i % 8;
        int gate = column / plan.units, unit = column % plan.units;
        size_t row = (size_t)(gate * H + own.first_unit + unit);
        bool inside = gate < G && unit < own.units;
        if (k < own.depth)
            weights[k * (plan.columns + TILE_PADDING) + column] =
                inside ? w_hh[row * (size_t)H + (size_t)(own.first_k + k)] : 0.0f;
    }
}

/* The cell of step number i for this block's share of the tile: the blocks of the cluster share its
 * units and streams. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void finish_forward(const grid_forward_args &a, int i,
                                               const block_team &team, float *work, const tile &own)
{
    constexpr int G = NUM_GATES<CELL>;
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const int t = time_forward(r, i);
    for (int item = own.rank * GRID_THREADS + (int)threadIdx.x; item < own.streams * own.units;
         item += a.plan.cluster * GRID_THREADS) {
        int stream = item / own.units, j = item % own.units, unit_number = own.first_unit + j;
        unit_place place = find_unit<CELL>(r, t, own.first_stream + stream, unit_number);
        unit_state<CELL> unit = {};
        float prime[G];
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            unit.gates[gate] = r.gates[place.gates + (size_t)(gate * r.H)];
            prime[gate] = sum_blocks(team, work, a.plan, stream, gate * a.plan.units + j) +
                          r.b_hh[gate * r.H + unit_number];
        }
        if (CELL == LYRNN_LSTM)
            unit.c_before = r.c[place.before];
        if (CELL == LYRNN_GRU)
            unit.h_before = r.h[place.before];
        cell_forward(prime, unit);
        store_unit(r, place, unit);
    }
}

template <lyrnn_cell CELL>
__global__ void __launch_bounds__(GRID_THREADS, 1) grid_forward_kernel(grid_forward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, weights); /* (depth, columns + TILE_PADDING), then work */
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const block_team team = THIS_TEAM();
    const tile own = find_tile(a.plan, r.B, r.H, r.H);
    float *work = weights + a.plan.depth * (a.plan.columns + TILE_PADDING);
    load_rows(weights, r.w_hh, NUM_GATES<CELL>, r.H, a.plan, own);
    for (int i = 0; i < r.T; i++) {
        int t = time_forward(r, i), slot = r.reverse ? t + 1 : t;
        const float *before = r.h + (size_t)slot * (size_t)r.B * (size_t)r.h_stride;
        multiply(work, weights, vectors{before, r.h_stride, NULL, r.H, 0}, a.plan, own);
        team.sync();
        finish_forward<CELL>(a, i, team, work, own);
        cooperative_groups::this_grid().sync();
    }
}

/* Backward: loads the columns of w_hh of the tile's units. The weight of k and unit goes to
 * weights[k][unit]. */
__device__ void load_columns(float *weights, const float *w_hh, int H, const grid_plan &plan,
                             const tile &own)
{
    for (int i = (int)threadIdx.x; i < own.depth * plan.columns; i += GRID_THREADS) {
        int k = i / plan.columns, column = i % plan.columns;
        size_t row = (size_t)(own.first_k + k) * (size_t)H;
        weights[k * (plan.columns + TILE_PADDING) + column] =
            column < own.units ? w_hh[row + (size_t)(own.first_unit + column)] : 0.0f;
    }
}

/* The cell of step number i, backward, for this block's share of the tile. From the second step on,
 * dh includes what the step before passed on through W_hh. */
template <lyrnn_cell CELL>
__device__ __forceinline__ void finish_backward(const grid_backward_args &a, int i,
                                                const block_team &team, float *work,
                                                const tile &own)
{
    const int t = time_backward(a.recurrence, i);
    for (int item = own.rank * GRID_THREADS + (int)threadIdx.x; item < own.streams * own.units;
         item += a.plan.cluster * GRID_THREADS) {
        int stream = item / own.units, j = item % own.units;
        float dh_through_w = i == 0 ? 0.0f : sum_blocks(team, work, a.plan, stream, j);
        unit_backward<CELL>(a.recurrence, t, own.first_stream + stream, own.first_unit + j,
                            dh_through_w);
    }
}

/* Adds what the last step passed on through W_hh to dh. */
__device__ __forceinline__ void finish_sequence(const grid_backward_args &a, const block_team &team,
                                                float *work, const tile &own)
{
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    for (int item = own.rank * GRID_THREADS + (int)threadIdx.x; item < own.streams * own.units;
         item += a.plan.cluster * GRID_THREADS) {
        int stream = item / own.units, j = item % own.units;
        size_t row = (size_t)(own.first_stream + stream) * (size_t)r.H;
        r.dh[row + (size_t)(own.first_unit + j)] += sum_blocks(team, work, a.plan, stream, j);
    }
}

/* dh' of step t: dgates, except for gru's n, whose dh' is in saved. */
template <lyrnn_cell CELL>
__device__ __forceinline__ vectors dprime_of(const lyrnn_recurrence_backward_args &r, int t)
{
    constexpr int G = NUM_GATES<CELL>;
    size_t row = (size_t)t * (size_t)r.B;
    int in_gates = (CELL == LYRNN_GRU ? 2 : G) * r.H;
    return vectors{r.gates + row * (size_t)(G * r.H), G * r.H,
                   CELL == LYRNN_GRU ? r.saved + row * (size_t)r.H : NULL, in_gates, r.H};
}

template <lyrnn_cell CELL>
__global__ void __launch_bounds__(GRID_THREADS, 1) grid_backward_kernel(grid_backward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, weights); /* (depth, columns + TILE_PADDING), then work */
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const block_team team = THIS_TEAM();
    const tile own = find_tile(a.plan, r.B, r.H, NUM_GATES<CELL> * r.H);
    float *work = weights + a.plan.depth * (a.plan.columns + TILE_PADDING);
    load_columns(weights, r.w_hh, r.H, a.plan, own);
    for (int i = 0; i < r.T; i++) {
        finish_backward<CELL>(a, i, team, work, own);
        cooperative_groups::this_grid().sync();
        multiply(work, weights, dprime_of<CELL>(r, time_backward(r, i)), a.plan, own);
        team.sync();
    }
    finish_sequence(a, team, work, own);
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
    launch_grid(self, forward_kernels[args->cell], plan.launch,
                grid_forward_args{*args, plan.grid});
}

void lyrnn_cuda_grid_backward(lyrnn_backend *self, const recurrence_plan &plan,
                              const lyrnn_recurrence_backward_args *args)
{
    launch_grid(self, backward_kernels[args->cell], plan.launch,
                grid_backward_args{*args, plan.grid});
}
