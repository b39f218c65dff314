/* What the litmus kernels share: the instructions of clusters and mbarriers. For nvcc only. */
#ifndef LYRNN_PTX_LITMUS_CUH
#define LYRNN_PTX_LITMUS_CUH

#include <cstdint>

#define KERNEL(name) extern "C" __global__ void name(int *out)
#define PTX(...)     asm volatile(__VA_ARGS__)

inline __device__ uint32_t window(const void *shared)
{
    return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

inline __device__ uint32_t rank_in_cluster()
{
    uint32_t rank;
    PTX("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

inline __device__ uint32_t address_in(uint32_t rank, const void *shared)
{
    uint32_t address;
    PTX("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(window(shared)), "r"(rank));
    return address;
}

inline __device__ void cluster_sync()
{
    PTX("barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;" ::: "memory");
}

inline __device__ void fence_block()
{
    PTX("fence.acq_rel.cta;" ::: "memory");
}

inline __device__ int load(const int *shared)
{
    int value;
    PTX("ld.shared::cta.u32 %0, [%1];" : "=r"(value) : "r"(window(shared)) : "memory");
    return value;
}

inline __device__ void store(const int *shared)
{
    PTX("st.shared::cta.u32 [%0], 7;" ::"r"(window(shared)) : "memory");
}

/* ---- mbarriers --------------------------------------------------------------------------------
 */

inline __device__ void init(uint64_t *barrier)
{
    if (threadIdx.x == 0) {
        PTX("mbarrier.init.shared.b64 [%0], 1;" ::"r"(window(barrier)) : "memory");
        PTX("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
}

inline __device__ void arrive(uint64_t *barrier)
{
    PTX("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(window(barrier))
        : "memory");
}

inline __device__ void expect_bytes(uint64_t *barrier, uint32_t bytes)
{
    PTX("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared.b64 state, [%0], %1; }" ::"r"(
            window(barrier)),
        "r"(bytes)
        : "memory");
}

inline __device__ void wait(uint64_t *barrier, uint32_t parity)
{
    int is_complete;
    do
        PTX("{ .reg .pred done; mbarrier.try_wait.parity.shared.b64 done, [%1], %2;"
            " selp.b32 %0, 1, 0, done; }"
            : "=r"(is_complete)
            : "r"(window(barrier)), "r"(parity)
            : "memory");
    while (is_complete == 0);
}

inline __device__ void wait_of_cluster(uint64_t *barrier, uint32_t parity)
{
    int is_complete;
    do
        PTX("{ .reg .pred done; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, "
            "[%1], %2; selp.b32 %0, 1, 0, done; }"
            : "=r"(is_complete)
            : "r"(window(barrier)), "r"(parity)
            : "memory");
    while (is_complete == 0);
}

#endif
