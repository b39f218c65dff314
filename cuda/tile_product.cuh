/* The product of recurrence_grid.cu: the vectors of a tile's streams with the part of W_hh that a
 * cluster holds.
 *
 * Each block of the cluster sums over its part of k. It copies a chunk of the vectors from L2 into
 * shared memory while it multiplies the previous chunk. For each k, a thread reads 16 floats and
 * computes 64 FMAs. recurrence_plan.cuh has the sizes. */
#ifndef LYRNN_TILE_PRODUCT_CUH
#define LYRNN_TILE_PRODUCT_CUH

#include "recurrence_plan.cuh"

/* The part of the tile that exists: tiles at the edges may be smaller. */
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

/* The vectors of all streams, transposed: (K,row). row is the streams rounded up to quads. */
struct vectors {
    float *values;
    int row;
};

/* The part of each chunk that a thread copies: four streams of every 2^step_log-th k. */
struct quad_share {
    int stream, k, step_log;
    bool exists; /* any of the streams */
};

__device__ __forceinline__ quad_share find_quads(const grid_plan &plan, const tile &own)
{
    int across_log = plan.streams_log - 2;
    quad_share share;
    share.stream = 4 * ((int)threadIdx.x & ((1 << across_log) - 1));
    share.k = (int)threadIdx.x >> across_log;
    share.step_log = GRID_THREADS_LOG - across_log;
    share.exists = share.stream < own.streams;
    return share;
}

/* A thread's quads of a chunk, on their way from L2 to shared memory. They do not pass through L1,
 * which may hold what was there before other blocks wrote. From compute capability 8.0 on they need
 * no registers. */
#if !defined(LYRNN_CUDA_SIM) && __CUDA_ARCH__ >= 800
struct quad_copies {
    __device__ __forceinline__ void begin(int, float *to, const float *from)
    {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                         (unsigned)__cvta_generic_to_shared(to)),
                     "l"(from)
                     : "memory");
    }
    __device__ __forceinline__ void end(int, float *)
    {
        asm volatile("cp.async.wait_all;" ::: "memory");
    }
};
#else
struct quad_copies {
    float4 quads[TILE_QUADS];

    __device__ __forceinline__ void begin(int i, float *, const float *from)
    {
        quads[i] = __ldcg((const float4 *)from);
    }
    __device__ __forceinline__ void end(int i, float *to)
    {
        *(float4 *)to = quads[i];
    }
};
#endif

/* A chunk in shared memory is (depth, streams + TILE_PADDING). */
struct chunk_copy {
    float *to;
    int step;  /* floats in shared memory from one quad to the next */
    int count; /* of the thread's quads */
    quad_copies copies;

    /* The chunk begins at value k of the block's part. */
    __device__ __forceinline__ void begin(float *chunk, const vectors &from, const grid_plan &plan,
                                          const tile &own, const quad_share &share, int k)
    {
        const int depth = min(TILE_CHUNK >> plan.streams_log, own.depth - k);
        const int row = (1 << plan.streams_log) + TILE_PADDING;
        const float *quad = from.values + (size_t)(own.first_k + k + share.k) * (size_t)from.row +
                            own.first_stream + share.stream;
        to = chunk + share.k * row + share.stream;
        step = row << share.step_log;
        count = share.exists ? (depth - share.k + (1 << share.step_log) - 1) >> share.step_log : 0;
#pragma unroll
        for (int i = 0; i < TILE_QUADS; i++)
            if (i < count)
                copies.begin(i, to + i * step, quad + ((size_t)(i * from.row) << share.step_log));
    }

    /* The thread's part of the chunk is then in shared memory. */
    __device__ __forceinline__ void end()
    {
#pragma unroll
        for (int i = 0; i < TILE_QUADS; i++)
            if (i < count)
                copies.end(i, to + i * step);
    }
};

/* Loads TILE_SIDE values as two quads. The second is `distance` quads after the first, so that the
 * quads of a warp are neighbors. */
__device__ __forceinline__ void load_side(float (&values)[TILE_SIDE], const float *quads,
                                          int distance)
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

/* A thread's square of sums. It covers the quads `stream` and `stream + streams` of the tile's
 * streams, and the quads `column` and `column + columns` of its columns. It sums every groups-th k
 * from `group` on. */
struct sum_square {
    int group, stream, streams, column, columns;
};

__device__ __forceinline__ sum_square find_square(const grid_plan &plan)
{
    sum_square s;
    s.streams = (1 << plan.streams_log) / TILE_SIDE;
    s.columns = plan.columns / TILE_SIDE;
    int in_group = (int)threadIdx.x % (s.streams * s.columns);
    s.group = (int)threadIdx.x / (s.streams * s.columns);
    s.stream = in_group / s.columns;
    s.column = in_group % s.columns;
    return s;
}

