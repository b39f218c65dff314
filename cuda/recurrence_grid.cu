/* The recurrence in one kernel, with W_hh in the shared memory of the whole device.
 *
 * A cluster of C blocks owns a tile: some units (all G gates of each) of some streams. A step is a product, of
 * the streams' vectors with the tile's part of W_hh, then the cell.
 * - Each block of the cluster holds W_hh for the tile's columns and one C-th of the sums' index k, for the whole
 *   sequence, and reads that part of the vectors alone, from L2, a chunk at a time while it multiplies the one
 *   before. A thread has 8 x 8 sums; where the tile has fewer, groups of threads share k.
 * - The blocks then add up their sums through distributed shared memory, each for its share of the tile's units
 *   and streams, and run the cell on them.
 * - What the cell leaves is what all blocks multiply next: one barrier of the grid a step.
 *
 * Forward, the vectors are h and the columns G a unit; backward, the losses by h' of all gates, and a column a
 * unit. Sums run in an order that the plan fixes. */
#include "recurrence_grid.cuh"

#include <math.h>

#include "cell_math.cuh"
#include "tile_product.cuh"

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    grid_plan plan;
} grid_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    grid_plan plan;
} grid_backward_args;

/* weights[k][gate * units + unit]: the rows of w_hh of the tile's gates, transposed. */
__device__ void load_rows(float *weights, const float *w_hh, int G, int H, const grid_plan &plan,
                          const tile &own)
{
    int count = (own.depth + 7) / 8 * 8 * plan.columns;
    for (int i = (int)threadIdx.x; i < count; i += THREADS) {
        int square = i / 32, across = plan.columns / 4;
        int column = square % across * 4 + i / 8 % 4, k = square / across * 8 + i % 8;
        int gate = column / plan.units, unit = column % plan.units;
        size_t row = (size_t)(gate * H + own.first_unit + unit);
        bool inside = gate < G && unit < own.units;
        if (k < own.depth)
            weights[k * (plan.columns + PADDING) + column] =
                inside ? w_hh[row * (size_t)H + (size_t)(own.first_k + k)] : 0.0f;
    }
}

/* The cell of step t for this block's share of the tile. */
template <int G>
__device__ __forceinline__ void finish_forward(const lyrnn_recurrence_forward_args &r, int t,
                                               const block_team &team, float *work,
                                               const grid_plan &plan, const tile &own)
{
    for (int i = own.rank * THREADS + (int)threadIdx.x; i < own.streams * own.units;
         i += plan.cluster * THREADS) {
        int stream = i / own.units, j = i % own.units, unit_number = own.first_unit + j;
        unit_place place = find_unit(G, t, r.B, r.H, r.h_stride, r.reverse,
                                     own.first_stream + stream, unit_number);
        unit_state<G> unit = {};
        float prime[G];
#pragma unroll
        for (int gate = 0; gate < G; gate++) {
            unit.gates[gate] = r.gates[place.gates + (size_t)(gate * r.H)];
            prime[gate] = sum_blocks(team, work, plan, stream, gate * plan.units + j) +
                          r.b_hh[gate * r.H + unit_number];
        }
        if (G == 4)
            unit.c_before = r.c[place.before];
        if (G == 3)
            unit.h_before = r.h[place.before];
        cell_forward(r.cell, prime, unit);
        store_unit(r, place, unit);
    }
}

template <int G>
__global__ void __launch_bounds__(THREADS, 1) grid_forward_kernel(grid_forward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, weights); /* (depth, columns + PADDING), then work */
    const lyrnn_recurrence_forward_args &r = a.recurrence;
    const block_team team = THIS_TEAM();
    const tile own = find_tile(a.plan, r.B, r.H, r.H);
    float *work = weights + a.plan.depth * (a.plan.columns + PADDING);
    load_rows(weights, r.w_hh, G, r.H, a.plan, own);
    for (int i = 0; i < r.T; i++) {
        int t = r.reverse ? r.T - 1 - i : i;
        const float *before =
            r.h + (size_t)(r.reverse ? t + 1 : t) * (size_t)r.B * (size_t)r.h_stride;
        multiply(work, weights, vectors{before, r.h_stride, NULL, r.H, 0}, a.plan, own);
        team.sync();
        finish_forward<G>(r, t, team, work, a.plan, own);
        cooperative_groups::this_grid().sync();
    }
}

