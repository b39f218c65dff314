/* A barrier of the blocks of a grid that work on the same slice of the batch. All of them must be
 * on the device at once, which a cooperative launch ensures.
 *
 * Each block adds 1 to a counter of the slice, but the first block adds so much that all of them
 * together add 2^31. So a barrier flips the highest bit of the counter and leaves the others as
 * they were, and the next one, or the next launch, can use it as it is, whatever its number of
 * blocks. A wait that expires breaks nothing: every block still adds its part to every barrier.
 *
 * A block that has arrived can do other work before it waits. */
#ifndef LYRNN_SLICE_BARRIER_CUH
#define LYRNN_SLICE_BARRIER_CUH

#include <cooperative_groups.h>

#include "bounded_wait.cuh"

/* Each counter has a line of L2 to itself. */
enum { SLICE_COUNTER_WORDS = LYRNN_CUDA_COUNTER_BYTES / 4 };

#ifndef LYRNN_CUDA_SIM

__device__ __forceinline__ unsigned load_counter(const unsigned *counter)
{
    unsigned value;
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(counter) : "memory");
    return value;
}

__device__ __forceinline__ unsigned acquire_counter(const unsigned *counter)
{
    unsigned value;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(counter) : "memory");
    return value;
}

__device__ __forceinline__ void release_counter(unsigned *counter, unsigned addend)
{
    asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(counter), "r"(addend) : "memory");
}

struct slice_barrier {
    unsigned *counter;
    unsigned addend; /* of this block */
    unsigned before; /* the highest bit of the counter before the next barrier */
    wait_limit limit;

    /* counters (slices,SLICE_COUNTER_WORDS). index: of this block among those of the slice. */
    __device__ __forceinline__ slice_barrier(unsigned *counters, int slice, int index,
                                             int num_blocks, const wait_limit &wait)
        : counter(counters + slice * SLICE_COUNTER_WORDS),
          addend(index == 0 ? (1u << 31) - (unsigned)num_blocks + 1 : 1),
          before(load_counter(counter) & (1u << 31)), limit(wait)
    {
    }
    /* What the block has written is visible to the blocks that have waited. */
    __device__ __forceinline__ void arrive()
    {
        __syncthreads();
        if (threadIdx.x == 0)
            release_counter(counter, addend);
    }
    __device__ __forceinline__ void wait()
    {
        if (threadIdx.x == 0)
            wait_until(limit, [this] { return (int)(acquire_counter(counter) ^ before) < 0; });
        before ^= 1u << 31;
        __syncthreads();
    }
};

#else

/* The simulator's barrier is that of the whole grid. */
struct slice_barrier {
    wait_limit limit;

    slice_barrier(unsigned *, int, int, int, const wait_limit &wait) : limit(wait)
    {
    }
    void arrive()
    {
    }
    void wait()
    {
        cooperative_groups::this_grid().sync();
        wait_simulated(limit);
    }
};

#endif

#endif
