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
#include "cluster.cuh"
#include "lyrnn/parameters.h"

/* SIDE: of a thread's square of sums. A chunk is CHUNK floats, FETCH a thread. PADDING keeps the four rows and
 * eight columns that a warp transposes in different banks, and rows aligned to float4. */
enum { THREADS = 256, SIDE = 8, FETCH = 16, CHUNK = THREADS * FETCH, PADDING = 4 };

/* How a recurrence is laid out on the device. */
typedef struct {
    int cluster; /* C blocks */
    int units;   /* of a tile */
    int tiles;   /* side by side: ceil(H / units) */
    int columns; /* of a tile, those of its units one gate after the other, then up to SIDE - 1 zeros */
    int depth;       /* values of k a block, a multiple of 8 */
    int streams_log; /* log2 of the streams of a tile, at least 3 */
    int groups;      /* of threads that share k */
} grid_plan;

typedef struct {
    lyrnn_recurrence_forward_args recurrence;
    grid_plan plan;
} grid_forward_args;

typedef struct {
    lyrnn_recurrence_backward_args recurrence;
    grid_plan plan;
} grid_backward_args;

/* What of the tile exists. */
struct tile {
    int rank; /* of this block in the cluster */
    int first_unit, units;
    int first_stream, streams;
    int first_k, depth;
};

__device__ __forceinline__ tile find_tile(const grid_plan &plan, int B, int H, int K)
{
    int cluster = (int)blockIdx.x / plan.cluster;
    tile t;
    t.rank = (int)blockIdx.x % plan.cluster;
    t.first_unit = cluster % plan.tiles * plan.units;
    t.units = min(plan.units, H - t.first_unit);
    t.first_stream = cluster / plan.tiles << plan.streams_log;
    t.streams = min(1 << plan.streams_log, B - t.first_stream);
    t.first_k = min(t.rank * plan.depth, K);
    t.depth = min(plan.depth, K - t.first_k);
    return t;
}

/* The vectors of all streams (B,K): rows stride floats apart, but from k = apart_from on in rows of H. */
struct vectors {
    const float *rows;
    int stride;
    const float *apart;
    int apart_from, apart_stride;
};

/* Other blocks wrote it in this launch: from L2, not from an L1 that may hold what was there before. */
__device__ __forceinline__ float read_vector(const vectors &from, int stream, int k)
{
    return k < from.apart_from ? __ldcg(from.rows + (size_t)stream * (size_t)from.stride + k)
                               : __ldcg(from.apart + (size_t)stream * (size_t)from.apart_stride +
                                        k - from.apart_from);
}

/* Where the e-th of a thread's FETCH floats of a chunk stands: a warp takes 4 streams x 8 values of k. */
__device__ __forceinline__ int2 place_in_chunk(const grid_plan &plan, int e)
{
    int lane = (int)threadIdx.x % 32, square = e * (THREADS / 32) + (int)threadIdx.x / 32;
    int across = plan.streams_log - 2;
    return int2{(square & ((1 << across) - 1)) * 4 + lane / 8, (square >> across) * 8 + lane % 8};
}

/* The chunk that begins at value k of the block's part; zeros beyond the tile. */
__device__ __forceinline__ void fetch_chunk(float (&values)[FETCH], const vectors &from,
                                            const grid_plan &plan, const tile &own, int k)
{
#pragma unroll
    for (int e = 0; e < FETCH; e++) {
        int2 at = place_in_chunk(plan, e);
        bool inside = at.x < own.streams && k + at.y < own.depth;
        values[e] =
            inside ? read_vector(from, own.first_stream + at.x, own.first_k + k + at.y) : 0.0f;
    }
}

/* chunk (depth, streams + PADDING): what is multiplied together lies together. */
__device__ __forceinline__ void store_chunk(float *chunk, const float (&values)[FETCH], int depth,
                                            const grid_plan &plan)
{
    int row = (1 << plan.streams_log) + PADDING;
#pragma unroll
    for (int e = 0; e < FETCH; e++) {
        int2 at = place_in_chunk(plan, e);
        if (at.y < depth)
            chunk[at.y * row + at.x] = values[e];
    }
}

