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

template <typename Args>
static inline void launch_clusters(lyrnn_backend *self, void (*kernel)(Args),
                                   const cluster_launch &launch, const Args &args)
{
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
    config.stream = lyrnn_cuda_state_of(self)->stream;
    config.attrs = attributes;
    config.numAttrs = num_attributes;
    LYRNN_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, args));
}

#endif
