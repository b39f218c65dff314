/* Sets the state of some streams to zero, one block per stream. */
#include "cuda.cuh"

enum { ZERO_THREADS = 128 };

__global__ void __launch_bounds__(ZERO_THREADS) zero_rows_kernel(lyrnn_zero_rows_args args)
{
    if (args.chosen[blockIdx.x] == 0)
        return;
    float *row = args.rows + (size_t)blockIdx.x * (size_t)args.stride;
    for (int i = (int)threadIdx.x; i < args.H; i += ZERO_THREADS)
        row[i] = 0.0f;
}

extern "C" void lyrnn_cuda_zero_rows(lyrnn_backend *self, const lyrnn_zero_rows_args *args)
{
    lyrnn_cuda_launch(self, zero_rows_kernel, dim3((unsigned)args->B), ZERO_THREADS, 0, *args);
}
