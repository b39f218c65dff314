/* Adds the losses of a batch to the counters. */
#include "cuda.cuh"

#include <math.h>

#include "reduce.cuh"

enum { COUNT_THREADS = 256 };

typedef struct {
    precise_sum losses[LYRNN_WARP];
    int counts[LYRNN_WARP];
} count_memory;

/* One block adds up the losses in a fixed order and updates the counters. */
__global__ void __launch_bounds__(COUNT_THREADS) count_losses_kernel(lyrnn_count_losses_args args)
{
    LYRNN_DYNAMIC_SHARED(count_memory, memory);
    precise_sum sum = {0.0f, 0.0f};
    int count = 0;
    for (int m = (int)threadIdx.x; m < args.M; m += COUNT_THREADS) {
        sum = add_sums(sum, precise_sum{args.losses[m], 0.0f});
        count += args.targets[m] != LYRNN_IGNORED_TARGET;
    }
    sum = block_reduce(sum, memory->losses, add_sums);
    count = block_reduce(count, memory->counts, [](int a, int b) { return a + b; });
    if (threadIdx.x != 0)
        return;
    args.counters->loss_sum += value_of(sum);
    args.counters->loss_count += count;
    if (!isfinite(sum.high) && args.counters->bad_step == 0)
        args.counters->bad_step = args.counters->step + 1;
}

extern "C" void lyrnn_cuda_count_losses(lyrnn_backend *self, const lyrnn_count_losses_args *args)
{
    lyrnn_cuda_launch(self, count_losses_kernel, dim3(1), COUNT_THREADS, sizeof(count_memory),
                      *args);
}
