#include "occupancy.h"

#include <cstdlib>

#include <cuda_occupancy.h>

int blocks_per_sm(const card &c, const block_needs &needs)
{
    const size_t default_bytes = 48 * 1024;
    const capability_limits &limits = limits_of(c);
    cudaOccDeviceProp device;
    device.computeMajor = c.capability / 10;
    device.computeMinor = c.capability % 10;
    device.maxThreadsPerBlock = 1024;
    device.maxThreadsPerMultiprocessor = limits.threads_per_sm;
    device.regsPerBlock = device.regsPerMultiprocessor = limits.registers_per_sm;
    device.warpSize = 32;
    device.sharedMemPerBlock = default_bytes;
    device.sharedMemPerMultiprocessor = limits.shared_per_sm;
    device.numSms = c.num_sms;
    device.sharedMemPerBlockOptin = limits.shared_per_block;
    device.reservedSharedMemPerBlock = limits.reserved_per_block;
    cudaOccFuncAttributes function;
    function.maxThreadsPerBlock = 1024;
    function.numRegs = needs.registers;
    function.sharedSizeBytes = needs.static_bytes;
    function.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
    function.maxDynamicSharedSizeBytes =
        needs.dynamic_bytes > default_bytes ? limits.shared_per_block : default_bytes;
    function.numBlockBarriers = 1;
    const cudaOccDeviceState state;
    cudaOccResult result;
    if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &function, &state, needs.threads,
                                                needs.dynamic_bytes) != CUDA_OCC_SUCCESS)
        abort();
    return result.activeBlocksPerMultiprocessor;
}
