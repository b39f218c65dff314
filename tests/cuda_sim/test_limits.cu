/* What limits the blocks of a kernel: launch bounds, registers, and the layout of the GPCs. */
#include "sim_test.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

enum { BOUND = 96 };

__global__ void __launch_bounds__(BOUND) bounded_kernel(int *out)
{
    out[threadIdx.x] = 1;
}

__global__ void __launch_bounds__(2 * BOUND, 1) wider_kernel(int *out)
{
    out[threadIdx.x] = 2;
}

template <int VALUE> __global__ void __launch_bounds__(BOUND / 3, 2) template_kernel(int *out)
{
    out[threadIdx.x] = VALUE;
}

__global__ void unbounded_kernel(int *out)
{
    out[threadIdx.x] = 3;
}

__global__ void large_kernel(int *out)
{
    LYRNN_DYNAMIC_SHARED(int, tile);
    tile[threadIdx.x] = 1;
    out[threadIdx.x] = tile[threadIdx.x];
}

static void expect_bound(void (*kernel)(int *), unsigned bound)
{
    int *out = device_array<int>(1024);
    cudaFuncAttributes attributes;
    OK(cudaFuncGetAttributes(&attributes, kernel));
    assert_int_equal(attributes.maxThreadsPerBlock, bound);
    cudaLaunchConfig_t config = shape(1, bound);
    OK(cudaLaunchKernelEx(&config, kernel, out));
    OK(cudaDeviceSynchronize());
    config = shape(1, bound + 1);
    assert_int_equal(cudaLaunchKernelEx(&config, kernel, out),
                     bound < 1024 ? cudaErrorInvalidValue : cudaErrorInvalidConfiguration);
    (void)cudaGetLastError();
    OK(cudaFree(out));
}

static void a_block_keeps_the_launch_bounds(void **)
{
    expect_bound(bounded_kernel, BOUND);
    expect_bound(wider_kernel, 2 * BOUND);
    expect_bound(template_kernel<1>, BOUND / 3);
    expect_bound(template_kernel<2>, BOUND / 3);
    expect_bound(unbounded_kernel, 1024);
}

static void with_gpcs(const char *gpcs, const char *num_sms)
{
    setenv("LYRNN_SIM_GPCS", gpcs, 1);
    if (num_sms != NULL)
        setenv("LYRNN_SIM_SMS", num_sms, 1);
    else
        unsetenv("LYRNN_SIM_SMS");
    lyrnn_sim_reset();
}

enum { WHOLE_SM = 120 << 10 };

/* Returns how many clusters fit, if each block takes a multiprocessor. */
static int count_clusters(unsigned blocks)
{
    int clusters = -1;
    cudaLaunchAttribute attribute = cluster_of(blocks);
    cudaLaunchConfig_t config = shape(blocks, 32, WHOLE_SM);
    config.attrs = &attribute;
    config.numAttrs = 1;
    OK(cudaFuncSetAttribute(large_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, WHOLE_SM));
    OK(cudaOccupancyMaxActiveClusters(&clusters, large_kernel, &config));
    return clusters;
}

static cudaError_t launch_clusters(unsigned clusters, unsigned blocks, bool together)
{
    int *out = device_array<int>(32);
    cudaLaunchAttribute attributes[] = {cluster_of(blocks), cooperative()};
    cudaLaunchConfig_t config = shape(clusters * blocks, 32, WHOLE_SM);
    config.attrs = attributes;
    config.numAttrs = together ? 2 : 1;
    cudaError_t error = cudaLaunchKernelEx(&config, large_kernel, out);
    /* It is the limit that counts. Blocks of this kernel would race. */
    lyrnn_sim_reset();
    OK(cudaFree(out));
    return error;
}

/* An H100 has 132 multiprocessors whichever GPC lacks some, but not as many clusters. */
static void uneven_gpcs_hold_fewer_clusters(void **)
{
    with_gpcs("16,16,16,16,16,16,18,18", NULL);
    cudaDeviceProp properties;
    OK(cudaGetDeviceProperties(&properties, 0));
    assert_int_equal(properties.multiProcessorCount, 132);
    assert_int_equal(count_clusters(2), 66);
    assert_int_equal(count_clusters(4), 32);
    assert_int_equal(count_clusters(8), 16);
    OK(launch_clusters(16, 8, true));

    with_gpcs("14,16,16,16,16,18,18,18", "132");
    assert_int_equal(count_clusters(2), 66);
    assert_int_equal(count_clusters(4), 31);
    assert_int_equal(count_clusters(8), 15);
    OK(launch_clusters(15, 8, true));
    assert_int_equal(launch_clusters(16, 8, true), cudaErrorCooperativeLaunchTooLarge);
    OK(launch_clusters(16, 8, false));
}

/* A slice of a device may have no GPC that holds a cluster. Then no such cluster ever starts. */
static void a_cluster_that_no_gpc_holds_is_refused(void **)
{
    with_gpcs("6,6,4", NULL);
    assert_int_equal(count_clusters(4), 3);
    cudaLaunchAttribute eight = cluster_of(8);
    cudaLaunchConfig_t config = shape(8, 32, WHOLE_SM);
    config.attrs = &eight;
    config.numAttrs = 1;
    int clusters = -1;
    assert_int_equal(cudaOccupancyMaxActiveClusters(&clusters, large_kernel, &config),
                     cudaErrorInvalidClusterSize);
    config.numAttrs = 0;
    OK(cudaOccupancyMaxPotentialClusterSize(&clusters, large_kernel, &config));
    assert_int_equal(clusters, 6);
    config.dynamicSmemBytes = 0;
    OK(cudaOccupancyMaxPotentialClusterSize(&clusters, large_kernel, &config));
    assert_int_equal(clusters, 8);
    OK(launch_clusters(4, 4, false));
    assert_int_equal(launch_clusters(1, 8, false), cudaErrorInvalidClusterSize);
    assert_int_equal(launch_clusters(1, 8, true), cudaErrorInvalidClusterSize);
}

