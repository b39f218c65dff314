/* Cuts the next batch out of the corpus. The cursor is in device memory, so that a recorded step
 * finds the next batch at each replay. */
#include "cuda.cuh"

#include "reduce.cuh"

enum { GATHER_THREADS = 256 };

__global__ void __launch_bounds__(GATHER_THREADS) batch_gather_kernel(lyrnn_batch_gather_args args)
{
    unsigned m = blockIdx.x * blockDim.x + threadIdx.x;
    if (m >= (unsigned)args.T * (unsigned)args.B)
        return;
    unsigned t = m / (unsigned)args.B, b = m % (unsigned)args.B;
    lyrnn_chunk chunk =
        args.chunks[args.counters->batch * args.num_streams + args.first_stream + (int)b];
    bool is_padding = (int)t >= chunk.num_targets;
    args.inputs[m] = is_padding ? 0 : args.ids[chunk.start + t];
    args.targets[m] = is_padding ? LYRNN_IGNORED_TARGET : args.ids[chunk.start + t + 1];
    if (t == 0)
        args.from_zero[b] = chunk.from_zero;
}

/* One block counts the targets and moves the cursor. This is a separate kernel because no block may
 * move the cursor while another still reads it. */
__global__ void __launch_bounds__(GATHER_THREADS) next_batch_kernel(lyrnn_batch_gather_args args)
{
    LYRNN_DYNAMIC_SHARED(int, parts); /* (warps) */
    const lyrnn_chunk *chunks = args.chunks + args.counters->batch * args.num_streams;
    int num_targets = 0;
    for (int b = (int)threadIdx.x; b < args.num_streams; b += GATHER_THREADS)
        num_targets += chunks[b].num_targets;
    num_targets = block_reduce(num_targets, parts, [](int a, int b) { return a + b; });
    if (threadIdx.x != 0)
        return;
    args.counters->num_targets = num_targets;
    args.counters->batch += args.is_last;
}

extern "C" void lyrnn_cuda_batch_gather(lyrnn_backend *self, const lyrnn_batch_gather_args *args)
{
    unsigned blocks = lyrnn_cuda_blocks((size_t)args->T * (size_t)args->B, GATHER_THREADS);
    lyrnn_cuda_launch(self, batch_gather_kernel, dim3(blocks), GATHER_THREADS, 0, *args);
    lyrnn_cuda_launch(self, next_batch_kernel, dim3(1), GATHER_THREADS,
                      GATHER_THREADS / LYRNN_WARP * sizeof(int), *args);
}
