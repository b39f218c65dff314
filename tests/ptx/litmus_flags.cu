/* Small kernels that are right, or wrong in one way, by the memory model of the PTX ISA manual
 * (chapter 8): flags in global memory, and warps. A right one shows a checker that
 * reports races where there are none, and its wrong neighbor one that misses them.
 *
 * They are for nvcc only. test_litmus.cu runs their PTX. */
#include "litmus.cuh"

/* out[0] is the flag, out[1] the data. */
static __device__ void store_release(int *flag)
{
    PTX("st.release.gpu.global.u32 [%0], 1;" ::"l"(flag) : "memory");
}

static __device__ void store_relaxed(int *flag, int value)
{
    PTX("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}

static __device__ void poll_acquire(int *flag)
{
    int value;
    do
        PTX("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
    while (value == 0);
}

static __device__ void poll_relaxed(int *flag)
{
    int value;
    do
        PTX("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
    while (value == 0);
}

static __device__ void fence_gpu()
{
    PTX("fence.acq_rel.gpu;" ::: "memory");
}

KERNEL(release_and_acquire)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
    } else {
        poll_acquire(out);
        out[2] = out[1];
    }
}

KERNEL(release_of_a_block)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        PTX("st.release.cta.global.u32 [%0], 1;" ::"l"(out) : "memory");
    } else {
        poll_acquire(out);
        out[2] = out[1];
    }
}

KERNEL(acquire_of_a_block)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
    } else {
        int value;
        do
            PTX("ld.acquire.cta.global.u32 %0, [%1];" : "=r"(value) : "l"(out) : "memory");
        while (value == 0);
        out[2] = out[1];
    }
}

KERNEL(relaxed_poll)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
    } else {
        poll_relaxed(out);
        out[2] = out[1];
    }
}

KERNEL(relaxed_poll_then_fence)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
    } else {
        poll_relaxed(out);
        fence_gpu();
        out[2] = out[1];
    }
}

KERNEL(relaxed_poll_then_acquire)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
    } else {
        poll_relaxed(out);
        poll_acquire(out);
        out[2] = out[1];
    }
}

/* The relaxed read finds the release. The acquire behind it finds a later store by another block.
 */
KERNEL(acquire_after_another_store)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
    } else if (blockIdx.x == 1) {
        poll_relaxed(out);
        store_relaxed(out + 2, 1);
        poll_relaxed(out + 3);
        poll_acquire(out);
        out[4] = out[1];
    } else {
        poll_relaxed(out + 2);
        store_relaxed(out, 2);
        store_relaxed(out + 3, 1);
    }
}

KERNEL(relaxed_store)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_relaxed(out, 1);
    } else {
        poll_acquire(out);
        out[2] = out[1];
    }
}

KERNEL(fence_then_relaxed_store)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        fence_gpu();
        store_relaxed(out, 1);
    } else {
        poll_acquire(out);
        out[2] = out[1];
    }
}

/* The wide fence is still before the store. */
KERNEL(narrow_fence_after_wide_one)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        fence_gpu();
        fence_block();
        store_relaxed(out, 1);
    } else {
        poll_acquire(out);
        out[2] = out[1];
    }
}

KERNEL(narrow_fence)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        fence_block();
        store_relaxed(out, 1);
    } else {
        poll_acquire(out);
        out[2] = out[1];
    }
}

/* The release pattern is a release followed by a strong store of the same thread. */
KERNEL(relaxed_store_after_release)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
        store_relaxed(out, 2);
    } else {
        int value;
        do
            PTX("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(out) : "memory");
        while (value != 2);
        out[2] = out[1];
    }
}

/* bar.sync passes on what the other threads did. */
KERNEL(release_for_the_whole_block)
{
    if (blockIdx.x == 0) {
        out[64 + threadIdx.x] = 5;
        __syncthreads();
        if (threadIdx.x == 0)
            store_release(out);
    } else {
        if (threadIdx.x == 0)
            poll_acquire(out);
        __syncthreads();
        out[128 + threadIdx.x] = out[64 + threadIdx.x];
    }
}

KERNEL(three_threads_in_a_row)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        store_release(out);
    } else if (blockIdx.x == 1) {
        poll_acquire(out);
        store_release(out + 2);
    } else {
        poll_acquire(out + 2);
        out[3] = out[1];
    }
}

/* Strong accesses whose scopes hold each other do not race. */
KERNEL(strong_accesses_only)
{
    store_relaxed(out, static_cast<int>(blockIdx.x));
    atomicAdd(out, 1);
}

KERNEL(weak_and_strong)
{
    if (blockIdx.x == 0)
        out[0] = 5;
    else
        store_relaxed(out, 6);
}

