/* Cuts the next batch out of the corpus. The cursor is in device memory, so that a recorded step
 * finds the next batch at each replay. */
#include "cuda.cuh"

__global__ void batch_gather_kernel(lyrnn_batch_gather_args args)
{
    unsigned m = blockIdx.x * blockDim.x + threadIdx.x;
    if (m >= (unsigned)args.T * (unsigned)args.B)
        return;
    unsigned t = m / (unsigned)args.B, b = m % (unsigned)args.B;
    int64_t start = args.starts[args.counters->batch * args.B + b];
    args.inputs[m] = args.ids[start + t];
    args.targets[m] = args.ids[start + t + 1];
}

/* This is a separate kernel because no block may move the cursor while another still reads it. */
__global__ void next_batch_kernel(lyrnn_counters *counters)
{
    counters->batch++;
}

extern "C" void lyrnn_cuda_batch_gather(lyrnn_backend *self, const lyrnn_batch_gather_args *args)
{
    enum { THREADS = 256 };
    unsigned blocks = lyrnn_cuda_blocks((size_t)args->T * (size_t)args->B, THREADS);
    lyrnn_cuda_launch(self, batch_gather_kernel, dim3(blocks), THREADS, 0, *args);
    lyrnn_cuda_launch(self, next_batch_kernel, dim3(1), 1, 0, args->counters);
}
