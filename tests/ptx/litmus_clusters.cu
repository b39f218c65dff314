/* Small kernels that are right, or wrong in one way, by the memory model of the PTX ISA manual
 * (chapter 8): clusters of two blocks, and mbarriers. A right one shows a checker that
 * reports races where there are none, and its wrong neighbor one that misses them.
 *
 * They are for nvcc only. test_litmus.cu runs their PTX. */
#include "litmus.cuh"

static __device__ void store_to_peer(const int *shared)
{
    if (threadIdx.x == 0)
        PTX("st.shared::cluster.u32 [%0], 7;" ::"r"(address_in(1 - rank_in_cluster(), shared))
            : "memory");
}

KERNEL(cluster_barrier)
{
    __shared__ int data;
    store_to_peer(&data);
    cluster_sync();
    out[2 * threadIdx.x + blockIdx.x] = load(&data);
}

/* The halves of a warp take different ways, so that one of them can be at the next barrier while
 * the other has not yet left the last one. */
KERNEL(halves_of_a_warp_at_barriers)
{
    for (int round = 0; round < 20; round++) {
        PTX("barrier.cluster.arrive;" ::: "memory");
        if (threadIdx.x % 32 < 16)
            out[2 * threadIdx.x + blockIdx.x] = round;
        PTX("barrier.cluster.wait;" ::: "memory");
    }
}

KERNEL(relaxed_arrival)
{
    __shared__ int data;
    store_to_peer(&data);
    PTX("barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;" ::: "memory");
    out[2 * threadIdx.x + blockIdx.x] = load(&data);
}

KERNEL(fence_before_relaxed_arrival)
{
    __shared__ int data;
    store_to_peer(&data);
    PTX("fence.acq_rel.cluster;" ::: "memory");
    PTX("barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;" ::: "memory");
    out[2 * threadIdx.x + blockIdx.x] = load(&data);
}

/* ld.shared means .shared::cta. */
KERNEL(peer_in_own_window)
{
    __shared__ int data;
    int value;
    store_to_peer(&data);
    cluster_sync();
    PTX("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(address_in(1 - rank_in_cluster(), &data)));
    out[2 * threadIdx.x + blockIdx.x] = value;
    cluster_sync();
}

/* ---- mbarriers --------------------------------------------------------------------------------
 */

static __device__ void wait_relaxed(uint64_t *barrier)
{
    int is_complete;
    do
        PTX("{ .reg .pred done; mbarrier.try_wait.parity.relaxed.cta.shared::cta.b64 done, [%1], 0;"
            " selp.b32 %0, 1, 0, done; }"
            : "=r"(is_complete)
            : "r"(window(barrier))
            : "memory");
    while (is_complete == 0);
}

KERNEL(remote_arrival)
{
    __shared__ int data;
    __shared__ uint64_t barrier;
    init(&barrier);
    cluster_sync();
    if (threadIdx.x != 32)
        return;
    if (blockIdx.x == 1) {
        PTX("st.shared::cluster.u32 [%0], 7;" ::"r"(address_in(0, &data)) : "memory");
        PTX("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(
                address_in(0, &barrier))
            : "memory");
    } else {
        wait_of_cluster(&barrier, 0);
        out[0] = load(&data);
    }
}

KERNEL(remote_arrival_of_a_block)
{
    __shared__ int data;
    __shared__ uint64_t barrier;
    init(&barrier);
    cluster_sync();
    if (threadIdx.x == 32 && blockIdx.x == 1) {
        PTX("st.shared::cluster.u32 [%0], 7;" ::"r"(address_in(0, &data)) : "memory");
        PTX("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(address_in(0, &barrier))
            : "memory");
    }
    if (threadIdx.x == 32 && blockIdx.x == 0) {
        wait_of_cluster(&barrier, 0);
        out[0] = load(&data);
    }
    cluster_sync();
}

/* A relaxed barrier does not order the remote read before the end of the block that is read. */
KERNEL(exit_after_relaxed_barrier)
{
    __shared__ int data;
    int value = 0;
    if (threadIdx.x == 0)
        PTX("st.shared::cta.u32 [%0], 7;" ::"r"(window(&data)) : "memory");
    cluster_sync();
    if (threadIdx.x == 0 && blockIdx.x == 1)
        PTX("ld.shared::cluster.u32 %0, [%1];" : "=r"(value) : "r"(address_in(0, &data)));
    PTX("barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;" ::: "memory");
    out[64 * blockIdx.x + threadIdx.x] = value;
}

/* Thread 0 writes and arrives, thread 32 waits and reads. */
KERNEL(mbarrier)
{
    __shared__ int data;
    __shared__ uint64_t barrier;
    init(&barrier);
    __syncthreads();
    if (threadIdx.x == 0) {
        store(&data);
        arrive(&barrier);
    }
    if (threadIdx.x == 32) {
        wait(&barrier, 0);
        out[0] = load(&data);
    }
}

KERNEL(relaxed_wait)
{
    __shared__ int data;
    __shared__ uint64_t barrier;
    init(&barrier);
    __syncthreads();
    if (threadIdx.x == 0) {
        store(&data);
        arrive(&barrier);
    }
    if (threadIdx.x == 32) {
        wait_relaxed(&barrier);
        out[0] = load(&data);
    }
}

KERNEL(relaxed_wait_and_fences)
{
    __shared__ int data;
    __shared__ uint64_t barrier;
    init(&barrier);
    __syncthreads();
    if (threadIdx.x == 0) {
        store(&data);
        fence_block();
        PTX("{ .reg .b64 state; mbarrier.arrive.relaxed.cta.shared::cta.b64 state, [%0]; }" ::"r"(
                window(&barrier))
            : "memory");
    }
    if (threadIdx.x == 32) {
        wait_relaxed(&barrier);
        fence_block();
        out[0] = load(&data);
    }
}

KERNEL(mbarrier_made_twice)
{
    __shared__ uint64_t barrier;
    init(&barrier);
    init(&barrier);
    out[threadIdx.x] = 0;
}

KERNEL(mbarrier_overwritten)
{
    __shared__ uint64_t barrier;
    init(&barrier);
    if (threadIdx.x == 0)
        PTX("st.shared::cta.u32 [%0], 7;" ::"r"(window(&barrier)) : "memory");
    out[threadIdx.x] = 0;
}

/* Two arrivals would be needed. */
KERNEL(phase_that_never_ends)
{
    __shared__ uint64_t barrier;
    if (threadIdx.x == 0) {
        PTX("mbarrier.init.shared.b64 [%0], 2;" ::"r"(window(&barrier)) : "memory");
        arrive(&barrier);
    }
    __syncwarp();
    wait(&barrier, 0);
    out[threadIdx.x] = 0;
}