/* SIDE values in two quads, the second so many quads after the first: a warp's quads then lie side by side. */
__device__ __forceinline__ void load_side(float (&values)[SIDE], const float *quads, int distance)
{
    float4 low = *(const float4 *)quads, high = *(const float4 *)(quads + 4 * distance);
    values[0] = low.x;
    values[1] = low.y;
    values[2] = low.z;
    values[3] = low.w;
    values[4] = high.x;
    values[5] = high.y;
    values[6] = high.z;
    values[7] = high.w;
}

/* A thread's square of sums: quads `stream` and `stream + streams` of the tile's streams, `column` and
 * `column + columns` of its columns, over every groups-th k from `group` on. */
struct square {
    int group, stream, streams, column, columns;
};

__device__ __forceinline__ square find_square(const grid_plan &plan)
{
    square s;
    s.streams = (1 << plan.streams_log) / SIDE;
    s.columns = plan.columns / SIDE;
    int in_group = (int)threadIdx.x % (s.streams * s.columns);
    s.group = (int)threadIdx.x / (s.streams * s.columns);
    s.stream = in_group / s.columns;
    s.column = in_group % s.columns;
    return s;
}

__device__ __forceinline__ void multiply_chunk(float (&sums)[SIDE][SIDE], const float *chunk,
                                               const float *weights, int depth,
                                               const grid_plan &plan, const square &s)
{
    int chunk_row = (1 << plan.streams_log) + PADDING, weights_row = plan.columns + PADDING;
    if (s.group >= plan.groups)
        return;
    chunk += s.group * chunk_row + 4 * s.stream;
    weights += s.group * weights_row + 4 * s.column;
#pragma unroll 2
    for (int k = s.group; k < depth; k += plan.groups) {
        float vector[SIDE], weight[SIDE];
        load_side(vector, chunk, s.streams);
        load_side(weight, weights, s.columns);
#pragma unroll
        for (int i = 0; i < SIDE; i++)
#pragma unroll
            for (int j = 0; j < SIDE; j++)
                sums[i][j] = fmaf(vector[i], weight[j], sums[i][j]);
        chunk += plan.groups * chunk_row;
        weights += plan.groups * weights_row;
    }
}

/* sums (groups,streams,columns) */
__device__ __forceinline__ void store_square(float *to, const float (&sums)[SIDE][SIDE],
                                             const grid_plan &plan, const square &s)
{
    if (s.group >= plan.groups)
        return;
#pragma unroll
    for (int i = 0; i < SIDE; i++) {
        int stream = 4 * (s.stream + i / 4 * s.streams) + i % 4;
        float *row = to + ((s.group << plan.streams_log) + stream) * plan.columns + 4 * s.column;
        *(float4 *)row = float4{sums[i][0], sums[i][1], sums[i][2], sums[i][3]};
        *(float4 *)(row + 4 * s.columns) = float4{sums[i][4], sums[i][5], sums[i][6], sums[i][7]};
    }
}

/* Adds the other groups' sums (streams,columns) to the first's. */
__device__ __forceinline__ void sum_groups(float *sums, const grid_plan &plan)
{
    int count = plan.columns << plan.streams_log;
    for (int i = 4 * (int)threadIdx.x; i < count; i += 4 * THREADS) {
        float4 sum = *(float4 *)(sums + i);
        for (int group = 1; group < plan.groups; group++) {
            float4 other = *(const float4 *)(sums + group * count + i);
            sum = float4{sum.x + other.x, sum.y + other.y, sum.z + other.z, sum.w + other.w};
        }
        *(float4 *)(sums + i) = sum;
    }
}

/* This block's part of the product: work = (streams,columns) sums over its k, of the vectors with weights
 * (depth, columns + PADDING). work first holds two chunks, which is what the barriers are for. */
__device__ __forceinline__ void multiply(float *work, const float *weights, const vectors &from,
                                         const grid_plan &plan, const tile &own)
{
    const int depth = CHUNK >> plan.streams_log;
    const int size = depth * ((1 << plan.streams_log) + PADDING);
    const square s = find_square(plan);
    float sums[SIDE][SIDE] = {}, values[FETCH];
    fetch_chunk(values, from, plan, own, 0);
    for (int k = 0, i = 0; k < own.depth; k += depth, i++) {
        float *chunk = work + i % 2 * size;
        int chunk_depth = min(depth, own.depth - k);
        store_chunk(chunk, values, chunk_depth, plan);
        __syncthreads();
        if (k + depth < own.depth)
            fetch_chunk(values, from, plan, own, k + depth);
        multiply_chunk(sums, chunk, weights + k * (plan.columns + PADDING), chunk_depth, plan, s);
    }
    __syncthreads();
    store_square(work, sums, plan, s);
    if (plan.groups > 1) {
        __syncthreads();
        sum_groups(work, plan);
    }
}

