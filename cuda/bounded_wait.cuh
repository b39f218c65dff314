/* How a kernel waits for other blocks of its launch.
 *
 * On a device that differs from what we believe, such a wait might never end, and the program would
 * hang without a word. So every wait has a bound. A wait that exceeds it sets a word in device
 * memory. From then on no kernel waits for others at all, so that all kernels end, with wrong sums.
 * The host reads the word before it uses any result. */
#ifndef LYRNN_BOUNDED_WAIT_CUH
#define LYRNN_BOUNDED_WAIT_CUH

#include "cuda.cuh"

struct wait_limit {
    unsigned *expired; /* i/o (1)  1: a wait took too long */
    unsigned long long ns;
};

static inline wait_limit lyrnn_cuda_wait_limit(const lyrnn_cuda_state *state)
{
    return wait_limit{state->wait_expired, state->wait_ns};
}

#ifndef LYRNN_CUDA_SIM

__device__ __forceinline__ unsigned long long global_ns()
{
    unsigned long long ns;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
    return ns;
}

/* Returns when done() is true or no wait counts any more. done() must have the meaning of an
 * acquire where the waiting thread then reads what others wrote. */
template <typename Done>
__device__ __forceinline__ void wait_until(const wait_limit &limit, Done done)
{
    enum { POLLS = 64 }; /* until the clock is read: polls should follow each other closely */
    unsigned long long start = 0;
    if (done())
        return;
#pragma unroll 1
    while (true) {
#pragma unroll 1
        for (int i = 0; i < POLLS; i++)
            if (done())
                return;
        if (*(volatile unsigned *)limit.expired != 0)
            return;
        const unsigned long long now = global_ns();
        start = start == 0 ? now : start;
        if (now - start > limit.ns)
            atomicExch(limit.expired, 1u);
    }
}

#else

/* The simulator has barriers of its own instead. A kernel calls this after each. A test can make
 * the simulator behave as if the wait had expired. */
__device__ __forceinline__ void wait_simulated(const wait_limit &limit)
{
    if (lyrnn_sim_wait_expires())
        atomicExch(limit.expired, 1u);
}

#endif

#endif
