/* The device that the environment describes, errors and counters. The limits are those of NVIDIA's
 * tables of compute capabilities. */
#include "device.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "fault.h"
#include "occupancy.h"
#include "queue.h"
#include "resources.h"
#include "scheduler.h"

namespace sim
{

lyrnn_sim_counters counters;

static Device the_device;
static bool is_read;
static int device_in_use;
static cudaError_t fault, last_error;

static size_t number_from(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    return text != nullptr && *text != '\0' ? strtoull(text, nullptr, 0) : otherwise;
}

struct Generation {
    int capability, threads_per_sm, blocks_per_sm;
    size_t shared_per_block_kib, shared_per_sm_kib;
};

static const Generation generations[] = {
    {75, 1024, 16, 64, 64},   {80, 2048, 32, 163, 164}, {86, 1536, 16, 99, 100},
    {89, 1536, 24, 99, 100},  {90, 2048, 32, 227, 228}, {100, 2048, 32, 227, 228},
    {120, 1536, 24, 99, 100},
};

static Generation generation_of(int capability)
{
    for (const Generation &generation : generations)
        if (generation.capability == capability)
            return generation;
    fprintf(stderr, "lyrnn_sim: LYRNN_SIM_CAPABILITY=%d is not one that is known\n", capability);
    abort();
}

static void describe_device(Device *described)
{
    const Generation g = generation_of(static_cast<int>(number_from("LYRNN_SIM_CAPABILITY", 90)));
    const char *gpcs = getenv("LYRNN_SIM_GPCS");
    const bool has_gpcs = gpcs != nullptr && *gpcs != '\0';
    const int num_sms = static_cast<int>(number_from("LYRNN_SIM_SMS", has_gpcs ? 0 : 132));
    described->gpcs = gpcs_from(gpcs, num_sms);
    cudaDeviceProp *p = &described->properties;
    *p = cudaDeviceProp{};
    const char *name = getenv("LYRNN_SIM_NAME");
    snprintf(p->name, sizeof p->name, "%s", name != nullptr ? name : "lyrnn CUDA simulator");
    p->totalGlobalMem = number_from("LYRNN_SIM_MEMORY", size_t{16} << 30);
    p->sharedMemPerBlock = 48 << 10;
    p->sharedMemPerBlockOptin = g.shared_per_block_kib << 10;
    p->sharedMemPerMultiprocessor = g.shared_per_sm_kib << 10;
    p->reservedSharedMemPerBlock = g.capability >= 80 ? 1024 : 0;
    p->totalConstMem = 64 << 10;
    p->regsPerBlock = p->regsPerMultiprocessor = 65536;
    p->warpSize = 32;
    p->maxThreadsPerBlock = 1024;
    p->maxThreadsPerMultiProcessor = g.threads_per_sm;
    p->maxBlocksPerMultiProcessor = g.blocks_per_sm;
    p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
    p->maxThreadsDim[2] = 64;
    p->maxGridSize[0] = 0x7fffffff;
    p->maxGridSize[1] = p->maxGridSize[2] = 65535;
    p->major = g.capability / 10;
    p->minor = g.capability % 10;
    p->multiProcessorCount = std::accumulate(described->gpcs.begin(), described->gpcs.end(), 0);
    p->l2CacheSize = 50 << 20;
    p->memoryBusWidth = 5120;
    p->cooperativeLaunch = 1;
    p->clusterLaunch = g.capability >= 90;
    p->concurrentKernels = 1;
}

void read_environment()
{
    the_device.num_devices = static_cast<int>(number_from("LYRNN_SIM_DEVICES", 1));
    the_device.driver_version = static_cast<int>(number_from("LYRNN_SIM_DRIVER", CUDART_VERSION));
    const char *kernels = getenv("LYRNN_SIM_KERNELS");
    the_device.runs_ptx = kernels != nullptr && strcmp(kernels, "ptx") == 0;
    if (kernels != nullptr && !the_device.runs_ptx && strcmp(kernels, "source") != 0) {
        fprintf(stderr, "lyrnn_sim: LYRNN_SIM_KERNELS=%s is neither source nor ptx\n", kernels);
        abort();
    }
    the_device.eager = number_from("LYRNN_SIM_EAGER", 0) != 0;
    the_device.most_pending = number_from("LYRNN_SIM_PENDING", 1024);
    the_device.cublaslt = static_cast<int>(number_from("LYRNN_SIM_CUBLASLT", 1));
    read_fault();
    describe_device(&the_device);
    read_resources(the_device.properties.major * 10 + the_device.properties.minor);
    set_seed(number_from("LYRNN_SIM_SEED", 0));
    is_read = true;
}

const Device &device()
{
    if (!is_read)
        read_environment();
    return the_device;
}

cudaError_t device_error()
{
    if (device().driver_version < CUDART_VERSION)
        return cudaErrorInsufficientDriver;
    if (device().num_devices == 0)
        return cudaErrorNoDevice;
    return fault;
}

cudaError_t done(cudaError_t error)
{
    if (error != cudaSuccess && error != cudaErrorNotReady)
        last_error = error;
    return error;
}

void fail_device(cudaError_t error)
{
    if (fault == cudaSuccess)
        fault = error;
}

void forget_errors()
{
    fault = last_error = cudaSuccess;
}

static cudaError_t attribute_value(int *value, cudaDeviceAttr attribute)
{
    const cudaDeviceProp &p = device().properties;
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        return *value = p.maxThreadsPerBlock, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        return *value = static_cast<int>(p.sharedMemPerBlock), cudaSuccess;
    case cudaDevAttrWarpSize:
        return *value = p.warpSize, cudaSuccess;
    case cudaDevAttrMaxRegistersPerBlock:
        return *value = p.regsPerBlock, cudaSuccess;
    case cudaDevAttrClockRate:
        return *value = 1755000, cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
        return *value = p.multiProcessorCount, cudaSuccess;
    case cudaDevAttrL2CacheSize:
        return *value = p.l2CacheSize, cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        return *value = p.maxThreadsPerMultiProcessor, cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        return *value = p.major, cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        return *value = p.minor, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        return *value = static_cast<int>(p.sharedMemPerMultiprocessor), cudaSuccess;
    case cudaDevAttrMaxRegistersPerMultiprocessor:
        return *value = p.regsPerMultiprocessor, cudaSuccess;
    case cudaDevAttrCooperativeLaunch:
        return *value = p.cooperativeLaunch, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return *value = static_cast<int>(p.sharedMemPerBlockOptin), cudaSuccess;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
        return *value = p.maxBlocksPerMultiProcessor, cudaSuccess;
    case cudaDevAttrReservedSharedMemoryPerBlock:
        return *value = static_cast<int>(p.reservedSharedMemPerBlock), cudaSuccess;
    case cudaDevAttrClusterLaunch:
        return *value = p.clusterLaunch, cudaSuccess;
    }
    return cudaErrorInvalidValue;
}

} // namespace sim

