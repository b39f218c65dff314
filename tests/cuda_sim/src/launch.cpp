/* Launches: the limits that a device enforces, and the queries for those limits. */
#include <algorithm>
#include <map>

#include "block.h"
#include "device.h"
#include "fault.h"
#include "grid.h"
#include "occupancy.h"
#include "queue.h"
#include "resources.h"

namespace sim
{

static std::map<const void *, size_t> dynamic_limits;

static size_t dynamic_limit(const void *kernel)
{
    auto found = dynamic_limits.find(kernel);
    return found != dynamic_limits.end() ? found->second : device().properties.sharedMemPerBlock;
}

static unsigned volume(dim3 dim)
{
    return dim.x * dim.y * dim.z;
}

static bool is_zero(dim3 dim)
{
    return dim.x == 0 || dim.y == 0 || dim.z == 0;
}

static cudaError_t check_shape(const cudaLaunchConfig_t &config)
{
    const cudaDeviceProp &p = device().properties;
    dim3 block = config.blockDim, blocks = config.gridDim;
    if (is_zero(block) || is_zero(blocks))
        return cudaErrorInvalidConfiguration;
    if (block.x > 1024 || block.y > 1024 || block.z > 64 ||
        1ull * block.x * block.y * block.z > static_cast<unsigned>(p.maxThreadsPerBlock))
        return cudaErrorInvalidConfiguration;
    if (blocks.x > static_cast<unsigned>(p.maxGridSize[0]) || blocks.y > 65535 || blocks.z > 65535)
        return cudaErrorInvalidConfiguration;
    /* The simulator numbers threads with 32 bits. A device allows more threads. */
    if (1ull * blocks.x * blocks.y * blocks.z > 0xffffffffull / (block.x * block.y * block.z))
        return cudaErrorInvalidConfiguration;
    return cudaSuccess;
}

static cudaError_t check_cluster(const Launch &launch)
{
    dim3 cluster = launch.cluster;
    if (is_zero(cluster) || launch.grid.x % cluster.x != 0 || launch.grid.y % cluster.y != 0 ||
        launch.grid.z % cluster.z != 0)
        return cudaErrorInvalidConfiguration;
    if (1ull * cluster.x * cluster.y * cluster.z > 8)
        return cudaErrorInvalidClusterSize;
    return cudaSuccess;
}

static cudaError_t read_config(const cudaLaunchConfig_t &config, Launch *launch)
{
    const cudaDeviceProp &p = device().properties;
    cudaError_t error = check_shape(config);
    if (error != cudaSuccess)
        return error;
    launch->grid = config.gridDim;
    launch->block = config.blockDim;
    launch->cluster = dim3(1, 1, 1);
    launch->dynamic_bytes = config.dynamicSmemBytes;
    launch->shared_limit = std::max(p.sharedMemPerBlock, dynamic_limit(launch->call.kernel));
    launch->cooperative = false;
    for (unsigned i = 0; i < config.numAttrs; i++) {
        const cudaLaunchAttribute &attribute = config.attrs[i];
        if (attribute.id == cudaLaunchAttributeCooperative)
            launch->cooperative = attribute.val.cooperative != 0;
        if (attribute.id == cudaLaunchAttributeClusterDimension) {
            if (p.clusterLaunch == 0)
                return cudaErrorNotSupported;
            launch->cluster = dim3(attribute.val.clusterDim.x, attribute.val.clusterDim.y,
                                   attribute.val.clusterDim.z);
        }
    }
    if (config.dynamicSmemBytes > dynamic_limit(launch->call.kernel))
        return cudaErrorInvalidValue;
    /* CUDA's manual says that the launch fails, but not how. Users report this error
     * (TensorComprehensions, pull request 526); too many registers have one of their own. */
    const int bound = launch_bound(launch->call.kernel);
    if (bound != 0 && volume(launch->block) > static_cast<unsigned>(bound))
        return cudaErrorInvalidValue;
    return check_cluster(*launch);
}

static int clusters_at_once(const Launch &launch)
{
    return clusters_at_once(launch.call.kernel, static_cast<int>(volume(launch.block)),
                            launch.dynamic_bytes, volume(launch.cluster));
}

/* A block must get its registers, a cluster must fit a GPC, and a cooperative grid must start as a
 * whole. */
static cudaError_t check_room(const Launch &launch)
{
    const unsigned at_once = static_cast<unsigned>(clusters_at_once(launch));
    if (!has_registers(launch.call.kernel, static_cast<int>(volume(launch.block))))
        return cudaErrorLaunchOutOfResources;
    if (volume(launch.cluster) > 1 && at_once == 0)
        return cudaErrorInvalidClusterSize;
    if (launch.cooperative && volume(launch.grid) / volume(launch.cluster) > at_once)
        return cudaErrorCooperativeLaunchTooLarge;
    return cudaSuccess;
}

static lyrnn_sim_launch_hook launch_hook;

static void show(const Launch &launch, cudaError_t error)
{
    const unsigned threads = volume(launch.block);
    const lyrnn_sim_launch_info info = {
        symbol_of(launch.call.kernel),
        volume(launch.grid),
        threads,
        volume(launch.cluster),
        launch.dynamic_bytes,
        launch.cooperative,
        error,
        blocks_per_sm(launch.call.kernel, static_cast<int>(threads), launch.dynamic_bytes)};
    launch_hook(&info);
}

} // namespace sim

