/* Adds the losses of a batch to the counters, or keeps their sum apart; and adds the sums of all
 * shards to the counters. */
#include "cuda.cuh"

#include <math.h>

#include "reduce.cuh"

enum { COUNT_THREADS = 256 };

typedef struct {
    precise_sum losses[LYRNN_WARP];
    int counts[LYRNN_WARP];
} count_memory;

static __device__ void add_to_counters(lyrnn_counters *counters, precise_sum sum)
{
    counters->loss_sum += value_of(sum);
    if (!isfinite(sum.high) && counters->bad_step == 0)
        counters->bad_step = counters->step + 1;
}

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
    if (args.parts != NULL) {
        args.parts[0] = sum.high;
        args.parts[1] = sum.low;
        args.parts[2] = 0.0f;
        return;
    }
    args.counters->loss_count += count;
    add_to_counters(args.counters, sum);
}

/* One thread adds the sums in the order of the shards. */
__global__ void count_shards_kernel(lyrnn_count_shards_args args)
{
    for (int i = 0; i < args.num; i++) {
        const float *parts = args.parts + (size_t)i * LYRNN_LOSS_PARTS;
        add_to_counters(args.counters, precise_sum{parts[0], parts[1]});
    }
    args.counters->loss_count += args.counters->num_targets;
}

extern "C" void lyrnn_cuda_count_losses(lyrnn_backend *self, const lyrnn_count_losses_args *args)
{
    lyrnn_cuda_launch(self, count_losses_kernel, dim3(1), COUNT_THREADS, sizeof(count_memory),
                      *args);
}

extern "C" void lyrnn_cuda_count_shards(lyrnn_backend *self, const lyrnn_count_shards_args *args)
{
    lyrnn_cuda_launch(self, count_shards_kernel, dim3(1), 1, 0, *args);
}
