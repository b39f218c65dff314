/* The product of recurrence_grid.cu: the vectors of a tile's streams with the part of W_hh that a
 * cluster holds.
 *
 * Each block of the cluster sums over its part of k. It fetches a chunk of the vectors from L2 into
 * registers while it multiplies the previous chunk in shared memory. For each k, a thread reads 16
 * floats and computes 64 FMAs. recurrence_plan.cuh has the sizes. */
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

/* The vectors of all streams (B,K). Values below k = apart_from are in rows, the others in apart.
 * The rows of each begin a stride of floats apart. */
struct vectors {
    const float *rows;
    int stride;
    const float *apart;
    int apart_from, apart_stride;
};

/* Reads from L2: other blocks wrote this value in the same launch, and L1 may hold an older one. */
__device__ __forceinline__ float read_vector(const vectors &from, int stream, int k)
{
    return k < from.apart_from ? __ldcg(from.rows + (size_t)stream * (size_t)from.stride + k)
                               : __ldcg(from.apart + (size_t)stream * (size_t)from.apart_stride +
                                        k - from.apart_from);
}

/* The place in the chunk of the e-th float that a thread fetches: x is the stream, y is k. A warp
 * takes 4 streams x 8 values of k. */
__device__ __forceinline__ int2 place_in_chunk(const grid_plan &plan, int e)
{
    int lane = (int)threadIdx.x % 32, square = e * (GRID_THREADS / 32) + (int)threadIdx.x / 32;
    int across = plan.streams_log - 2;
    return int2{(square & ((1 << across) - 1)) * 4 + lane / 8, (square >> across) * 8 + lane % 8};
}

/* Fetches the chunk that begins at value k of the block's part. Values beyond the tile are zero. */
__device__ __forceinline__ void fetch_chunk(float (&values)[TILE_FETCH], const vectors &from,
                                            const grid_plan &plan, const tile &own, int k)
{
#pragma unroll
    for (int e = 0; e < TILE_FETCH; e++) {
        int2 at = place_in_chunk(plan, e);
        bool inside = at.x < own.streams && k + at.y < own.depth;
        values[e] =
            inside ? read_vector(from, own.first_stream + at.x, own.first_k + k + at.y) : 0.0f;
    }
}

/* Stores a chunk as (depth, streams + TILE_PADDING), so that values of one k are neighbors. */
__device__ __forceinline__ void store_chunk(float *chunk, const float (&values)[TILE_FETCH],
                                            int depth, const grid_plan &plan)
{
    int row = (1 << plan.streams_log) + TILE_PADDING;
#pragma unroll
    for (int e = 0; e < TILE_FETCH; e++) {
        int2 at = place_in_chunk(plan, e);
        if (at.y < depth)
            chunk[at.y * row + at.x] = values[e];
    }
}

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

/* This block's part of the product: the sums over its part of k of the vectors with weights (depth,
 * columns + TILE_PADDING). work becomes (streams,columns). Until then it holds two chunks, which is
 * why there are barriers. */
__device__ __forceinline__ void multiply(float *work, const float *weights, const vectors &from,
                                         const grid_plan &plan, const tile &own)
{
    const int depth = TILE_CHUNK >> plan.streams_log;
    const int size = depth * ((1 << plan.streams_log) + TILE_PADDING);
    const sum_square s = find_square(plan);
    float sums[TILE_SIDE][TILE_SIDE] = {}, values[TILE_FETCH];
    fetch_chunk(values, from, plan, own, 0);
    for (int k = 0, i = 0; k < own.depth; k += depth, i++) {
        float *chunk = work + i % 2 * size;
        int chunk_depth = min(depth, own.depth - k);
        store_chunk(chunk, values, chunk_depth, plan);
        __syncthreads();
        if (k + depth < own.depth)
            fetch_chunk(values, from, plan, own, k + depth);
        multiply_chunk(sums, chunk, weights + k * (plan.columns + TILE_PADDING), chunk_depth, plan,
                       s);
    }
    __syncthreads();
    store_square(work, sums, plan, s);
    if (plan.groups > 1) {
        __syncthreads();
        sum_groups(work, plan);
    }
}

/* The sum of the whole cluster for one stream and one column of the tile. */
__device__ __forceinline__ float sum_blocks(const block_team &team, float *work,
                                            const grid_plan &plan, int stream, int column)
{
    int at = stream * plan.columns + column;
    float sum = 0.0f;
    for (unsigned rank = 0; rank < (unsigned)plan.cluster; rank++)
        sum += team.map_shared_rank(work, rank)[at];
    return sum;
}

#endif
