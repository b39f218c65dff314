/* What planted.cu and planted_calls.cu share: a device array, and the rows of their tables. */
#ifndef LYRNN_SIM_PLANTED_TABLE_H
#define LYRNN_SIM_PLANTED_TABLE_H

#include <cuda_runtime.h>

#include "planted.h"

enum { COUNT = 256, THREADS = 64 };

static inline float *floats_on_device(bool written)
{
    float *memory = NULL;
    cudaMalloc(&memory, COUNT * sizeof *memory);
    if (written)
        cudaMemset(memory, 0, COUNT * sizeof *memory);
    return memory;
}

/* How a defect is found: only with hooks, with hooks or AddressSanitizer, or in every build. */
#define HOOKS 1, 0
#define ASAN  1, 1
#define BOTH  0, 0
#define ROW(name, defect, how)                                                                     \
    {                                                                                              \
#name, defect, defect, how, run_##name                                                     \
    }
#define ROW2(name, defect, other, how)                                                             \
    {                                                                                              \
#name, defect, other, how, run_##name                                                      \
    }

#endif
