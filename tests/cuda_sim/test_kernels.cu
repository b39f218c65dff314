/* Correct kernels: the right result in every order of threads, and no reports. */
#include <cooperative_groups.h>
#include <curand_kernel.h>

#include "sim_test.h"

namespace cg = cooperative_groups;

static const uint64_t seeds[] = SEEDS;

__global__ void reverse_kernel(int *values, int count)
{
    LYRNN_SHARED(int, tile, [8][32]);
    unsigned at = threadIdx.y * 32 + threadIdx.x;
    for (int round = 0; round < 3; round++) {
        tile[threadIdx.y][threadIdx.x] = values[at];
        __syncthreads();
        values[at] = tile[7 - threadIdx.y][31 - threadIdx.x];
        __syncthreads();
    }
    (void)count;
}

static void shared_arrays_and_barriers(void **)
{
    for (uint64_t seed : seeds) {
        int host[256];
        for (int i = 0; i < 256; i++)
            host[i] = i;
        lyrnn_sim_set_seed(seed);
        int *values = device_copy(host, 256);
        cudaLaunchConfig_t config = shape(1, 1);
        config.blockDim = dim3(32, 8);
        OK(cudaLaunchKernelEx(&config, reverse_kernel, values, 256));
        download(host, values, 256);
        for (int i = 0; i < 256; i++)
            assert_int_equal(host[i], 255 - i);
        OK(cudaFree(values));
    }
}

__global__ void order_kernel(int *order, int *count)
{
    order[atomicAdd(count, 1)] = (int)(blockIdx.x * blockDim.x + threadIdx.x);
}

static void run_order(uint64_t seed, int order_host[64])
{
    int zero = 0;
    lyrnn_sim_set_seed(seed);
    int *order = device_array<int>(64), *count = device_copy(&zero, 1);
    cudaLaunchConfig_t config = shape(4, 16);
    OK(cudaLaunchKernelEx(&config, order_kernel, order, count));
    download(order_host, order, 64);
    OK(cudaFree(order));
    OK(cudaFree(count));
}

static void order_is_drawn_from_the_seed(void **)
{
    int ascending[64], first[64], second[64], first_again[64];
    run_order(0, ascending);
    run_order(1, first);
    run_order(2, second);
    run_order(1, first_again);
    for (int i = 0; i < 64; i++)
        assert_int_equal(ascending[i], i);
    assert_memory_not_equal(first, ascending, sizeof first);
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_equal(first, first_again, sizeof first);
}

__global__ void warp_kernel(int *out)
{
    const unsigned all = 0xffffffffu;
    int lane = (int)(threadIdx.x % 32), *row = out + 12 * threadIdx.x;
    row[0] = __shfl_sync(all, lane, 5);
    row[1] = __shfl_up_sync(all, lane, 3);
    row[2] = __shfl_down_sync(all, lane, 3);
    row[3] = __shfl_xor_sync(all, lane, 8);
    row[4] = (int)__ballot_sync(all, lane % 2 == 0);
    row[5] = __any_sync(all, lane == 7);
    row[6] = __all_sync(all, lane < 31);
    row[7] = __reduce_add_sync(all, lane);
    row[8] = __reduce_min_sync(all, lane - 40);
    row[9] = (int)__reduce_max_sync(all, (unsigned)lane);
    row[10] = __shfl_down_sync(all, lane, 3, 8);
    row[11] = (int)__match_any_sync(all, lane / 16);
}

static void warp_operations(void **)
{
    for (uint64_t seed : seeds) {
        int host[12 * 64];
        lyrnn_sim_set_seed(seed);
        int *out = device_array<int>(12 * 64);
        cudaLaunchConfig_t config = shape(1, 64);
        OK(cudaLaunchKernelEx(&config, warp_kernel, out));
        download(host, out, 12 * 64);
        for (int thread = 0; thread < 64; thread++) {
            int lane = thread % 32, *row = host + 12 * thread;
            int expected[12] = {5,
                                lane < 3 ? lane : lane - 3,
                                lane + 3 < 32 ? lane + 3 : lane,
                                lane ^ 8,
                                0x55555555,
                                1,
                                0,
                                496,
                                -40,
                                31,
                                lane % 8 + 3 < 8 ? lane + 3 : lane,
                                lane < 16 ? 0xffff : (int)0xffff0000u};
            assert_memory_equal(row, expected, sizeof expected);
        }
        OK(cudaFree(out));
    }
}

__global__ void half_warps_kernel(float *out)
{
    LYRNN_SHARED(float, tile, [32]);
    unsigned mask = threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u;
    float value = (float)threadIdx.x;
    for (int offset = 8; offset > 0; offset /= 2)
        value += __shfl_xor_sync(mask, value, offset);
    tile[threadIdx.x] = value;
    __syncwarp();
    out[threadIdx.x] = tile[31 - threadIdx.x];
}

