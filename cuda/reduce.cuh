/* Reductions over a block in a fixed order: first the lanes of a warp by shuffles, then the warps
 * through shared memory. Every thread of the block must call them, and all get the result. */
#ifndef LYRNN_REDUCE_CUH
#define LYRNN_REDUCE_CUH

#include <cuda_runtime.h>

enum { LYRNN_WARP = 32 };

/* Reduces the threads' values with combine(a, b). scratch (32) is shared memory; the next call may
 * use it again. blockDim.x must be a multiple of the warp size. */
template <typename Value, typename Combine>
__device__ __forceinline__ Value block_reduce(Value value, Value *scratch, Combine combine)
{
    unsigned lane = threadIdx.x % LYRNN_WARP, warp = threadIdx.x / LYRNN_WARP;
    unsigned num_warps = blockDim.x / LYRNN_WARP;
    for (unsigned offset = LYRNN_WARP / 2; offset > 0; offset /= 2)
        value = combine(value, __shfl_xor_sync(0xffffffffu, value, (int)offset));
    if (num_warps == 1)
        return value;
    if (lane == 0)
        scratch[warp] = value;
    __syncthreads();
    value = scratch[0];
    for (unsigned w = 1; w < num_warps; w++)
        value = combine(value, scratch[w]);
    __syncthreads();
    return value;
}

#endif
