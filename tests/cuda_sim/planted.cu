/* Planted defects. Each kernel has exactly the defect that its name says. test_kernels.cu has
 * correct kernels of the same kinds, which catch a simulator that reports defects where there are
 * none. */
#include <cuda_runtime.h>

#include <cooperative_groups.h>

#include <cstdio>
#include <cstdlib>

#include "planted_table.h"

namespace cg = cooperative_groups;

static void launch(void (*kernel)(float *), int blocks, int threads, cudaLaunchAttribute *attribute)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)blocks);
    config.blockDim = dim3((unsigned)threads);
    config.dynamicSmemBytes = (size_t)threads * sizeof(float);
    config.attrs = attribute;
    config.numAttrs = attribute != NULL ? 1 : 0;
    cudaError_t error = cudaLaunchKernelEx(&config, kernel, floats_on_device(true));
    if (error != cudaSuccess)
        fprintf(stderr, "launch: %s\n", cudaGetErrorString(error));
    cudaDeviceSynchronize();
}

#define PLANTED(name, blocks, threads)                                                             \
    static void run_##name()                                                                       \
    {                                                                                              \
        launch(name, blocks, threads, NULL);                                                       \
    }

__global__ void missing_syncthreads(float *out)
{
    LYRNN_DYNAMIC_SHARED(float, tile);
    tile[threadIdx.x] = (float)threadIdx.x;
    out[threadIdx.x] = tile[(threadIdx.x + 1) % blockDim.x];
}
PLANTED(missing_syncthreads, 1, 64)

__global__ void missing_second_syncthreads(float *out)
{
    LYRNN_DYNAMIC_SHARED(float, tile);
    for (int round = 0; round < 2; round++) {
        tile[threadIdx.x] = (float)round;
        __syncthreads();
        out[threadIdx.x] += tile[(threadIdx.x + 1) % blockDim.x];
    }
}
PLANTED(missing_second_syncthreads, 1, 64)

__global__ void missing_syncwarp(float *out)
{
    LYRNN_SHARED(float, tile, [THREADS]);
    tile[threadIdx.x] = 1.0f;
    __syncthreads();
    tile[threadIdx.x] = 2.0f;
    /* A shuffle exchanges values, but it orders no memory accesses. */
    float sum = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
    out[threadIdx.x] = sum + tile[threadIdx.x ^ 1u];
}
PLANTED(missing_syncwarp, 1, 64)

__global__ void write_beyond_global(float *out)
{
    out[blockIdx.x * blockDim.x + threadIdx.x + 1] = 1.0f;
}
PLANTED(write_beyond_global, 4, 64)

__global__ void write_before_global(float *out)
{
    out[(int)threadIdx.x - 1] = 1.0f;
}
PLANTED(write_before_global, 1, 64)

__global__ void write_beyond_dynamic_shared(float *out)
{
    LYRNN_DYNAMIC_SHARED(float, tile);
    tile[threadIdx.x + 1] = 1.0f;
    out[threadIdx.x] = 0.0f;
}
PLANTED(write_beyond_dynamic_shared, 1, 64)

__global__ void write_beyond_shared_array(float *out)
{
    LYRNN_SHARED(float, first, [THREADS]);
    LYRNN_SHARED(float, second, [THREADS]);
    volatile unsigned beyond = THREADS;
    first[threadIdx.x] = second[threadIdx.x] = 0.0f;
    float *row = first;
    if (threadIdx.x == 0)
        row[beyond] = 1.0f;
    out[threadIdx.x] = first[threadIdx.x] + second[threadIdx.x];
}
PLANTED(write_beyond_shared_array, 1, 64)

__global__ void use_after_free(float *out)
{
    out[threadIdx.x] = 1.0f;
}
static void run_use_after_free()
{
    float *memory = floats_on_device(true);
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(1);
    config.blockDim = dim3(32);
    cudaFree(memory);
    cudaLaunchKernelEx(&config, use_after_free, memory);
    cudaDeviceSynchronize();
}

__global__ void null_pointer(float *out)
{
    out[threadIdx.x] = 1.0f;
}
static void run_null_pointer()
{
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(1);
    config.blockDim = dim3(32);
    cudaLaunchKernelEx(&config, null_pointer, (float *)NULL);
    cudaDeviceSynchronize();
}

__global__ void read_unwritten_shared(float *out)
{
    LYRNN_SHARED(float, tile, [THREADS]);
    if (threadIdx.x > 0)
        tile[threadIdx.x] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = tile[threadIdx.x];
}
PLANTED(read_unwritten_shared, 1, 64)

