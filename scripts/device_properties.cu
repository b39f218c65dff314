/* Prints what lyrnn's kernels depend on as one line of JSON, after it has run a kernel.
 * gpu_check.sh compiles it first, because it needs nothing of lyrnn.
 *
 * clusters_at_once says how many clusters of 2, 4, 8 and 16 blocks fit the device if each block
 * fills a multiprocessor. A cluster lives within one GPC, so this shows the layout of GPCs. Before
 * compute capability 9.0 there are no clusters. */
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(call) check(call, #call)

static void check(cudaError_t error, const char *call)
{
    if (error == cudaSuccess)
        return;
    fprintf(stderr, "device_properties: %s: %s; update the driver or the toolkit\n", call,
            cudaGetErrorString(error));
    exit(1);
}

__global__ void set_kernel(int *value)
{
    *value = 42;
}

static void run_kernel()
{
    int *value, result = 0;
    cudaLaunchConfig_t config = {};
    config.gridDim = config.blockDim = dim3(1);
    CHECK(cudaMalloc((void **)&value, sizeof *value));
    CHECK(cudaLaunchKernelEx(&config, set_kernel, value));
    CHECK(cudaMemcpy(&result, value, sizeof result, cudaMemcpyDeviceToHost));
    CHECK(cudaFree(value));
    if (result != 42) {
        fprintf(stderr,
                "device_properties: a kernel wrote %d instead of 42; see what nvidia-smi says of "
                "the device\n",
                result);
        exit(1);
    }
}

static int clusters_at_once(const cudaDeviceProp &device, int size)
{
    int clusters = 0;
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = (unsigned)size;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3((unsigned)size);
    config.blockDim = dim3(256);
    config.dynamicSmemBytes = device.sharedMemPerBlockOptin;
    config.attrs = &attribute;
    config.numAttrs = 1;
    /* A size that the device does not have is an error, and no cluster fits. */
    if (cudaOccupancyMaxActiveClusters(&clusters, set_kernel, &config) != cudaSuccess)
        clusters = 0;
    (void)cudaGetLastError();
    return clusters;
}

static void print_clusters(const cudaDeviceProp &device)
{
    CHECK(cudaFuncSetAttribute(set_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               (int)device.sharedMemPerBlockOptin));
    CHECK(cudaFuncSetAttribute(set_kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
    for (int size = 2; size <= 16; size *= 2)
        printf("%s\"%d\": %d", size == 2 ? "" : ", ", size, clusters_at_once(device, size));
}

int main()
{
    cudaDeviceProp device;
    int driver, runtime, clock_khz, num_devices;
    CHECK(cudaGetDeviceCount(&num_devices));
    CHECK(cudaGetDeviceProperties(&device, 0));
    CHECK(cudaDriverGetVersion(&driver));
    CHECK(cudaRuntimeGetVersion(&runtime));
    CHECK(cudaDeviceGetAttribute(&clock_khz, cudaDevAttrClockRate, 0));
    run_kernel();
    printf("{\"name\": \"%s\", \"compute_capability\": \"%d.%d\", \"multiprocessors\": %d, "
           "\"clock_mhz\": %d, \"memory_bytes\": %zu, \"l2_bytes\": %d, \"memory_bus_bits\": %d, "
           "\"shared_bytes_per_block\": %zu, \"shared_bytes_per_multiprocessor\": %zu, "
           "\"registers_per_multiprocessor\": %d, \"driver\": %d, \"runtime\": %d, "
           "\"devices\": %d, "
           "\"clusters_at_once\": {",
           device.name, device.major, device.minor, device.multiProcessorCount, clock_khz / 1000,
           device.totalGlobalMem, device.l2CacheSize, device.memoryBusWidth,
           device.sharedMemPerBlockOptin, device.sharedMemPerMultiprocessor,
           device.regsPerMultiprocessor, driver, runtime, num_devices);
    if (device.major >= 9)
        print_clusters(device);
    printf("}}\n");
    return 0;
}