/* weights[k][unit]: the columns of w_hh of the tile's units. */
__device__ void load_columns(float *weights, const float *w_hh, int H, const grid_plan &plan,
                             const tile &own)
{
    for (int i = (int)threadIdx.x; i < own.depth * plan.columns; i += THREADS) {
        int k = i / plan.columns, column = i % plan.columns;
        size_t row = (size_t)(own.first_k + k) * (size_t)H;
        weights[k * (plan.columns + PADDING) + column] =
            column < own.units ? w_hh[row + (size_t)(own.first_unit + column)] : 0.0f;
    }
}

/* The cell of step t, backwards, for this block's share of the tile; with what the step after it passed on
 * through W_hh, unless it is the first. */
template <int G>
__device__ __forceinline__ void finish_backward(const lyrnn_recurrence_backward_args &r, int t,
                                                bool is_first, const block_team &team, float *work,
                                                const grid_plan &plan, const tile &own)
{
    for (int i = own.rank * THREADS + (int)threadIdx.x; i < own.streams * own.units;
         i += plan.cluster * THREADS) {
        int stream = i / own.units, j = i % own.units;
        float passed_on = is_first ? 0.0f : sum_blocks(team, work, plan, stream, j);
        unit_backward<G>(r, t, own.first_stream + stream, own.first_unit + j, passed_on);
    }
}

/* Adds what the last step passed on through W_hh. */
__device__ __forceinline__ void finish_sequence(const lyrnn_recurrence_backward_args &r,
                                                const block_team &team, float *work,
                                                const grid_plan &plan, const tile &own)
{
    for (int i = own.rank * THREADS + (int)threadIdx.x; i < own.streams * own.units;
         i += plan.cluster * THREADS) {
        int stream = i / own.units, j = i % own.units;
        r.dh[(size_t)(own.first_stream + stream) * (size_t)r.H + (size_t)(own.first_unit + j)] +=
            sum_blocks(team, work, plan, stream, j);
    }
}

/* The losses by h' of step t: with those by the input projection, but for gru's n, which has them apart. */
template <int G>
__device__ __forceinline__ vectors losses_of(const lyrnn_recurrence_backward_args &r, int t)
{
    size_t row = (size_t)t * (size_t)r.B;
    int with_input = (G == 3 ? 2 : G) * r.H;
    return vectors{r.gates + row * (size_t)(G * r.H), G * r.H,
                   G == 3 ? r.saved + row * (size_t)r.H : NULL, with_input, r.H};
}

template <int G>
__global__ void __launch_bounds__(THREADS, 1) grid_backward_kernel(grid_backward_args a)
{
    LYRNN_DYNAMIC_SHARED(float, weights); /* (depth, columns + PADDING), then work */
    const lyrnn_recurrence_backward_args &r = a.recurrence;
    const block_team team = THIS_TEAM();
    const tile own = find_tile(a.plan, r.B, r.H, G * r.H);
    float *work = weights + a.plan.depth * (a.plan.columns + PADDING);
    load_columns(weights, r.w_hh, r.H, a.plan, own);
    for (int i = 0; i < r.T; i++) {
        int t = r.reverse ? i : r.T - 1 - i;
        finish_backward<G>(r, t, i == 0, team, work, a.plan, own);
        cooperative_groups::this_grid().sync();
        multiply(work, weights, losses_of<G>(r, t), a.plan, own);
        team.sync();
    }
    finish_sequence(r, team, work, a.plan, own);
    /* A block stays while others read its sums. */
    team.sync();
}

/* What a plan is made for. */
typedef struct {
    int B, H;
    int K;                /* the sums' index runs up to: forward H, backward G H */
    int columns_per_unit; /* forward G, backward 1 */
} grid_problem;

static size_t shared_bytes(const grid_plan &plan)
{
    size_t streams = (size_t)1 << plan.streams_log, columns = (size_t)plan.columns;
    size_t chunks = 2 * (CHUNK >> plan.streams_log) * (streams + PADDING);
    size_t sums = (size_t)plan.groups * streams * columns;
    size_t work = chunks > sums ? chunks : sums;
    return ((size_t)plan.depth * (columns + PADDING) + work) * sizeof(float);
}