/* Writes the lower half of a 64-bit number and reads all of it. */
__global__ void read_half_written(float *out)
{
    LYRNN_DYNAMIC_SHARED(unsigned long long, pair);
    if (threadIdx.x == 0) {
        *reinterpret_cast<unsigned *>(pair) = 1;
        out[0] = static_cast<float>(*pair);
    }
}
PLANTED(read_half_written, 1, 64)

__global__ void read_unwritten_global(float *out)
{
    out[threadIdx.x] += 1.0f;
}
static void run_read_unwritten_global()
{
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(1);
    config.blockDim = dim3(32);
    cudaLaunchKernelEx(&config, read_unwritten_global, floats_on_device(false));
    cudaDeviceSynchronize();
}

__global__ void return_before_barrier(float *out)
{
    if (threadIdx.x == 63)
        return;
    __syncthreads();
    out[threadIdx.x] = 1.0f;
}
PLANTED(return_before_barrier, 1, 64)

__global__ void barrier_in_a_branch(float *out)
{
    if (threadIdx.x % 2 == 0) {
        __syncthreads();
        out[threadIdx.x] = 1.0f;
    } else {
        __syncthreads();
        out[threadIdx.x] = 2.0f;
    }
}
PLANTED(barrier_in_a_branch, 1, 64)

__global__ void barrier_and_shuffle(float *out)
{
    if (threadIdx.x < 7)
        __syncthreads();
    out[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 0);
}
PLANTED(barrier_and_shuffle, 1, 64)

__global__ void sum_without_order(float *out)
{
    out[0] += 1.0f;
}
PLANTED(sum_without_order, 1, 64)

__global__ void sum_over_blocks(float *out)
{
    if (threadIdx.x == 0)
        out[0] += 1.0f;
}
PLANTED(sum_over_blocks, 4, 64)

__global__ void neighbors_row(float *out)
{
    out[blockIdx.x * blockDim.x + threadIdx.x] = 1.0f;
    if (blockIdx.x > 0)
        out[blockIdx.x * blockDim.x + threadIdx.x] +=
            out[(blockIdx.x - 1) * blockDim.x + threadIdx.x];
}
PLANTED(neighbors_row, 4, 64)

__global__ void last_block_without_fence(float *out)
{
    LYRNN_SHARED(unsigned, place, );
    if (threadIdx.x == 0) {
        out[1 + blockIdx.x] = 1.0f;
        place = atomicAdd((unsigned *)out, 1u);
    }
    __syncthreads();
    if (place == gridDim.x - 1 && threadIdx.x < gridDim.x)
        out[128 + threadIdx.x] = out[1 + threadIdx.x];
}
PLANTED(last_block_without_fence, 4, 64)

__global__ void float_atomic(float *out)
{
    atomicAdd(out, 1.0f);
}
PLANTED(float_atomic, 1, 64)

__global__ void shuffle_from_no_lane(float *out)
{
    out[threadIdx.x] = __shfl_down_sync(0xffffffffu, 1.0f, 16);
}
PLANTED(shuffle_from_no_lane, 1, 40)

__global__ void mask_without_self(float *out)
{
    out[threadIdx.x] = __shfl_sync(0x1u, 1.0f, 0);
}
PLANTED(mask_without_self, 1, 64)

__global__ void misaligned(float *out)
{
    const float4 *value = (const float4 *)(out + 1 + 4 * threadIdx.x);
    out[0] = value->x + value->y + value->z + value->w;
}
PLANTED(misaligned, 1, 1)

static float host_table[4] = {1.0f, 2.0f, 3.0f, 4.0f};
__global__ void host_pointer(float *out)
{
    out[threadIdx.x] = 1.0f;
}
static void run_host_pointer()
{
    float *memory = (float *)calloc(COUNT, sizeof *memory);
    memory[0] = host_table[0];
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(1);
    config.blockDim = dim3(32);
    cudaLaunchKernelEx(&config, host_pointer, memory);
    cudaDeviceSynchronize();
    free(memory);
}

static void run_host_reads_device()
{
    float *memory = floats_on_device(true);
    cudaDeviceSynchronize();
    volatile float *through = memory;
    fprintf(stderr, "%f\n", (double)through[0]);
}

