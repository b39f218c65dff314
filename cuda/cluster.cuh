/* A cluster of thread blocks, whose blocks read and write each other's shared memory. */
#ifndef LYRNN_CLUSTER_CUH
#define LYRNN_CLUSTER_CUH

#include <cooperative_groups.h>

/* The portable limit. */
enum { LYRNN_MAX_CLUSTER = 8 };

/* Before compute capability 9.0 there are no clusters: a block is then the whole team. */
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

static inline cudaLaunchAttribute cluster_attribute(int num_blocks)
{
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = (unsigned)num_blocks;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    return attribute;
}

#endif