/* The plan for so many clusters of so many blocks, and tiles of so many streams; false where no tile fits. */
static bool plan_tiles(const grid_problem &p, int cluster, int clusters, int streams_log,
                       size_t max_shared_bytes, grid_plan *plan)
{
    int slices = lyrnn_cuda_ceil_div(p.B, 1 << streams_log);
    if (slices > clusters)
        return false;
    plan->cluster = cluster;
    plan->units = lyrnn_cuda_ceil_div(p.H, clusters / slices);
    plan->tiles = lyrnn_cuda_ceil_div(p.H, plan->units);
    plan->columns = SIDE * lyrnn_cuda_ceil_div(p.columns_per_unit * plan->units, SIDE);
    plan->depth = 8 * lyrnn_cuda_ceil_div(p.K, 8 * cluster);
    plan->streams_log = streams_log;
    plan->groups = THREADS / (((1 << streams_log) / SIDE) * (plan->columns / SIDE));
    /* Less than eight values of k are not worth their sum's way through shared memory. */
    plan->groups = plan->groups < plan->depth / 8 ? plan->groups : plan->depth / 8;
    return plan->groups > 0 && shared_bytes(*plan) <= max_shared_bytes;
}

/* What a step takes, in cycles. For each float of the vectors a block does as many FMAs
 * as its tile has columns: from 20 columns on a block needs less than L2 gives, and the FMAs, at the share of
 * the peak that loads from shared memory leave them, are what takes the time. Fetching overlaps with them; sums,
 * cell and barriers follow one another. The figures are from published throughputs and latencies, to be
 * replaced by measured ones. With them a step of an H100, there and back, is expected to take, in microseconds,
 * against by steps:
 *     lstm H 512 B 64         5.7   6.0    9.9
 *     gru H 512 B 64          5.0   5.2    8.9
 *     lstm H 1024 B 128      28.2  28.9   37.2
 *     rnn_tanh H 2048 B 128  28.7  28.7   37.2 */
static double step_cycles(const grid_plan &plan)
{
    const double fma_share = 0.75, l2_bytes = 20, shared_bytes_a_cycle = 128, cluster_bytes = 16;
    const double grid_barrier = 2200, cluster_barrier = 400, cell = 1000;
    double streams = (double)(1 << plan.streams_log), sums_bytes = 4 * streams * plan.columns;
    const double square = SIDE * SIDE;
    double warps = ceil(plan.groups * streams * plan.columns / (32 * square));
    double fma = ceil((double)plan.depth / plan.groups) * square * ceil(warps / 4) / fma_share;
    double fetch = 4 * streams * plan.depth / l2_bytes;
    double sum = 2 * plan.groups * sums_bytes / shared_bytes_a_cycle;
    double exchange = sums_bytes * (plan.cluster - 1) / plan.cluster / cluster_bytes;
    double barriers = grid_barrier + (plan.cluster > 1 ? cluster_barrier : 0);
    return (fma > fetch ? fma : fetch) + sum + exchange + cell + barriers;
}

/* A kernel's launch, and W_hh's way into shared memory, once a sequence. */
static double expected_ns(const grid_plan &plan, int T)
{
    const double launch_ns = 8000, load_bytes = 16;
    double load = 4.0 * plan.depth * plan.columns / load_bytes;
    return launch_ns + (load + T * step_cycles(plan)) / LYRNN_CUDA_CYCLES_PER_NS;
}

/* Clusters that are on the device at once when a block has all of a multiprocessor's shared memory; without
 * that many, the grid's barrier would never end. */
template <typename Args>
static int max_clusters(const lyrnn_cuda_state *state, void (*kernel)(Args), int cluster)
{
    if (cluster == 1)
        return state->properties.multiProcessorCount;
    cudaLaunchAttribute attribute = cluster_attribute(cluster);
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)cluster);
    config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = state->properties.sharedMemPerBlockOptin;
    config.attrs = &attribute;
    config.numAttrs = 1;
    int clusters = 0;
    LYRNN_CUDA_CHECK(cudaOccupancyMaxActiveClusters(&clusters, kernel, &config));
    return clusters;
}

