/* Adds the losses of a batch to the counters. */
#include "cuda.cuh"

#include <math.h>

#include "reduce.cuh"

enum { COUNT_THREADS = 256 };

/* One block adds up the losses in a fixed order and updates the counters. */
__global__ void __launch_bounds__(COUNT_THREADS) count_losses_kernel(lyrnn_count_losses_args args)
{
    LYRNN_DYNAMIC_SHARED(double, parts); /* (warps) */
    double sum = 0.0, count = 0.0; /* a double counts exactly, and shares the scratch memory */
    for (int m = (int)threadIdx.x; m < args.M; m += COUNT_THREADS) {
        sum += (double)args.losses[m];
        count += args.targets[m] == LYRNN_IGNORED_TARGET ? 0.0 : 1.0;
    }
    sum = block_reduce(sum, parts, [](double a, double b) { return a + b; });
    count = block_reduce(count, parts, [](double a, double b) { return a + b; });
    if (threadIdx.x != 0)
        return;
    args.counters->loss_sum += sum;
    args.counters->loss_count += (int64_t)count;
    if (!isfinite(sum) && args.counters->bad_step == 0)
        args.counters->bad_step = args.counters->step + 1;
}

extern "C" void lyrnn_cuda_count_losses(lyrnn_backend *self, const lyrnn_count_losses_args *args)
{
    lyrnn_cuda_launch(self, count_losses_kernel, dim3(1), COUNT_THREADS,
                      COUNT_THREADS / LYRNN_WARP * sizeof(double), *args);
}