__device__ __forceinline__ void multiply_chunk(float (&sums)[TILE_SIDE][TILE_SIDE],
                                               const float *chunk, const float *weights, int depth,
                                               const grid_plan &plan, const sum_square &s)
{
    int chunk_row = (1 << plan.streams_log) + TILE_PADDING,
        weights_row = plan.columns + TILE_PADDING;
    if (s.group >= plan.groups)
        return;
    chunk += s.group * chunk_row + 4 * s.stream;
    weights += s.group * weights_row + 4 * s.column;
#pragma unroll 2
    for (int k = s.group; k < depth; k += plan.groups) {
        float vector[TILE_SIDE], weight[TILE_SIDE];
        load_side(vector, chunk, s.streams);
        load_side(weight, weights, s.columns);
#pragma unroll
        for (int i = 0; i < TILE_SIDE; i++)
#pragma unroll
            for (int j = 0; j < TILE_SIDE; j++)
                sums[i][j] = fmaf(vector[i], weight[j], sums[i][j]);
        chunk += plan.groups * chunk_row;
        weights += plan.groups * weights_row;
    }
}

/* Stores the square into (groups,streams,columns). */
__device__ __forceinline__ void store_square(float *to, const float (&sums)[TILE_SIDE][TILE_SIDE],
                                             const grid_plan &plan, const sum_square &s)
{
    if (s.group >= plan.groups)
        return;
#pragma unroll
    for (int i = 0; i < TILE_SIDE; i++) {
        int stream = 4 * (s.stream + i / 4 * s.streams) + i % 4;
        float *row = to + ((s.group << plan.streams_log) + stream) * plan.columns + 4 * s.column;
        *(float4 *)row = float4{sums[i][0], sums[i][1], sums[i][2], sums[i][3]};
        *(float4 *)(row + 4 * s.columns) = float4{sums[i][4], sums[i][5], sums[i][6], sums[i][7]};
    }
}

/* Adds the sums (streams,columns) of the other groups to those of the first. */
__device__ __forceinline__ void sum_groups(float *sums, const grid_plan &plan)
{
    int count = plan.columns << plan.streams_log;
    for (int i = 4 * (int)threadIdx.x; i < count; i += 4 * GRID_THREADS) {
        float4 sum = *(float4 *)(sums + i);
        for (int group = 1; group < plan.groups; group++) {
            float4 other = *(const float4 *)(sums + group * count + i);
            sum = float4{sum.x + other.x, sum.y + other.y, sum.z + other.z, sum.w + other.w};
        }
        *(float4 *)(sums + i) = sum;
    }
}

/* The floats of work: two chunks, or the sums of all groups. */
__device__ __forceinline__ int count_work(const grid_plan &plan)
{
    int chunks = 2 * (TILE_CHUNK >> plan.streams_log) * ((1 << plan.streams_log) + TILE_PADDING);
    return max(chunks, plan.groups * plan.columns << plan.streams_log);
}

/* This block's part of the product: the sums over its part of k of the vectors with weights (depth,
 * columns + TILE_PADDING). work becomes (streams,columns). Until then it holds two chunks, which is
 * why there are barriers. Where a tile has streams that do not exist, their sums have no meaning,
 * and nobody reads them. */
__device__ __forceinline__ void multiply(float *work, const float *weights, const vectors &from,
                                         const grid_plan &plan, const tile &own)
{
    const int depth = TILE_CHUNK >> plan.streams_log;
    const int size = depth * ((1 << plan.streams_log) + TILE_PADDING);
    const sum_square s = find_square(plan);
    const quad_share share = find_quads(plan, own);
    float sums[TILE_SIDE][TILE_SIDE] = {};
    chunk_copy copy;
    copy.begin(work, from, plan, own, share, 0);
    for (int k = 0, i = 0; k < own.depth; k += depth, i++) {
        copy.end();
        __syncthreads();
        if (k + depth < own.depth)
            copy.begin(work + (i + 1) % 2 * size, from, plan, own, share, k + depth);
        multiply_chunk(sums, work + i % 2 * size, weights + k * (plan.columns + TILE_PADDING),
                       min(depth, own.depth - k), plan, s);
    }
    __syncthreads();
    store_square(work, sums, plan, s);
    if (plan.groups > 1) {
        __syncthreads();
        sum_groups(work, plan);
    }
}

/* NUM sums of one stream, `distance` columns apart, over the C blocks of the cluster. at is the
 * first in work. */
template <int C, int NUM>
__device__ __forceinline__ void sum_blocks_of(float (&sums)[NUM], const block_team &team,
                                              float *work, int at, int distance)
{
#pragma unroll
    for (unsigned rank = 0; rank < C; rank++) {
        const float *from = team.map_shared_rank(work, rank) + at;
#pragma unroll
        for (int i = 0; i < NUM; i++)
            sums[i] = (rank == 0 ? 0.0f : sums[i]) + from[i * distance];
    }
}

/* The number of blocks is a constant in each case, so that all reads are under way at once. */
template <int NUM>
__device__ __forceinline__ void sum_blocks(float (&sums)[NUM], const block_team &team, float *work,
                                           int cluster, int at, int distance)
{
    static_assert(MAX_CLUSTER == 8, "a case for each size of a cluster");
    if (cluster == 1)
        sum_blocks_of<1>(sums, team, work, at, distance);
    else if (cluster == 2)
        sum_blocks_of<2>(sums, team, work, at, distance);
    else if (cluster == 4)
        sum_blocks_of<4>(sums, team, work, at, distance);
    else
        sum_blocks_of<8>(sums, team, work, at, distance);
}

#endif