/* Writes the rows of a report on kernels, for compute capability 9.0 and for another. */
static void with_registers(int registers, int shared_bytes)
{
    char name[] = P_tmpdir "/resources.XXXXXX";
    int file = mkstemp(name);
    assert_true(file >= 0);
    for (const char *pair : {"75 75 built", "90 90 built", "80 90 checked"})
        dprintf(file, "%s _Z12large_kernelPi %d %d 0 0\n", pair,
                strcmp(pair, "90 90 built") == 0 ? registers : 16, shared_bytes);
    close(file);
    setenv("LYRNN_SIM_RESOURCES", name, 1);
    with_gpcs("16,18", NULL);
    unsetenv("LYRNN_SIM_RESOURCES");
    unlink(name);
}

static int count_blocks(int threads, size_t bytes)
{
    int blocks = -1;
    OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, large_kernel, threads, bytes));
    return blocks;
}

static void registers_limit_the_blocks(void **)
{
    with_registers(128, 0);
    cudaFuncAttributes attributes;
    OK(cudaFuncGetAttributes(&attributes, large_kernel));
    assert_int_equal(attributes.numRegs, 128);
    assert_int_equal(count_blocks(256, 0), 2);
    assert_int_equal(count_blocks(288, 0), 1);
    assert_int_equal(count_blocks(32, 0), 16);
    /* 73 registers take as many as 80, so that 6 warps fit in a quarter, and not 7. */
    with_registers(73, 0);
    assert_int_equal(count_blocks(256, 0), 3);
    assert_int_equal(count_blocks(32, 0), 24);
    /* Nine warps would need 57,600 registers, but three of them do not fit in a quarter. */
    with_registers(200, 0);
    assert_int_equal(count_blocks(288, 0), 0);
    int *out = device_array<int>(288);
    cudaLaunchConfig_t config = shape(1, 288);
    assert_int_equal(cudaLaunchKernelEx(&config, large_kernel, out), cudaErrorLaunchOutOfResources);
    cudaLaunchAttribute pair = cluster_of(2);
    config = shape(2, 288);
    config.attrs = &pair;
    config.numAttrs = 1;
    int clusters = -1;
    OK(cudaOccupancyMaxActiveClusters(&clusters, large_kernel, &config));
    assert_int_equal(clusters, 0);
    (void)cudaGetLastError();
    /* Where nothing is known, only threads count. */
    with_gpcs("16,18", NULL);
    assert_int_equal(count_blocks(288, 0), 7);
    OK(cudaFree(out));
}

/* Two blocks of 112 KiB and the reserved KiB fit in 228 KiB, but not with 2 KiB more. */
static void static_shared_memory_counts(void **)
{
    OK(cudaFuncSetAttribute(large_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, WHOLE_SM));
    with_registers(32, 1024);
    assert_int_equal(count_blocks(32, 112 << 10), 2);
    with_registers(32, 2048);
    assert_int_equal(count_blocks(32, 112 << 10), 1);
}

static lyrnn_sim_launch_info seen;
static char seen_kernel[64];
static void see(const lyrnn_sim_launch_info *launch)
{
    seen = *launch;
    snprintf(seen_kernel, sizeof seen_kernel, "%s", launch->kernel);
}

static void a_hook_sees_each_launch(void **)
{
    with_gpcs("16,18", NULL);
    lyrnn_sim_set_launch_hook(see);
    OK(launch_clusters(3, 4, true));
    assert_string_equal(seen_kernel, "_Z12large_kernelPi");
    assert_int_equal(seen.blocks, 12);
    assert_int_equal(seen.threads, 32);
    assert_int_equal(seen.cluster, 4);
    assert_int_equal(seen.shared_bytes, WHOLE_SM);
    assert_true(seen.is_cooperative);
    assert_int_equal(seen.error, cudaSuccess);
    assert_int_equal(seen.blocks_per_sm, 1);
    assert_int_equal(launch_clusters(9, 4, true), cudaErrorCooperativeLaunchTooLarge);
    assert_int_equal(seen.blocks, 36);
    assert_int_equal(seen.error, cudaErrorCooperativeLaunchTooLarge);
    lyrnn_sim_set_launch_hook(NULL);
}

static const char *wrong_gpcs, *wrong_sms;

static void read_wrong_gpcs(void)
{
    fclose(stderr);
    with_gpcs(wrong_gpcs, wrong_sms);
}

static bool stops_the_program(const char *gpcs, const char *num_sms)
{
    wrong_gpcs = gpcs;
    wrong_sms = num_sms;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        read_wrong_gpcs();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void a_wrong_layout_stops_the_program(void **)
{
    assert_true(stops_the_program("16,18", "132"));
    assert_true(stops_the_program("16,", NULL));
    assert_true(stops_the_program("16,-2", NULL));
    assert_true(stops_the_program("16 18", NULL));
    assert_false(stops_the_program("16,18", "34"));
    assert_false(stops_the_program("", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_the_launch_bounds),
        cmocka_unit_test(uneven_gpcs_hold_fewer_clusters),
        cmocka_unit_test(a_cluster_that_no_gpc_holds_is_refused),
        cmocka_unit_test(registers_limit_the_blocks),
        cmocka_unit_test(static_shared_memory_counts),
        cmocka_unit_test(a_hook_sees_each_launch),
        cmocka_unit_test(a_wrong_layout_stops_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