static void half_warps_and_syncwarp(void **)
{
    for (uint64_t seed : seeds) {
        float host[32];
        lyrnn_sim_set_seed(seed);
        float *out = device_array<float>(32);
        cudaLaunchConfig_t config = shape(1, 32);
        OK(cudaLaunchKernelEx(&config, half_warps_kernel, out));
        download(host, out, 32);
        for (int i = 0; i < 32; i++)
            assert_true(host[i] == (i < 16 ? 376.0f : 120.0f));
        OK(cudaFree(out));
    }
}

/* Some lanes return first. The mask still names them, but no lane reads from them. */
__global__ void early_return_kernel(int *out, int count)
{
    if ((int)threadIdx.x >= count)
        return;
    unsigned votes = __ballot_sync(0xffffffffu, 1);
    out[threadIdx.x] = (int)votes;
}

static void lanes_that_returned_are_not_waited_for(void **)
{
    for (uint64_t seed : seeds) {
        int host[20];
        lyrnn_sim_set_seed(seed);
        int *out = device_array<int>(20);
        cudaLaunchConfig_t config = shape(1, 32);
        OK(cudaLaunchKernelEx(&config, early_return_kernel, out, 20));
        OK(cudaDeviceSynchronize());
        download(host, out, 20);
        for (int votes : host)
            assert_int_equal(votes, 0xfffff);
        OK(cudaFree(out));
    }
}

__global__ void last_block_kernel(const int *in, int *partial, unsigned *count, int *sum)
{
    LYRNN_SHARED(bool, is_last, );
    int mine = __reduce_add_sync(0xffffffffu, in[blockIdx.x * 32 + threadIdx.x]);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = mine;
        __threadfence();
        is_last = atomicAdd(count, 1u) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    if (is_last) {
        int total =
            __reduce_add_sync(0xffffffffu, threadIdx.x < gridDim.x ? partial[threadIdx.x] : 0);
        if (threadIdx.x == 0)
            *sum = total;
    }
}

static void last_block_sums_up(void **)
{
    for (uint64_t seed : seeds) {
        int host[16 * 32], total = 0, result = 0;
        unsigned zero = 0;
        for (int i = 0; i < 16 * 32; i++)
            total += host[i] = 3 * i - 100;
        lyrnn_sim_set_seed(seed);
        int *in = device_copy(host, 16 * 32), *partial = device_array<int>(16);
        unsigned *count = device_copy(&zero, 1);
        int *sum = device_array<int>(1);
        cudaLaunchConfig_t config = shape(16, 32);
        OK(cudaLaunchKernelEx(&config, last_block_kernel, (const int *)in, partial, count, sum));
        download(&result, sum, 1);
        assert_int_equal(result, total);
        for (void *memory : {(void *)in, (void *)partial, (void *)count, (void *)sum})
            OK(cudaFree(memory));
    }
}

__global__ void ring_kernel(float *out)
{
    LYRNN_DYNAMIC_SHARED(float, tile);
    LYRNN_SHARED(float, second, [32]);
    cg::cluster_group cluster = cg::this_cluster();
    unsigned rank = cluster.block_rank(), next = (rank + 1) % cluster.num_blocks();
    tile[threadIdx.x] = (float)(100 * rank + threadIdx.x);
    cluster.sync();
    cluster.map_shared_rank(&second[0], next)[threadIdx.x] =
        cluster.map_shared_rank(tile, next)[threadIdx.x];
    cluster.barrier_wait(cluster.barrier_arrive());
    out[blockIdx.x * 32 + threadIdx.x] = second[threadIdx.x];
}

static void clusters_share_memory(void **)
{
    for (uint64_t seed : seeds) {
        float host[8 * 32];
        lyrnn_sim_set_seed(seed);
        float *out = device_array<float>(8 * 32);
        cudaLaunchAttribute attribute = cluster_of(4);
        cudaLaunchConfig_t config = shape(8, 32, 128);
        config.attrs = &attribute;
        config.numAttrs = 1;
        OK(cudaLaunchKernelEx(&config, ring_kernel, out));
        download(host, out, 8 * 32);
        for (int i = 0; i < 8 * 32; i++)
            assert_true(host[i] == (float)(100 * (i / 32 % 4) + i % 32));
        OK(cudaFree(out));
    }
}

__global__ void grid_kernel(int *a, int *b)
{
    cg::grid_group all = cg::this_grid();
    unsigned at = (unsigned)all.thread_rank(), size = (unsigned)all.num_threads();
    for (int step = 0; step < 5; step++) {
        int *from = step % 2 == 0 ? a : b, *to = step % 2 == 0 ? b : a;
        to[at] = from[(at + 33) % size] + 1;
        all.sync();
    }
}