using namespace sim;

const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
#define LYRNN_SIM_CASE(name, value, text)                                                          \
    case name:                                                                                     \
        return #name;
        LYRNN_SIM_CUDA_ERRORS(LYRNN_SIM_CASE)
#undef LYRNN_SIM_CASE
    }
    return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
#define LYRNN_SIM_CASE(name, value, text)                                                          \
    case name:                                                                                     \
        return text;
        LYRNN_SIM_CUDA_ERRORS(LYRNN_SIM_CASE)
#undef LYRNN_SIM_CASE
    }
    return "unrecognized error code";
}

cudaError_t cudaPeekAtLastError()
{
    cudaError_t error = device_error();
    return error != cudaSuccess ? error : last_error;
}

cudaError_t cudaGetLastError()
{
    cudaError_t error = cudaPeekAtLastError();
    last_error = cudaSuccess;
    return error;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 0;
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        *count = device().num_devices;
    return done(error);
}

cudaError_t cudaGetDevice(int *number)
{
    *number = device_in_use;
    return done(device_error());
}

static cudaError_t check_number(int number)
{
    cudaError_t error = device_error();
    bool is_one = number >= 0 && number < device().num_devices;
    return error == cudaSuccess && !is_one ? cudaErrorInvalidDevice : error;
}

/* A process uses one of the devices, which only differ in their place on the bus. */
cudaError_t cudaSetDevice(int number)
{
    cudaError_t error = check_number(number);
    if (error == cudaSuccess)
        device_in_use = number;
    return done(error);
}

cudaError_t cudaSetDeviceFlags(unsigned)
{
    return done(device_error());
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int number)
{
    cudaError_t error = check_number(number);
    if (error == cudaSuccess) {
        *properties = device().properties;
        properties->pciBusID = number + 1;
        properties->uuid.bytes[0] = static_cast<char>(number + 1);
    }
    return done(error);
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int number)
{
    cudaError_t error = check_number(number);
    return done(error == cudaSuccess ? attribute_value(value, attribute) : error);
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = device().driver_version;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

extern "C" lyrnn_sim_counters lyrnn_sim_read_counters(void)
{
    return counters;
}

extern "C" void lyrnn_sim_reset_counters(void)
{
    counters = lyrnn_sim_counters{};
}

extern "C" void lyrnn_sim_reset(void)
{
    drop_queue();
    forget_errors();
    read_environment();
}
