/* A cluster of thread blocks, which read and write each other's shared memory, and its launch. */
#ifndef LYRNN_CLUSTER_CUH
#define LYRNN_CLUSTER_CUH

#include <cooperative_groups.h>

#include "cuda.cuh"

/* The largest cluster that every device with clusters takes (CUDA's portable limit). */
enum { MAX_CLUSTER = 8 };

/* Before compute capability 9.0 there are no clusters: a team is then a single block. */
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
typedef cooperative_groups::cluster_group block_team;
#define THIS_TEAM() cooperative_groups::this_cluster()
#else
struct block_team {
    __device__ void sync() const
    {
        __syncthreads();
    }
    __device__ unsigned num_blocks() const
    {
        return 1;
    }
    __device__ float *map_shared_rank(float *shared, unsigned) const
    {
        return shared;
    }
};
#define THIS_TEAM() block_team()
#endif

/* What a kernel of clusters is launched with. */
typedef struct {
    int num_blocks, threads;
    int cluster; /* blocks per cluster */
    size_t shared_bytes;
    /* All blocks are on the device at once or the launch fails, whatever other streams run. */
    bool is_cooperative;
} cluster_launch;

static inline cudaLaunchAttribute cluster_attribute(int num_blocks)
{
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = (unsigned)num_blocks;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    return attribute;
}

/* A kernel may use more than 48 KB of shared memory only after it asked for it. */
template <typename Args>
static inline void allow_all_shared_memory(const lyrnn_cuda_state *state, void (*kernel)(Args))
{
    LYRNN_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                          (int)state->properties.sharedMemPerBlockOptin));
}

/* How many clusters are on the device at once if each block has a multiprocessor to itself, with
 * all of its shared memory. A cluster lies within one GPC, and the GPCs of a device may differ in
 * size, so only CUDA knows. 0: the device holds none. */
template <typename Args>
static inline int max_clusters(const lyrnn_cuda_state *state, void (*kernel)(Args), int threads,
                               int cluster)
{
    const cudaDeviceProp &device = state->properties;
    int count = 0;
    allow_all_shared_memory(state, kernel);
    if (cluster == 1) {
        LYRNN_CUDA_CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
            &count, kernel, threads, device.sharedMemPerBlockOptin));
        return count * device.multiProcessorCount;
    }
    cudaLaunchAttribute attribute = cluster_attribute(cluster);
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)cluster);
    config.blockDim = dim3((unsigned)threads);
    config.dynamicSmemBytes = device.sharedMemPerBlockOptin;
    config.attrs = &attribute;
    config.numAttrs = 1;
    cudaError_t error = cudaOccupancyMaxActiveClusters(&count, kernel, &config);
    if (error == cudaErrorInvalidClusterSize) {
        (void)cudaGetLastError();
        return 0;
    }
    LYRNN_CUDA_CHECK(error);
    return count;
}

template <typename Args>
static inline void launch_clusters(lyrnn_backend *self, void (*kernel)(Args),
                                   const cluster_launch &launch, const Args &args)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    cudaLaunchAttribute attributes[2] = {};
    unsigned num_attributes = 0;
    if (launch.is_cooperative) {
        attributes[num_attributes].id = cudaLaunchAttributeCooperative;
        attributes[num_attributes++].val.cooperative = 1;
    }
    if (launch.cluster > 1)
        attributes[num_attributes++] = cluster_attribute(launch.cluster);
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)launch.num_blocks);
    config.blockDim = dim3((unsigned)launch.threads);
    config.dynamicSmemBytes = launch.shared_bytes;
    config.stream = state->stream;
    config.attrs = attributes;
    config.numAttrs = num_attributes;
    const cudaError_t error = cudaLaunchKernelEx(&config, kernel, args);
    if (error != cudaSuccess && state->is_trying_plan) {
        (void)cudaGetLastError(); /* otherwise the next launch would report it again */
        state->launch_error = error;
        return;
    }
    LYRNN_CUDA_CHECK(error);
}

#endif