static void grids_synchronize(void **)
{
    for (uint64_t seed : seeds) {
        int host[8 * 40], expected[8 * 40];
        for (int i = 0; i < 8 * 40; i++)
            host[i] = i;
        for (int i = 0; i < 8 * 40; i++)
            expected[i] = (i + 5 * 33) % (8 * 40) + 5;
        lyrnn_sim_set_seed(seed);
        int *a = device_copy(host, 8 * 40), *b = device_array<int>(8 * 40);
        cudaLaunchAttribute attribute = cooperative();
        cudaLaunchConfig_t config = shape(8, 40);
        config.attrs = &attribute;
        config.numAttrs = 1;
        OK(cudaLaunchKernelEx(&config, grid_kernel, a, b));
        download(host, b, 8 * 40);
        assert_memory_equal(host, expected, sizeof host);
        OK(cudaFree(a));
        OK(cudaFree(b));
    }
}

/* The grid's barrier also synchronizes clusters, so it orders accesses to the shared memory of
 * another block. */
__global__ void grid_of_clusters_kernel(int *out)
{
    LYRNN_SHARED(int, mine, [32]);
    cg::cluster_group cluster = cg::this_cluster();
    unsigned next = (cluster.block_rank() + 1) % cluster.num_blocks();
    for (int step = 0; step < 3; step++) {
        mine[threadIdx.x] = step;
        cg::this_grid().sync();
        out[blockIdx.x * 32 + threadIdx.x] = cluster.map_shared_rank(&mine[0], next)[threadIdx.x];
        cg::this_grid().sync();
    }
}

static void a_grid_of_clusters_synchronizes(void **)
{
    for (uint64_t seed : seeds) {
        int host[8 * 32];
        lyrnn_sim_set_seed(seed);
        int *out = device_array<int>(8 * 32);
        cudaLaunchAttribute attributes[] = {cooperative(), cluster_of(4)};
        cudaLaunchConfig_t config = shape(8, 32);
        config.attrs = attributes;
        config.numAttrs = 2;
        OK(cudaLaunchKernelEx(&config, grid_of_clusters_kernel, out));
        download(host, out, 8 * 32);
        for (int value : host)
            assert_int_equal(value, 2);
        OK(cudaFree(out));
    }
}

/* Adjacent threads that write the two halves of one word do not race. */
__global__ void halves_kernel(unsigned short *out, float4 *quads)
{
    out[threadIdx.x] = (unsigned short)threadIdx.x;
    float4 quad = quads[threadIdx.x];
    quad.x += quad.w;
    quads[threadIdx.x] = quad;
}

static void narrow_and_wide_accesses(void **)
{
    unsigned short host[64];
    float4 quads_host[64];
    for (int i = 0; i < 64; i++)
        quads_host[i] = make_float4((float)i, 0.0f, 0.0f, 1.0f);
    unsigned short *out = device_array<unsigned short>(64);
    float4 *quads = device_copy(quads_host, 64);
    cudaLaunchConfig_t config = shape(1, 64);
    OK(cudaLaunchKernelEx(&config, halves_kernel, out, quads));
    download(host, out, 64);
    download(quads_host, quads, 64);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(host[i], i);
        assert_true(quads_host[i].x == (float)(i + 1));
    }
    OK(cudaFree(out));
    OK(cudaFree(quads));
}

__global__ void random_kernel(unsigned *bits, float *uniform)
{
    curandStatePhilox4_32_10_t state;
    curand_init(0, 0, threadIdx.x, &state);
    bits[threadIdx.x] = curand(&state);
    curand_init(0, 0, threadIdx.x, &state);
    uniform[threadIdx.x] = curand_uniform(&state);
}

static void philox_gives_its_known_answer(void **)
{
    /* Philox4x32-10 for counter 0 and key 0, from Random123's known-answer tests. */
    const unsigned known[4] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
    unsigned bits_host[8];
    float uniform_host[8];
    unsigned *bits = device_array<unsigned>(8);
    float *uniform = device_array<float>(8);
    cudaLaunchConfig_t config = shape(1, 8);
    OK(cudaLaunchKernelEx(&config, random_kernel, bits, uniform));
    download(bits_host, bits, 8);
    download(uniform_host, uniform, 8);
    assert_memory_equal(bits_host, known, sizeof known);
    for (int i = 0; i < 8; i++)
        assert_true(uniform_host[i] == (float)bits_host[i] * 0x1p-32f + 0x1p-33f);
    OK(cudaFree(bits));
    OK(cudaFree(uniform));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_arrays_and_barriers),
        cmocka_unit_test(order_is_drawn_from_the_seed),
        cmocka_unit_test(warp_operations),
        cmocka_unit_test(half_warps_and_syncwarp),
        cmocka_unit_test(lanes_that_returned_are_not_waited_for),
        cmocka_unit_test(last_block_sums_up),
        cmocka_unit_test(clusters_share_memory),
        cmocka_unit_test(grids_synchronize),
        cmocka_unit_test(a_grid_of_clusters_synchronizes),
        cmocka_unit_test(narrow_and_wide_accesses),
        cmocka_unit_test(philox_gives_its_known_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