using namespace sim;

extern "C" void lyrnn_sim_set_launch_hook(lyrnn_sim_launch_hook hook)
{
    launch_hook = hook;
}

cudaError_t lyrnn_sim_launch(const cudaLaunchConfig_t *config, const lyrnn_sim_call &call)
{
    Launch launch{};
    launch.call = call;
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = read_config(*config, &launch);
    if (error == cudaSuccess)
        error = check_room(launch);
    if (error == cudaSuccess && fault_of(call.kernel) == Fault::launch)
        error = cudaErrorLaunchOutOfResources;
    if (launch_hook != nullptr)
        show(launch, error);
    if (error != cudaSuccess)
        return done(error);
    if (!is_capturing(config->stream))
        counters.kernel_launches++;
    auto held = std::make_shared<const Launch>(launch);
    Node node = kernel_node(config->stream, [held] {
        counters.kernels_run++;
        counters.cooperative_run += held->cooperative;
        run_faulty(held->call.kernel, [&held] {
            if (device().runs_ptx)
                ptx::run_launch(*held);
            else
                run_grid(*held);
        });
    });
    if (launch.cooperative)
        node.cooperative = {held};
    for (unsigned i = 0; i < config->numAttrs; i++)
        if (config->attrs[i].id == cudaLaunchAttributePriority)
            node.priority = clamp_priority(config->attrs[i].val.priority);
    return done(submit(config->stream, std::move(node)));
}

cudaError_t cudaFuncSetAttribute(const void *kernel, cudaFuncAttribute attribute, int value)
{
    const cudaDeviceProp &p = device().properties;
    cudaError_t error = device_error();
    if (error == cudaSuccess && attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
        if (value < 0 || static_cast<size_t>(value) > p.sharedMemPerBlockOptin)
            return done(cudaErrorInvalidValue);
        dynamic_limits[kernel] = static_cast<size_t>(value);
    }
    return done(error);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *kernel)
{
    *attributes = cudaFuncAttributes{};
    const int bound = launch_bound(kernel);
    attributes->maxThreadsPerBlock = bound != 0 ? bound : device().properties.maxThreadsPerBlock;
    const Resources resources = resources_of(kernel);
    attributes->numRegs = resources.registers != 0 ? resources.registers : 32;
    attributes->sharedSizeBytes = resources.shared_bytes;
    attributes->binaryVersion = attributes->ptxVersion =
        device().properties.major * 10 + device().properties.minor;
    attributes->maxDynamicSharedSizeBytes = static_cast<int>(dynamic_limit(kernel));
    return done(device_error());
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel,
                                                          int block_size, size_t dynamic_bytes)
{
    *blocks = 0;
    if (block_size <= 0)
        return done(cudaErrorInvalidValue);
    if (block_size <= device().properties.maxThreadsPerBlock &&
        dynamic_bytes <= dynamic_limit(kernel))
        *blocks = blocks_per_sm(kernel, block_size, dynamic_bytes);
    return done(device_error());
}

cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, const void *kernel,
                                           const cudaLaunchConfig_t *config)
{
    *clusters = 0;
    Launch launch{};
    launch.call.kernel = kernel;
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = read_config(*config, &launch);
    /* CUDA's manual names this error, but not whether a cluster that is larger than every GPC gets
     * it or the answer 0. Here it gets the error, and blocks that need too much get 0. */
    const std::vector<int> &gpcs = device().gpcs;
    if (error == cudaSuccess &&
        volume(launch.cluster) > static_cast<unsigned>(*std::max_element(gpcs.begin(), gpcs.end())))
        error = cudaErrorInvalidClusterSize;
    if (error == cudaSuccess)
        *clusters = clusters_at_once(launch);
    return done(error);
}

cudaError_t cudaOccupancyMaxPotentialClusterSize(int *size, const void *kernel,
                                                 const cudaLaunchConfig_t *config)
{
    *size = 0;
    Launch launch{};
    launch.call.kernel = kernel;
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = read_config(*config, &launch);
    if (error != cudaSuccess)
        return done(error);
    *size = device().properties.clusterLaunch != 0 ? 8 : 1;
    while (*size > 0 && clusters_at_once(kernel, static_cast<int>(volume(launch.block)),
                                         launch.dynamic_bytes, static_cast<unsigned>(*size)) == 0)
        --*size;
    return done(error);
}
