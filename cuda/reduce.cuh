/* Reductions over a block in a fixed order: first the lanes of a warp by shuffles, then the warps
 * through shared memory. Every thread of the block must call them, and all get the result. Also
 * precise sums without fp64, and how the last block of a grid reads what the others left. */
#ifndef LYRNN_REDUCE_CUH
#define LYRNN_REDUCE_CUH

#include <cuda_runtime.h>
#include <math.h>
#include <string.h>

enum { LYRNN_WARP = 32 };

/* The value of the lane whose number differs in the bit `offset`. */
template <typename Value> __device__ __forceinline__ Value shuffled(Value value, unsigned offset)
{
    int words[sizeof(Value) / sizeof(int)];
    static_assert(sizeof words == sizeof value, "a shuffle moves whole words");
    memcpy(words, &value, sizeof words);
#pragma unroll
    for (int &word : words)
        word = __shfl_xor_sync(0xffffffffu, word, (int)offset);
    memcpy(&value, words, sizeof words);
    return value;
}

/* Reduces the threads' values with combine(a, b). scratch (32) is shared memory; the next call may
 * use it again. blockDim.x must be a multiple of the warp size. */
template <typename Value, typename Combine>
__device__ __forceinline__ Value block_reduce(Value value, Value *scratch, Combine combine)
{
    unsigned lane = threadIdx.x % LYRNN_WARP, warp = threadIdx.x / LYRNN_WARP;
    unsigned num_warps = blockDim.x / LYRNN_WARP;
    for (unsigned offset = LYRNN_WARP / 2; offset > 0; offset /= 2)
        value = combine(value, shuffled(value, offset));
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

/* high + low, a sum of floats to about 48 bits: on many cards fp64 is 64 times slower than fp32.
 * The error of each addition to high is exact and goes to low (Knuth, The Art of Computer
 * Programming, 4.2.2, theorem B). high is what a plain sum of floats gives, also if it is infinite
 * or NaN. */
typedef struct {
    float high, low;
} precise_sum;

__device__ __forceinline__ precise_sum add_sums(precise_sum a, precise_sum b)
{
    float high = a.high + b.high, rest = high - a.high;
    float error = (a.high - (high - rest)) + (b.high - rest);
    return precise_sum{high, a.low + b.low + error};
}

__device__ __forceinline__ double value_of(precise_sum sum)
{
    return isfinite(sum.high) ? (double)sum.high + (double)sum.low : (double)sum.high;
}

/* Whether this block is the last one of the grid to get here. It then sees what all blocks wrote
 * before. *arrived is 0 before and after; scratch (1) is shared memory. */
__device__ __forceinline__ bool is_last_block(unsigned *arrived, unsigned *scratch)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        *scratch = atomicAdd(arrived, 1u);
        if (*scratch == gridDim.x - 1)
            atomicExch(arrived, 0u);
        __threadfence();
    }
    __syncthreads();
    return *scratch == gridDim.x - 1;
}

#endif
