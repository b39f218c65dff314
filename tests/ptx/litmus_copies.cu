/* Small kernels that are right, or wrong in one way, by the memory model of the PTX ISA manual
 * (chapter 8): asynchronous stores and copies. A right one shows a checker that
 * reports races where there are none, and its wrong neighbor one that misses them.
 *
 * They are for nvcc only. test_litmus.cu runs their PTX. */
#include "litmus.cuh"

/* ---- st.async: blocks exchange a vector in each step ------------------------------------------
 */

static __device__ void send(int value, const int *to, const uint64_t *barrier)
{
    for (uint32_t rank = 0; rank < 2; rank++)
        PTX("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.u32 [%0], %1, [%2];" ::"r"(
                address_in(rank, to)),
            "r"(value), "r"(address_in(rank, barrier))
            : "memory");
}

/* Each thread sends one value, waits for all 64, and reads two of them. A peer writes the buffer of
 * a step again two steps later. By then it has this block's values of the step in between, which
 * were sent after the buffer was read. So nobody needs another barrier. If there is one buffer, the
 * peer writes it in the next step, and nothing orders that after the read. */
template <unsigned NUM_BUFFERS> static __device__ void exchange(int *out)
{
    __shared__ int values[NUM_BUFFERS][64];
    __shared__ uint64_t barriers[NUM_BUFFERS];
    for (unsigned i = 0; i < NUM_BUFFERS; i++)
        init(&barriers[i]);
    cluster_sync();
    int value = static_cast<int>(threadIdx.x);
    for (unsigned step = 0; step < 6; step++) {
        const unsigned at = step % NUM_BUFFERS;
        if (threadIdx.x == 0)
            expect_bytes(&barriers[at], sizeof values[at]);
        send(value, &values[at][32 * rank_in_cluster() + threadIdx.x], &barriers[at]);
        wait_of_cluster(&barriers[at], step / NUM_BUFFERS % 2);
        value = load(&values[at][threadIdx.x]) + load(&values[at][63 - threadIdx.x]);
    }
    out[32 * blockIdx.x + threadIdx.x] = value;
    cluster_sync();
}

KERNEL(two_buffers_and_store_async)
{
    exchange<2>(out);
}

KERNEL(one_buffer_and_store_async)
{
    exchange<1>(out);
}

/* The wait does not acquire from another block. */
KERNEL(store_async_and_wait_of_a_block)
{
    __shared__ int value;
    __shared__ uint64_t barrier;
    init(&barrier);
    cluster_sync();
    if (threadIdx.x == 0) {
        expect_bytes(&barrier, 4);
        PTX("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.u32 [%0], 7, [%1];" ::"r"(
                address_in(1 - rank_in_cluster(), &value)),
            "r"(address_in(1 - rank_in_cluster(), &barrier))
            : "memory");
        wait(&barrier, 0);
        out[blockIdx.x] = load(&value);
    }
    cluster_sync();
}

/* The phase ends before the bytes are here. */
KERNEL(store_async_without_expect)
{
    __shared__ int value;
    __shared__ uint64_t barrier;
    init(&barrier);
    if (threadIdx.x == 0)
        store(&value);
    cluster_sync();
    if (threadIdx.x == 0) {
        arrive(&barrier);
        PTX("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.u32 [%0], 7, [%1];" ::"r"(
                address_in(1 - rank_in_cluster(), &value)),
            "r"(address_in(1 - rank_in_cluster(), &barrier))
            : "memory");
        wait_of_cluster(&barrier, 0);
        out[blockIdx.x] = load(&value);
    }
    cluster_sync();
}

/* ---- other asynchronous copies ----------------------------------------------------------------
 */

static __device__ void start_bulk_load(const int *to, const int *from, const uint64_t *barrier)
{
    PTX("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 16, [%2];" ::
            "r"(window(to)),
        "l"(from), "r"(window(barrier))
        : "memory");
}

static __device__ void start_bulk_store(int *to, const int *from)
{
    PTX("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], 16;" ::"l"(to), "r"(window(from))
        : "memory");
    PTX("cp.async.bulk.commit_group;" ::: "memory");
}

static __device__ void fence_proxy()
{
    PTX("fence.proxy.async.shared::cta;" ::: "memory");
}

KERNEL(bulk_copy)
{
    __shared__ __align__(16) int data[4];
    __shared__ uint64_t barrier;
    init(&barrier);
    __syncthreads();
    if (threadIdx.x == 0) {
        expect_bytes(&barrier, 16);
        start_bulk_load(data, out, &barrier);
    }
    if (threadIdx.x == 32) {
        wait(&barrier, 0);
        out[4] = load(data);
    }
}

/* The completion of a copy does not show what its thread did before. Thread 32 arrives. */
KERNEL(bulk_copy_shows_no_stores)
{
    __shared__ __align__(16) int data[4];
    __shared__ int other;
    __shared__ uint64_t barrier;
    init(&barrier);
    __syncthreads();
    if (threadIdx.x == 0) {
        store(&other);
        start_bulk_load(data, out, &barrier);
    }
    if (threadIdx.x == 32) {
        expect_bytes(&barrier, 16);
        wait(&barrier, 0);
        out[4] = load(data) + load(&other);
    }
}

KERNEL(bulk_copy_of_a_changed_source)
{
    __shared__ __align__(16) int data[4];
    if (threadIdx.x != 0)
        return;
    for (int i = 0; i < 4; i++)
        store(&data[i]);
    fence_proxy();
    start_bulk_store(out, data);
    store(&data[1]);
    PTX("cp.async.bulk.wait_group 0;" ::: "memory");
}

KERNEL(bulk_copy_without_proxy_fence)
{
    __shared__ __align__(16) int data[4];
    if (threadIdx.x != 0)
        return;
    for (int i = 0; i < 4; i++)
        store(&data[i]);
    start_bulk_store(out, data);
    PTX("cp.async.bulk.wait_group 0;" ::: "memory");
}

/* The source may be changed after this wait, but the target is not written yet. */
KERNEL(bulk_copy_after_wait_for_reads)
{
    __shared__ __align__(16) int data[4];
    if (threadIdx.x != 0)
        return;
    for (int i = 0; i < 4; i++)
        store(&data[i]);
    fence_proxy();
    start_bulk_store(out, data);
    PTX("cp.async.bulk.wait_group.read 0;" ::: "memory");
    store(&data[1]);
    out[4] = out[1];
}

static __device__ void start_copy(const int *to, const int *from)
{
    PTX("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(window(to)), "l"(from) : "memory");
}

KERNEL(copy_without_wait)
{
    __shared__ int data[32];
    start_copy(&data[threadIdx.x], out + threadIdx.x);
    PTX("cp.async.commit_group;" ::: "memory");
    out[32 + threadIdx.x] = load(&data[threadIdx.x]);
}

KERNEL(copy_with_wait)
{
    __shared__ int data[32];
    start_copy(&data[threadIdx.x], out + threadIdx.x);
    PTX("cp.async.commit_group;" ::: "memory");
    PTX("cp.async.wait_group 0;" ::: "memory");
    __syncwarp();
    out[32 + threadIdx.x] = load(&data[31 - threadIdx.x]);
}

/* The wait shows a thread its own copies, and not those of others. */
KERNEL(copy_of_another_thread)
{
    __shared__ int data[32];
    start_copy(&data[threadIdx.x], out + threadIdx.x);
    PTX("cp.async.wait_all;" ::: "memory");
    out[32 + threadIdx.x] = load(&data[31 - threadIdx.x]);
}
