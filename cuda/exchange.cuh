/* How the blocks of a cluster hand each other a vector in each time step.
 *
 * Each block has two buffers for the vector; exchange number e fills buffer e % 2. A value goes to
 * a block by an asynchronous store, which also counts its bytes at a barrier of that block
 * (st.async and mbarrier, PTX ISA). So a block knows that the vector is there without a fence,
 * which would wait for stores to global memory too.
 *
 * No barrier protects a buffer from the next exchange that fills it. Whoever sends in exchange e +
 * 2 has the whole vector of exchange e + 1, and the threads that sent it had read buffer e % 2
 * before. For this, a warp that sends nothing must read nothing, and the other warps read, call
 * __syncwarp() and then send.
 *
 * When a block has the last vector, nothing is on its way to it any more. Only after a wait that
 * took too long could others still send to a block that has ended; so a cluster ends at a barrier.
 *
 * A single block stores its values and meets at its own barrier. So does the simulator's cluster,
 * with all threads, because its barriers know no others. */
#ifndef LYRNN_EXCHANGE_CUH
#define LYRNN_EXCHANGE_CUH

#include "bounded_wait.cuh"
#include "cluster.cuh"

/* The shared memory of an exchange: two mbarriers, aligned to both. What is behind them remains
 * aligned to float4. */
enum { MBARRIER_BYTES = 8, EXCHANGE_BYTES = 2 * MBARRIER_BYTES };

#if !defined(LYRNN_CUDA_SIM) && (!defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900)
#define LYRNN_ASYNC_STORES 1
#else
#define LYRNN_ASYNC_STORES 0
#endif

/* The same pointer to shared memory. nvcc then keeps it in a register, instead of making it again,
 * from the number of the block in its cluster, wherever it is used. */
__device__ __forceinline__ float *in_register(float *shared)
{
#ifdef LYRNN_CUDA_SIM
    return shared;
#else
    unsigned address;
    asm volatile("mov.u32 %0, %1;"
                 : "=r"(address)
                 : "r"((unsigned)__cvta_generic_to_shared(shared)));
    return (float *)__cvta_shared_to_generic(address);
#endif
}

/* Computes an int here, although it is used after a wait that comes next: while others are on their
 * way, it costs nothing. */
template <typename T> __device__ __forceinline__ void compute_now(T &value)
{
#ifndef LYRNN_CUDA_SIM
    asm volatile("" : "+r"(value));
#else
    (void)value;
#endif
}

/* The same for a pointer to global memory. */
__device__ __forceinline__ void compute_now(const float *&value)
{
#ifndef LYRNN_CUDA_SIM
    asm volatile("" : "+l"(value));
    __builtin_assume(__isGlobal(value));
#else
    (void)value;
#endif
}

#if LYRNN_ASYNC_STORES

/* Addresses of shared memory have 32 bits: in this block, and in any block of the cluster. */
__device__ __forceinline__ unsigned shared_address(const void *shared)
{
    return (unsigned)__cvta_generic_to_shared(shared);
}

__device__ __forceinline__ unsigned address_in_block(unsigned address, unsigned rank)
{
    unsigned mapped;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(rank));
    return mapped;
}

__device__ __forceinline__ void mbarrier_init(unsigned mbarrier)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(mbarrier) : "memory");
}

__device__ __forceinline__ void mbarrier_expect(unsigned mbarrier, unsigned bytes)
{
    asm volatile("{ .reg .b64 state; "
                 "mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(mbarrier),
                 "r"(bytes)
                 : "memory");
}

/* Acquires what was sent, by any block of the cluster, if the phase of that parity is over. */
__device__ __forceinline__ bool mbarrier_try_wait(unsigned mbarrier, unsigned parity)
{
    int is_over;
    asm volatile("{ .reg .pred over; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 "
                 "over, [%1], %2; selp.b32 %0, 1, 0, over; }"
                 : "=r"(is_over)
                 : "r"(mbarrier), "r"(parity)
                 : "memory");
    return is_over != 0;
}

