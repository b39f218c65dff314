/* Adds one flat buffer to another. */
#include "cuda.cuh"

__global__ void add_kernel(lyrnn_add_args args)
{
    size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < args.count)
        args.sum[i] += args.values[i];
}

extern "C" void lyrnn_cuda_add(lyrnn_backend *self, const lyrnn_add_args *args)
{
    enum { THREADS = 256 };
    lyrnn_cuda_launch(self, add_kernel, dim3(lyrnn_cuda_blocks(args->count, THREADS)), THREADS, 0,
                      *args);
}
