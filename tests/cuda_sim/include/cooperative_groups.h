/* Cooperative groups: the grid, the cluster, the block, and tiles of a warp. */
#ifndef LYRNN_SIM_COOPERATIVE_GROUPS_H
#define LYRNN_SIM_COOPERATIVE_GROUPS_H

#include "cuda_runtime.h"

bool lyrnn_sim_grid_is_cooperative();
void lyrnn_sim_grid_sync(int line);
/* The two halves of a cluster barrier: arrive returns a token, which wait takes. */
void lyrnn_sim_cluster_arrive(int line);
void lyrnn_sim_cluster_wait();
unsigned lyrnn_sim_cluster_rank();
dim3 lyrnn_sim_cluster_index();
dim3 lyrnn_sim_cluster_dim();
/* Returns the same location in the shared memory of another block of the cluster. */
void *lyrnn_sim_map_shared(const void *address, unsigned rank);
unsigned lyrnn_sim_thread_rank();

namespace cooperative_groups
{

class thread_block
{
  public:
    void sync(int line = __builtin_LINE()) const
    {
        __syncthreads(line);
    }
    unsigned thread_rank() const
    {
        return lyrnn_sim_thread_rank();
    }
    unsigned num_threads() const
    {
        return blockDim.x * blockDim.y * blockDim.z;
    }
    unsigned size() const
    {
        return num_threads();
    }
    dim3 group_index() const
    {
        return dim3(blockIdx);
    }
    dim3 thread_index() const
    {
        return dim3(threadIdx);
    }
    dim3 group_dim() const
    {
        return blockDim;
    }
};

class grid_group
{
  public:
    bool is_valid() const
    {
        return lyrnn_sim_grid_is_cooperative();
    }
    void sync(int line = __builtin_LINE()) const
    {
        lyrnn_sim_grid_sync(line);
    }
    unsigned long long num_blocks() const
    {
        return 1ull * gridDim.x * gridDim.y * gridDim.z;
    }
    unsigned long long block_rank() const
    {
        return (1ull * blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    }
    unsigned long long num_threads() const
    {
        return num_blocks() * blockDim.x * blockDim.y * blockDim.z;
    }
    unsigned long long size() const
    {
        return num_threads();
    }
    unsigned long long thread_rank() const
    {
        return block_rank() * (blockDim.x * blockDim.y * blockDim.z) + lyrnn_sim_thread_rank();
    }
};

class cluster_group
{
  public:
    struct arrival_token {
    };
    void sync(int line = __builtin_LINE()) const
    {
        lyrnn_sim_cluster_arrive(line);
        lyrnn_sim_cluster_wait();
    }
    arrival_token barrier_arrive(int line = __builtin_LINE()) const
    {
        lyrnn_sim_cluster_arrive(line);
        return arrival_token{};
    }
    void barrier_wait(arrival_token &&) const
    {
        lyrnn_sim_cluster_wait();
    }
    void barrier_wait() const
    {
        lyrnn_sim_cluster_wait();
    }
    unsigned block_rank() const
    {
        return lyrnn_sim_cluster_rank();
    }
    unsigned num_blocks() const
    {
        dim3 dim = lyrnn_sim_cluster_dim();
        return dim.x * dim.y * dim.z;
    }
    dim3 block_index() const
    {
        return lyrnn_sim_cluster_index();
    }
    dim3 dim_blocks() const
    {
        return lyrnn_sim_cluster_dim();
    }
    unsigned num_threads() const
    {
        return num_blocks() * blockDim.x * blockDim.y * blockDim.z;
    }
    unsigned size() const
    {
        return num_threads();
    }
    unsigned thread_rank() const
    {
        return block_rank() * blockDim.x * blockDim.y * blockDim.z + lyrnn_sim_thread_rank();
    }
    template <typename T> T *map_shared_rank(T *address, unsigned rank) const
    {
        return static_cast<T *>(lyrnn_sim_map_shared(address, rank));
    }
};

/* A tile of Size adjacent lanes of a warp. */
template <unsigned Size> class thread_block_tile
{
    static_assert(Size <= 32 && (Size & (Size - 1)) == 0, "a tile is a power of two within a warp");
    unsigned mask() const
    {
        unsigned lanes = Size == 32 ? 0xffffffffu : (1u << Size % 32) - 1u;
        return lanes << (lyrnn_sim_thread_rank() % 32u / Size * Size);
    }

  public:
    unsigned thread_rank() const
    {
        return lyrnn_sim_thread_rank() % Size;
    }
    unsigned meta_group_rank() const
    {
        return lyrnn_sim_thread_rank() / Size;
    }
    unsigned meta_group_size() const
    {
        return (blockDim.x * blockDim.y * blockDim.z + Size - 1) / Size;
    }
    constexpr unsigned num_threads() const
    {
        return Size;
    }
    constexpr unsigned size() const
    {
        return Size;
    }
    void sync(int line = __builtin_LINE()) const
    {
        __syncwarp(mask(), line);
    }
    template <typename T> T shfl(T value, int lane, int line = __builtin_LINE()) const
    {
        return __shfl_sync(mask(), value, lane, Size, line);
    }
    template <typename T> T shfl_down(T value, unsigned delta, int line = __builtin_LINE()) const
    {
        return __shfl_down_sync(mask(), value, delta, Size, line);
    }
    template <typename T> T shfl_up(T value, unsigned delta, int line = __builtin_LINE()) const
    {
        return __shfl_up_sync(mask(), value, delta, Size, line);
    }
    template <typename T> T shfl_xor(T value, int lanes, int line = __builtin_LINE()) const
    {
        return __shfl_xor_sync(mask(), value, lanes, Size, line);
    }
};

inline thread_block this_thread_block()
{
    return thread_block{};
}
inline grid_group this_grid()
{
    return grid_group{};
}
inline cluster_group this_cluster()
{
    return cluster_group{};
}
template <unsigned Size> thread_block_tile<Size> tiled_partition(const thread_block &)
{
    return thread_block_tile<Size>{};
}
template <typename Group> void sync(const Group &group, int line = __builtin_LINE())
{
    group.sync(line);
}

} // namespace cooperative_groups

#endif