/* The cluster's sum for a stream and a column of the tile. */
__device__ __forceinline__ float sum_blocks(const block_team &team, float *work,
                                            const grid_plan &plan, int stream, int column)
{
    int at = stream * plan.columns + column;
    float sum = 0.0f;
    for (unsigned rank = 0; rank < (unsigned)plan.cluster; rank++)
        sum += team.map_shared_rank(work, rank)[at];
    return sum;
}

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
        int in_tile = i / own.units, j = i % own.units;
        int stream = own.first_stream + in_tile, unit_number = own.first_unit + j;
        size_t row = (size_t)t * (size_t)r.B + (size_t)stream;
        size_t at = (size_t)stream * (size_t)r.H + (size_t)unit_number;
        unit_place place = find_unit(G, t, r.B, r.H, r.h_stride, r.reverse, stream, unit_number);
        unit_state<G> unit = load_unit<G>(r, place);
        unit_losses<G> loss = {};
        loss.dh = r.doutput[row * (size_t)r.h_stride + (size_t)unit_number] + r.dh[at];
        if (!is_first)
            loss.dh += sum_blocks(team, work, plan, in_tile, j);
        if (G == 4)
            loss.dc = r.dc[at];
        cell_backward(r.cell, unit, loss);
        store_losses(r, place, loss);
        r.dh[at] = loss.dh;
        if (G == 4)
            r.dc[at] = loss.dc;
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

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
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
    int slices = ceil_div(p.B, 1 << streams_log);
    if (slices > clusters)
        return false;
    plan->cluster = cluster;
    plan->units = ceil_div(p.H, clusters / slices);
    plan->tiles = ceil_div(p.H, plan->units);
    plan->columns = SIDE * ceil_div(p.columns_per_unit * plan->units, SIDE);
    plan->depth = 8 * ceil_div(p.K, 8 * cluster);
    plan->streams_log = streams_log;
    plan->groups = THREADS / (((1 << streams_log) / SIDE) * (plan->columns / SIDE));
    /* Less than eight values of k are not worth their sum's way through shared memory. */
    plan->groups = plan->groups < plan->depth / 8 ? plan->groups : plan->depth / 8;
    return plan->groups > 0 && shared_bytes(*plan) <= max_shared_bytes;
}

/* What a step takes, in cycles. A block multiplies at most a chunk's worth of FMAs for each float that it
 * reads, so the two overlap; sums, cell and barriers follow one another. The figures are from published
 * throughputs and latencies, to be replaced by measured ones. */
static double step_cycles(const grid_plan &plan)
{
    const double fma_share = 0.75, l2_bytes = 20, shared_bytes_a_cycle = 128, cluster_bytes = 16;
    const double grid_barrier = 2200, cluster_barrier = 400, cell = 1000;
    double streams = (double)(1 << plan.streams_log), sums_bytes = 4 * streams * plan.columns;
    double warps = ceil(plan.groups * streams * plan.columns / (SIDE * SIDE * 32));
    double fma = ceil((double)plan.depth / plan.groups) * SIDE * SIDE * ceil(warps / 4) / fma_share;
    double fetch = 4 * streams * plan.depth / l2_bytes;
    double sum = 2 * plan.groups * sums_bytes / shared_bytes_a_cycle;
    double exchange = sums_bytes * (plan.cluster - 1) / plan.cluster / cluster_bytes;
    double barriers = grid_barrier + (plan.cluster > 1 ? cluster_barrier : 0);
    return (fma > fetch ? fma : fetch) + sum + exchange + cell + barriers;
}

/* A kernel's launch, and W_hh's way into shared memory, once a sequence. */
static double expected_ns(const grid_plan &plan, int T)
{
    const double cycles_per_ns = 1.7, launch_ns = 8000, load_bytes = 16;
    double load = 4.0 * plan.depth * plan.columns / load_bytes;
    return launch_ns + (load + T * step_cycles(plan)) / cycles_per_ns;
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
        for (int log = 3; log == 3 || 1 << (log - 1) < p.B; log++) {
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
    int slices = ceil_div(args.recurrence.B, 1 << plan.streams_log);
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