__device__ __forceinline__ void store_async(unsigned to, float value, unsigned mbarrier)
{
    asm volatile(
        "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.f32 [%0], %1, [%2];" ::"r"(to),
        "f"(value), "r"(mbarrier)
        : "memory");
}

__device__ __forceinline__ void store_async(unsigned to, const float (&values)[4],
                                            unsigned mbarrier)
{
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 "
                 "[%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
                 "f"(values[0]), "f"(values[1]), "f"(values[2]), "f"(values[3]), "r"(mbarrier)
                 : "memory");
}

#endif

/* One thread's view of the exchanges of a kernel, one after the other. */
struct exchange {
    const bool is_alone;
    const int threads;
    const unsigned bytes;
    const wait_limit limit;
    unsigned mbarrier = 0; /* the address of the one in turn */
    unsigned parity = 0;   /* of its phase */

    /* shared: EXCHANGE_BYTES of shared memory. cluster: the blocks of the cluster. threads: how
     * many threads of this block send and read, from thread 0 to the end of a warp. bytes: the
     * bytes of each vector, which arrive in each block that reads. A barrier of the cluster must
     * follow. */
    __device__ exchange(float *shared, int cluster, int threads, int bytes, const wait_limit &limit)
        : is_alone(cluster == 1), threads(threads), bytes((unsigned)bytes), limit(limit)
    {
#if LYRNN_ASYNC_STORES
        mbarrier = shared_address(in_register(shared));
        if (threadIdx.x == 0 && !is_alone) {
            mbarrier_init(mbarrier);
            mbarrier_init(mbarrier + MBARRIER_BYTES);
            asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
        }
#else
        (void)shared;
#endif
    }

    /* How many of num exchanges this thread goes through. */
    __device__ __forceinline__ int own_share(int num) const
    {
#ifdef LYRNN_CUDA_SIM
        return num;
#else
        return (int)threadIdx.x < threads ? num : 0;
#endif
    }

    /* Sends COUNT neighboring floats to their place in a block that takes part. at: that place in
     * this block. */
    template <int COUNT>
    __device__ __forceinline__ void send(float *at, const float (&values)[COUNT],
                                         unsigned rank) const
    {
        float *to = at;
#if LYRNN_ASYNC_STORES
        if (!is_alone) {
            const unsigned remote = address_in_block(shared_address(at), rank);
            const unsigned remote_mbarrier = address_in_block(mbarrier, rank);
            if constexpr (COUNT == 4)
                store_async(remote, values, remote_mbarrier);
            else
#pragma unroll
                for (int i = 0; i < COUNT; i++)
                    store_async(remote + 4 * (unsigned)i, values[i], remote_mbarrier);
            return;
        }
#elif defined(LYRNN_CUDA_SIM)
        to = THIS_TEAM().map_shared_rank(at, rank);
#endif
        (void)rank;
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            to[i] = values[i];
    }

    /* Waits for the vector. */
    __device__ __forceinline__ void finish()
    {
#ifdef LYRNN_CUDA_SIM
        THIS_TEAM().sync();
        wait_simulated(limit);
#else
#if LYRNN_ASYNC_STORES
        if (!is_alone) {
            const unsigned current = mbarrier, phase = parity;
            if (threadIdx.x == 0)
                mbarrier_expect(current, bytes);
            /* After both barriers had their turn, their next phase has the other parity. */
            mbarrier ^= MBARRIER_BYTES;
            parity ^= (mbarrier & MBARRIER_BYTES) == 0;
            compute_now(mbarrier);
            compute_now(parity);
            wait_until(limit, [=] { return mbarrier_try_wait(current, phase); });
            return;
        }
#endif
        asm volatile("bar.sync 1, %0;" ::"r"(threads) : "memory");
#endif
    }
};

#endif