__global__ void cluster_leaves_early(float *out)
{
    LYRNN_DYNAMIC_SHARED(float, tile);
    cg::cluster_group cluster = cg::this_cluster();
    tile[threadIdx.x] = (float)cluster.block_rank();
    cluster.sync();
    out[cluster.thread_rank()] =
        cluster.map_shared_rank(tile, cluster.block_rank() ^ 1u)[threadIdx.x];
}
__global__ void cluster_without_sync(float *out)
{
    LYRNN_DYNAMIC_SHARED(float, tile);
    cg::cluster_group cluster = cg::this_cluster();
    tile[threadIdx.x] = 0.0f;
    __syncthreads();
    float *theirs = cluster.map_shared_rank(tile, cluster.block_rank() ^ 1u);
    theirs[threadIdx.x] = 1.0f;
    cluster.sync();
    out[cluster.thread_rank()] = tile[threadIdx.x];
}
static void launch_cluster(void (*kernel)(float *))
{
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = 2;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    launch(kernel, 4, 32, &attribute);
}
static void run_cluster_leaves_early()
{
    launch_cluster(cluster_leaves_early);
}
static void run_cluster_without_sync()
{
    launch_cluster(cluster_without_sync);
}

__global__ void grid_sync_uncooperative(float *out)
{
    cg::this_grid().sync();
    out[threadIdx.x] = 1.0f;
}
PLANTED(grid_sync_uncooperative, 1, 32)

__global__ void grid_without_sync(float *out)
{
    cg::grid_group all = cg::this_grid();
    out[all.thread_rank()] = 1.0f;
    __syncthreads();
    float other = out[(all.thread_rank() + 32) % all.num_threads()];
    all.sync();
    out[all.thread_rank()] = other;
}
static void run_grid_without_sync()
{
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeCooperative;
    attribute.val.cooperative = 1;
    launch(grid_without_sync, 4, 32, &attribute);
}

extern "C" const planted_defect planted_kernels[] = {
    ROW2(missing_syncthreads, LYRNN_SIM_UNINITIALIZED, LYRNN_SIM_RACE, HOOKS),
    ROW(missing_second_syncthreads, LYRNN_SIM_RACE, HOOKS),
    ROW(missing_syncwarp, LYRNN_SIM_RACE, HOOKS),
    ROW(write_beyond_global, LYRNN_SIM_OUT_OF_BOUNDS, ASAN),
    ROW(write_before_global, LYRNN_SIM_OUT_OF_BOUNDS, ASAN),
    ROW(write_beyond_dynamic_shared, LYRNN_SIM_OUT_OF_BOUNDS, ASAN),
    ROW(write_beyond_shared_array, LYRNN_SIM_OUT_OF_BOUNDS, ASAN),
    ROW(use_after_free, LYRNN_SIM_OUT_OF_BOUNDS, ASAN),
    ROW(null_pointer, LYRNN_SIM_OUT_OF_BOUNDS, ASAN),
    ROW(read_unwritten_shared, LYRNN_SIM_UNINITIALIZED, HOOKS),
    ROW(read_half_written, LYRNN_SIM_UNINITIALIZED, HOOKS),
    ROW(read_unwritten_global, LYRNN_SIM_UNINITIALIZED, HOOKS),
    ROW(return_before_barrier, LYRNN_SIM_DIVERGENT_BARRIER, BOTH),
    ROW(barrier_in_a_branch, LYRNN_SIM_DIVERGENT_BARRIER, BOTH),
    ROW(barrier_and_shuffle, LYRNN_SIM_DIVERGENT_BARRIER, BOTH),
    ROW(sum_without_order, LYRNN_SIM_RACE, HOOKS),
    ROW(sum_over_blocks, LYRNN_SIM_RACE, HOOKS),
    ROW(neighbors_row, LYRNN_SIM_RACE, HOOKS),
    ROW(last_block_without_fence, LYRNN_SIM_RACE, HOOKS),
    ROW(float_atomic, LYRNN_SIM_FLOAT_ATOMIC, BOTH),
    ROW(shuffle_from_no_lane, LYRNN_SIM_BAD_WARP_OPERATION, BOTH),
    ROW(mask_without_self, LYRNN_SIM_BAD_WARP_OPERATION, BOTH),
    ROW(misaligned, LYRNN_SIM_MISALIGNED, HOOKS),
    ROW(host_pointer, LYRNN_SIM_HOST_ACCESS, HOOKS),
    ROW(host_reads_device, LYRNN_SIM_HOST_ACCESS, HOOKS),
    ROW2(cluster_leaves_early, LYRNN_SIM_RACE, LYRNN_SIM_OUT_OF_BOUNDS, HOOKS),
    ROW(cluster_without_sync, LYRNN_SIM_RACE, HOOKS),
    /* As PTX it ends itself with trap. */
    ROW2(grid_sync_uncooperative, LYRNN_SIM_DIVERGENT_BARRIER, LYRNN_SIM_OUT_OF_BOUNDS, BOTH),
    ROW(grid_without_sync, LYRNN_SIM_RACE, HOOKS),
};
extern "C" const int num_planted_kernels = sizeof planted_kernels / sizeof *planted_kernels;
