/* Inverted dropout: y = keep x / (1 - p). Forward and backward draw the same keep from Philox.
 * Philox makes blocks of four numbers, and a thread takes one block. A range may begin and end in
 * the middle of a block. */
#include "cuda.cuh"

#include <curand_kernel.h>

#include "lyrnn/philox.h"

__global__ void dropout_kernel(lyrnn_dropout_args args)
{
    size_t block = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    uint64_t position = (uint64_t)args.counters->step * args.per_step + args.position;
    size_t lead = (size_t)(position % 4), num_blocks = (lead + args.count + 3) / 4;
    if (block >= num_blocks)
        return;
    float scale = args.p < 1.0f ? 1.0f / (1.0f - args.p) : 0.0f;
    curandStatePhilox4_32_10_t generator;
    curand_init(args.seed, LYRNN_PURPOSE_DROPOUT, position / 4 * 4 + 4 * block, &generator);
    for (size_t word = 0; word < 4; word++) {
        float uniform = curand_uniform(&generator);
        size_t i = 4 * block + word - lead; /* before the range: wraps around, beyond count */
        if (i < args.count)
            args.y[i] = uniform > args.p ? args.x[i] * scale : 0.0f;
    }
}

extern "C" void lyrnn_cuda_dropout(lyrnn_backend *self, const lyrnn_dropout_args *args)
{
    enum { THREADS = 256 };
    /* Only the device knows the step, and so where in a block the range begins. One block more than
     * count fills covers every case. */
    unsigned blocks = lyrnn_cuda_blocks(args->count / 4 + 2, THREADS);
    lyrnn_cuda_launch(self, dropout_kernel, dim3(blocks), THREADS, 0, *args);
}