/* The plan that is expected to take the least time; false where none fits. Where this path is forced, one with
 * clusters if any fits: shapes that tests can afford would not have them. */
template <typename Args>
static bool find_plan(const lyrnn_cuda_state *state, void (*kernel)(Args), const grid_problem &p,
                      grid_plan *best)
{
    const size_t max_shared_bytes = state->properties.sharedMemPerBlockOptin;
    int max_cluster = state->properties.major >= 9 ? LYRNN_MAX_CLUSTER : 1;
    const bool forced = state->recurrence_path == LYRNN_RECURRENCE_GRID;
    bool found = false;
    if (!state->properties.cooperativeLaunch)
        return false;
    LYRNN_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                          (int)max_shared_bytes));
    for (int cluster = 1; cluster <= max_cluster; cluster *= 2) {
        int clusters = max_clusters(state, kernel, cluster);
        for (int log = 3; log <= MAX_STREAMS_LOG && (log == 3 || 1 << (log - 1) < p.B); log++) {
            grid_plan plan;
            if (!plan_tiles(p, cluster, clusters, log, max_shared_bytes, &plan))
                continue;
            bool first_with_clusters = forced && found && cluster > 1 && best->cluster == 1;
            if (!found || first_with_clusters || step_cycles(plan) < step_cycles(*best))
                *best = plan;
            found = true;
        }
    }
    return found;
}

typedef void (*forward_kernel)(grid_forward_args);
typedef void (*backward_kernel)(grid_backward_args);

static forward_kernel forward_kernel_of(int G)
{
    return G == 4   ? grid_forward_kernel<4>
           : G == 3 ? grid_forward_kernel<3>
                    : grid_forward_kernel<1>;
}

static backward_kernel backward_kernel_of(int G)
{
    return G == 4   ? grid_backward_kernel<4>
           : G == 3 ? grid_backward_kernel<3>
                    : grid_backward_kernel<1>;
}

static bool plan_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args,
                         grid_plan *plan)
{
    int G = lyrnn_num_gates(args->cell), H = args->H;
    return find_plan(lyrnn_cuda_state_of(self), forward_kernel_of(G),
                     grid_problem{args->B, H, H, G}, plan);
}

static bool plan_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args,
                          grid_plan *plan)
{
    int G = lyrnn_num_gates(args->cell), H = args->H;
    return find_plan(lyrnn_cuda_state_of(self), backward_kernel_of(G),
                     grid_problem{args->B, H, G * H, 1}, plan);
}

double lyrnn_cuda_grid_forward_ns(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    grid_plan plan;
    return plan_forward(self, args, &plan) ? expected_ns(plan, args->T) : INFINITY;
}

double lyrnn_cuda_grid_backward_ns(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    grid_plan plan;
    return plan_backward(self, args, &plan) ? expected_ns(plan, args->T) : INFINITY;
}

/* Cooperative: all blocks are on the device at once, or none is, whatever the other streams run. */
template <typename Args>
static void launch(lyrnn_backend *self, void (*kernel)(Args), const Args &args)
{
    const grid_plan &plan = args.plan;
    cudaLaunchAttribute attributes[2] = {};
    attributes[0].id = cudaLaunchAttributeCooperative;
    attributes[0].val.cooperative = 1;
    attributes[1] = cluster_attribute(plan.cluster);
    int slices = lyrnn_cuda_ceil_div(args.recurrence.B, 1 << plan.streams_log);
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)(slices * plan.tiles * plan.cluster));
    config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = shared_bytes(plan);
    config.stream = lyrnn_cuda_state_of(self)->stream;
    config.attrs = attributes;
    config.numAttrs = plan.cluster > 1 ? 2 : 1;
    LYRNN_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, args));
}

void lyrnn_cuda_grid_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    grid_plan plan;
    LYRNN_CHECK(plan_forward(self, args, &plan));
    launch(self, forward_kernel_of(lyrnn_num_gates(args->cell)), grid_forward_args{*args, plan});
}

void lyrnn_cuda_grid_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    grid_plan plan;
    LYRNN_CHECK(plan_backward(self, args, &plan));
    launch(self, backward_kernel_of(lyrnn_num_gates(args->cell)), grid_backward_args{*args, plan});
}
