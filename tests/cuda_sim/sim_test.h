/* What the tests of the simulator share: cmocka for C++, device arrays, streams and events made
 * with one call, and a report hook. */
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

static inline cudaStream_t open_stream(int priority = 0)
{
    cudaStream_t stream;
    OK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority));
    return stream;
}

static inline cudaEvent_t open_event()
{
    cudaEvent_t event;
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    return event;
}

/* Later work in `behind` waits for the work in `ahead` so far. */
static inline void order_after(cudaStream_t behind, cudaStream_t ahead, cudaEvent_t event)
{
    OK(cudaEventRecord(event, ahead));
    OK(cudaStreamWaitEvent(behind, event));
}

/* The last defect, if the report hook is `remember`. */
static lyrnn_sim_defect reported;
static char reported_text[1024];
static inline void remember(lyrnn_sim_defect defect, const char *text)
{
    reported = defect;
    snprintf(reported_text, sizeof reported_text, "%s", text);
}

static inline void expect_report(lyrnn_sim_defect defect, const char *part)
{
    assert_string_equal(lyrnn_sim_defect_name(reported), lyrnn_sim_defect_name(defect));
    if (strstr(reported_text, part) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", reported_text, part);
    reported = LYRNN_SIM_NO_DEFECT;
    lyrnn_sim_reset();
}

#endif