/* What grid.sync() does. */
KERNEL(counter_of_the_grid)
{
    int count;
    out[8 + blockIdx.x] = 5;
    PTX("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(out) : "memory");
    do
        PTX("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(count) : "l"(out) : "memory");
    while (count < 3);
    out[16 + blockIdx.x] = out[8 + (blockIdx.x + 1) % 3];
}

/* A barrier that three blocks use again and again: the first adds so much that all of them flip the
 * highest bit. The steps write two buffers in turn, so that a block that is a step ahead writes
 * nothing that another still reads. */
template <bool RELEASES> static __device__ void meet_at_the_highest_bit(int *out)
{
    const unsigned addend = blockIdx.x == 0 ? 0x80000000u - 2 : 1;
    unsigned before = 0, now;
    int value = static_cast<int>(blockIdx.x);
    for (unsigned step = 0; step < 5; step++) {
        int *buffer = out + 8 + step % 2 * 48;
        buffer[threadIdx.x + blockIdx.x * 16] = value;
        __syncthreads();
        if (threadIdx.x == 0) {
            if (RELEASES)
                PTX("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(out), "r"(addend) : "memory");
            else
                PTX("red.relaxed.gpu.global.add.u32 [%0], %1;" ::"l"(out), "r"(addend) : "memory");
            do
                PTX("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(out) : "memory");
            while (static_cast<int>(now ^ before) >= 0);
        }
        before ^= 0x80000000u;
        __syncthreads();
        value += buffer[threadIdx.x + (blockIdx.x + 1) % 3 * 16];
    }
    out[128 + threadIdx.x + blockIdx.x * 16] = value;
}

KERNEL(highest_bit_of_a_counter)
{
    meet_at_the_highest_bit<true>(out);
}

KERNEL(relaxed_arrival_at_the_highest_bit)
{
    meet_at_the_highest_bit<false>(out);
}

/* The read of a red forms no acquire pattern, not even with a fence behind it. */
KERNEL(red_is_no_acquire)
{
    if (blockIdx.x == 0) {
        out[1] = 5;
        fence_gpu();
    }
    PTX("red.relaxed.gpu.global.add.u32 [%0], 1;" ::"l"(out) : "memory");
    if (blockIdx.x == 1) {
        fence_gpu();
        out[2] = out[1];
    }
}

/* The reader knows one of the writers only. */
KERNEL(halves_of_a_word)
{
    short *halves = reinterpret_cast<short *>(out + 1);
    if (blockIdx.x < 2)
        halves[blockIdx.x] = 5;
    if (blockIdx.x == 1)
        store_release(out);
    if (blockIdx.x == 2) {
        poll_acquire(out);
        out[2] = halves[0] + halves[1];
    }
}

KERNEL(read_only_load_of_written_memory)
{
    int value;
    out[0] = 5;
    PTX("ld.global.nc.u32 %0, [%1];" : "=r"(value) : "l"(out) : "memory");
    out[1] = value;
}

KERNEL(poll_in_vain)
{
    while (atomicAdd(out, 0) == 0)
        continue;
}

KERNEL(long_loop)
{
    unsigned x = threadIdx.x;
#pragma unroll 1
    for (int i = 0; i < 60000; i++)
        x = x * 1664525u + 1013904223u;
    out[threadIdx.x] = static_cast<int>(x);
}

/* ---- warps ------------------------------------------------------------------------------------
 */

KERNEL(tiles_of_a_warp)
{
    const unsigned mask = threadIdx.x < 16 ? 0xffffu : 0xffff0000u;
    out[threadIdx.x] = __shfl_xor_sync(mask, static_cast<int>(threadIdx.x), 1);
    __syncwarp(mask);
    out[32 + threadIdx.x] = out[threadIdx.x ^ 1];
}

KERNEL(tile_reads_another_tile)
{
    const unsigned mask = threadIdx.x < 16 ? 0xffffu : 0xffff0000u;
    out[threadIdx.x] = __shfl_xor_sync(mask, static_cast<int>(threadIdx.x), 16);
}

/* Lanes that run in lockstep are no reason to leave out __syncwarp. */
KERNEL(race_in_a_warp)
{
    out[threadIdx.x] = 5;
    out[32 + threadIdx.x] = out[threadIdx.x ^ 1];
}

KERNEL(mma_by_half_a_warp)
{
    float d[4] = {};
    if (threadIdx.x < 16)
        PTX("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %4}, {%4}, "
            "{%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(threadIdx.x));
    out[threadIdx.x] = static_cast<int>(d[0] + d[1] + d[2] + d[3]);
}
