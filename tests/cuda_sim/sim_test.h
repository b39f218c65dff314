/* What the tests of the simulator share: cmocka for C++, and device arrays made with one call. */
#ifndef LYRNN_SIM_TEST_H
#define LYRNN_SIM_TEST_H

#include <cuda_runtime.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include <cmocka.h>
}

#include "lyrnn_sim.h"

#define SEEDS                                                                                      \
    {                                                                                              \
        0, 1, 2, 3, 20261123                                                                       \
    }

static inline void check_cuda(cudaError_t error, int line)
{
    if (error != cudaSuccess)
        fail_msg("line %d: %s", line, cudaGetErrorString(error));
}
#define OK(call) check_cuda(call, __LINE__)

template <typename T> T *device_array(size_t count)
{
    T *memory = NULL;
    OK(cudaMalloc(&memory, count * sizeof(T)));
    return memory;
}

template <typename T> T *device_copy(const T *host, size_t count)
{
    T *memory = device_array<T>(count);
    OK(cudaMemcpy(memory, host, count * sizeof(T), cudaMemcpyHostToDevice));
    return memory;
}

template <typename T> void download(T *host, const T *memory, size_t count)
{
    OK(cudaMemcpy(host, memory, count * sizeof(T), cudaMemcpyDeviceToHost));
}

static inline cudaLaunchConfig_t shape(unsigned blocks, unsigned threads, size_t dynamic_bytes = 0)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = dynamic_bytes;
    return config;
}

static inline cudaLaunchAttribute cooperative()
{
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeCooperative;
    attribute.val.cooperative = 1;
    return attribute;
}

static inline cudaLaunchAttribute cluster_of(unsigned blocks)
{
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = blocks;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    return attribute;
}

#endif
