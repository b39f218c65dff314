/* Initial weights from U(-bound, bound) by cuRAND's Philox. Each number has its own generator, set
 * to its position, so that the CPU draws the same numbers. */
#include "cuda.cuh"

#include <curand_kernel.h>

__global__ void init_uniform_kernel(lyrnn_init_uniform_args args)
{
    size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= args.count)
        return;
    curandStatePhilox4_32_10_t generator;
    curand_init(args.seed, args.purpose, args.position + i, &generator);
    args.values[i] = (2.0f * curand_uniform(&generator) - 1.0f) * args.bound;
}

extern "C" void lyrnn_cuda_init_uniform(lyrnn_backend *self, const lyrnn_init_uniform_args *args)
{
    enum { THREADS = 256 };
    lyrnn_cuda_launch(self, init_uniform_kernel, dim3(lyrnn_cuda_blocks(args->count, THREADS)),
                      THREADS, 0, *args);
}
