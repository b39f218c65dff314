/* Inverted dropout: y = keep x / (1 - p). Forward and backward draw the same keep from Philox.
 * Philox makes blocks of four numbers, and a thread takes one block of one row. A row may begin and
 * end in the middle of a block. */
#include "cuda.cuh"

#include <curand_kernel.h>

#include "lyrnn/philox.h"

enum { DROPOUT_THREADS = 256 };

/* The rows of blocks that a grid may have (CUDA Programming Guide, compute capabilities). */
static const unsigned max_grid_rows = 65535;

__global__ void __launch_bounds__(DROPOUT_THREADS) dropout_kernel(lyrnn_dropout_args args)
{
    size_t block = (size_t)blockIdx.x * DROPOUT_THREADS + threadIdx.x;
    float scale = args.p < 1.0f ? 1.0f / (1.0f - args.p) : 0.0f;
    for (unsigned t = blockIdx.y; t < (unsigned)args.T; t += gridDim.y) {
        uint64_t place = (uint64_t)args.counters->step * args.per_step + args.position +
                         (uint64_t)t * args.mask_stride;
        size_t lead = (size_t)(place % 4), num_blocks = (lead + args.count + 3) / 4;
        if (block >= num_blocks)
            continue;
        const float *x = args.x + (size_t)t * args.count;
        float *y = args.y + (size_t)t * args.count;
        curandStatePhilox4_32_10_t generator;
        curand_init(args.seed, args.purpose, place / 4 * 4 + 4 * block, &generator);
        for (size_t word = 0; word < 4; word++) {
            float uniform = curand_uniform(&generator);
            size_t i = 4 * block + word - lead; /* before the row: wraps around, beyond count */
            if (i < args.count)
                y[i] = uniform > args.p ? x[i] * scale : 0.0f;
        }
    }
}

extern "C" void lyrnn_cuda_dropout(lyrnn_backend *self, const lyrnn_dropout_args *args)
{
    /* A row begins with the number of a block that only the device knows, from the step. One block
     * more than count fills covers every case. */
    unsigned blocks = lyrnn_cuda_blocks(args->count / 4 + 2, DROPOUT_THREADS);
    unsigned T = (unsigned)args->T, rows = T < max_grid_rows ? T : max_grid_rows;
    lyrnn_cuda_launch(self, dropout_kernel, dim3(blocks, rows), DROPOUT_THREADS, 0, *args);
}
