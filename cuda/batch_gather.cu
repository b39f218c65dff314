/* Cuts the next batch out of the corpus. The cursor is in device memory, so that a recorded step
 * finds the next batch at each replay. */
#include "cuda.cuh"

#include "reduce.cuh"

enum { GATHER_THREADS = 512 };

/* One block does everything, because no other block may still read the cursor when it moves. A warp
 * takes a time step. */
__global__ void __launch_bounds__(GATHER_THREADS) batch_gather_kernel(lyrnn_batch_gather_args args)
{
    LYRNN_DYNAMIC_SHARED(int, parts); /* (warps) */
    const lyrnn_chunk *row = args.chunks + args.counters->batch * args.num_streams;
    int num_targets = 0;
    for (int t = (int)threadIdx.x / LYRNN_WARP; t < args.T; t += GATHER_THREADS / LYRNN_WARP) {
        for (int b = (int)threadIdx.x % LYRNN_WARP; b < args.B; b += LYRNN_WARP) {
            lyrnn_chunk chunk = row[args.first_stream + b];
            bool is_padding = t >= chunk.num_targets;
            args.inputs[t * args.B + b] = is_padding ? 0 : args.ids[chunk.start + t];
            args.targets[t * args.B + b] =
                is_padding ? LYRNN_IGNORED_TARGET : args.ids[chunk.start + t + 1];
            if (t == 0)
                args.from_zero[b] = chunk.from_zero;
        }
    }
    for (int b = (int)threadIdx.x; b < args.num_streams; b += GATHER_THREADS)
        num_targets += row[b].num_targets;
    num_targets = block_reduce(num_targets, parts, [](int a, int b) { return a + b; });
    if (threadIdx.x != 0)
        return;
    args.counters->num_targets = num_targets;
    args.counters->batch += args.is_last;
}

extern "C" void lyrnn_cuda_batch_gather(lyrnn_backend *self, const lyrnn_batch_gather_args *args)
{
    lyrnn_cuda_launch(self, batch_gather_kernel, dim3(1), GATHER_THREADS,
                      GATHER_THREADS / LYRNN_WARP * sizeof(int), *args);
}
