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

/* Copies a quad from L2 to shared memory. It does not pass through L1, which may hold what was
 * there before other blocks wrote. From compute capability 8.0 on the copy needs no registers: it
 * is under way until end_copies(). Before, begin_copy reads the quad, and end_copies writes it. */
struct quad_copy {
    float4 *to; /* NULL: there is no quad */
    float4 quad;
};

#if !defined(LYRNN_CUDA_SIM) && __CUDA_ARCH__ >= 800
__device__ __forceinline__ void begin_copy(quad_copy &, bool exists, float *to, const float *from)
{
    asm volatile("{\n\t.reg .pred exists;\n\tsetp.ne.s32 exists, %0, 0;\n\t"
                 "@exists cp.async.cg.shared.global [%1], [%2], 16;\n\t}" ::"r"((int)exists),
                 "r"((unsigned)__cvta_generic_to_shared(to)), "l"(from)
                 : "memory");
}

__device__ __forceinline__ void end_copies(const quad_copy (&)[TILE_QUADS])
{
    asm volatile("cp.async.wait_all;" ::: "memory");
}
#else
__device__ __forceinline__ void begin_copy(quad_copy &copy, bool exists, float *to,
                                           const float *from)
{
    copy.to = exists ? (float4 *)to : NULL;
    if (exists)
        copy.quad = __ldcg((const float4 *)from);
}

__device__ __forceinline__ void end_copies(const quad_copy (&copies)[TILE_QUADS])
{
#pragma unroll
    for (int i = 0; i < TILE_QUADS; i++)
        if (copies[i].to != NULL)
            *copies[i].to = copies[i].quad;
}
#endif

/* A thread's share of the copies of chunks: four streams of every k_step-th k. Quad after quad and
 * chunk after chunk it walks over the block's part of k. The chunks go to two buffers in turn. */
struct chunk_copies {
    const float *from;
    float *to; /* in the first buffer; the second is TILE_QUADS * to_step further */
    int left;  /* values of k from this one to the end of the block's part */
    int k_step, from_step, to_step;
    quad_copy copies[TILE_QUADS];

    __device__ __forceinline__ chunk_copies(float *work, const vectors &vectors,
                                            const grid_plan &plan, const tile &own)
    {
        const int across_log = plan.streams_log - 2;
        const int stream = 4 * ((int)threadIdx.x & ((1 << across_log) - 1));
        const int k = (int)threadIdx.x >> across_log;
        const int row = (1 << plan.streams_log) + TILE_PADDING;
        k_step = GRID_THREADS >> across_log;
        from_step = k_step * vectors.row;
        to_step = k_step * row;
        from = vectors.values + (size_t)(own.first_k + k) * (size_t)vectors.row + own.first_stream +
               stream;
        to = work + k * row + stream;
        left = stream < own.streams ? own.depth - k : 0;
    }
    __device__ __forceinline__ void begin_chunk(int buffer)
    {
        float *place = to + (buffer == 0 ? 0 : TILE_QUADS * to_step);
#pragma unroll
        for (int i = 0; i < TILE_QUADS; i++) {
            begin_copy(copies[i], left > 0, place + i * to_step, from);
            from += from_step;
            left -= k_step;
        }
    }
    __device__ __forceinline__ void end_chunk()
    {
        end_copies(copies);
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

__device__ __forceinline__ void multiply_value(float (&sums)[TILE_SIDE][TILE_SIDE],
                                               const float *vectors, const float *weights,
                                               const sum_square &s)
{
    float vector[TILE_SIDE], weight[TILE_SIDE];
    load_side(vector, vectors, s.streams);
    load_side(weight, weights, s.columns);
#pragma unroll
    for (int i = 0; i < TILE_SIDE; i++)
#pragma unroll
        for (int j = 0; j < TILE_SIDE; j++)
            sums[i][j] = fmaf(vector[i], weight[j], sums[i][j]);
}

/* Two values of k at a time, so that one's reads of shared memory overlap with the other's FMAs. By
 * hand: to unroll the loop, the compiler would divide by the number of groups. */
__device__ __forceinline__ void multiply_chunk(float (&sums)[TILE_SIDE][TILE_SIDE],
                                               const float *chunk, const float *weights, int depth,
                                               const grid_plan &plan, const sum_square &s)
{
    const int chunk_row = (1 << plan.streams_log) + TILE_PADDING;
    const int weights_row = plan.columns + TILE_PADDING;
    const int chunk_step = plan.groups * chunk_row, weights_step = plan.groups * weights_row;
    if (s.group >= plan.groups)
        return;
    chunk += s.group * chunk_row + 4 * s.stream;
    weights += s.group * weights_row + 4 * s.column;
    int left = depth - s.group; /* the group has ceil(left / groups) values of k */
#pragma unroll 1
    for (; left > plan.groups; left -= 2 * plan.groups) {
        multiply_value(sums, chunk, weights, s);
        multiply_value(sums, chunk + chunk_step, weights + weights_step, s);
        chunk += 2 * chunk_step;
        weights += 2 * weights_step;
    }
    if (left > 0)
        multiply_value(sums, chunk, weights, s);
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
        float4 *row = (float4 *)(to + ((s.group << plan.streams_log) + stream) * plan.columns);
        row[s.column] = make_float4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]);
        row[s.column + s.columns] = make_float4(sums[i][4], sums[i][5], sums[i][6], sums[i][7]);
    }
}

/* Adds the sums (streams,columns) of the other groups to those of the first. */
__device__ __forceinline__ void sum_groups(float *sums, const grid_plan &plan)
{
    enum { AT_ONCE = 4, STEP = 4 * GRID_THREADS };
    const int count = plan.columns << plan.streams_log;
#pragma unroll 1
    for (int first = 4 * (int)threadIdx.x; first < count; first += AT_ONCE * STEP) {
        float4 total[AT_ONCE] = {};
#pragma unroll 1
        for (int group = 0; group < plan.groups; group++)
#pragma unroll
            for (int i = 0; i < AT_ONCE; i++)
                if (first + i * STEP < count) {
                    float4 part = *(const float4 *)(sums + group * count + first + i * STEP);
                    total[i] = float4{total[i].x + part.x, total[i].y + part.y, total[i].z + part.z,
                                      total[i].w + part.w};
                }
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
            if (first + i * STEP < count)
                *(float4 *)(sums + first + i * STEP) = total[i];
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
                                         const grid_plan &plan, const tile &own,
                                         const sum_square &s)
{
    const int depth = TILE_CHUNK >> plan.streams_log;
    const int size = depth * ((1 << plan.streams_log) + TILE_PADDING);
    float sums[TILE_SIDE][TILE_SIDE] = {};
    chunk_copies copies(work, from, plan, own);
    copies.begin_chunk(0);
    for (int k = 0, buffer = 0; k < own.depth; k += depth, buffer = 1 - buffer) {
        copies.end_chunk();
        __syncthreads();
        copies.begin_chunk(1 - buffer);
        multiply_chunk(sums, work + buffer * size, weights + k * (plan.columns + TILE_PADDING),
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
 * first in work. The compiler may compute the address of a block before it knows whether C applies,
 * and has to find an existing one even then. */
template <int C, int NUM>
__device__ __forceinline__ void sum_blocks_of(float (&sums)[NUM], const block_team &team,
                                              float *work, int at, int distance)
{
    const unsigned existing = team.num_blocks() - 1;
#pragma unroll
    for (unsigned rank = 0; rank < C; rank++) {
        const float *from = team.map_shared_rank(work, rank & existing) + at;
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
