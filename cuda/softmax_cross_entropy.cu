/* Softmax and cross-entropy, one block per row:
 *     loss = max + log(sum e^(x - max)) - x[target],  dx = (softmax(x) - onehot(target)) / n
 * n is the number of targets that are not ignored; rows of ignored targets become zero. The first
 * pass reads the row and keeps a running maximum with the sum rescaled to it. The second pass
 * writes the gradient over the logits. Any V works, and logits of any size. */
#include "cuda.cuh"

#include <math.h>

#include "reduce.cuh"

enum { ROW_THREADS = 256 };

/* The sum of e^(x - max) over a part of a row. */
typedef struct {
    float max, sum;
} scaled_sum;

__device__ __forceinline__ scaled_sum combine_sums(scaled_sum a, scaled_sum b)
{
    if (a.max < b.max) {
        scaled_sum larger = b;
        b = a;
        a = larger;
    }
    /* A part whose sum is 0 may have max = -inf, and -inf - -inf would be NaN. */
    if (b.sum != 0.0f)
        a.sum += b.sum * expf(b.max - a.max);
    return a;
}

/* The sum of one logit. An impossible character has the logit -inf, which adds nothing. */
__device__ __forceinline__ scaled_sum sum_of(float logit)
{
    return scaled_sum{logit, logit == -INFINITY ? 0.0f : 1.0f};
}

__global__ void __launch_bounds__(ROW_THREADS)
    softmax_cross_entropy_kernel(lyrnn_softmax_cross_entropy_args args)
{
    LYRNN_DYNAMIC_SHARED(scaled_sum, parts); /* (warps) */
    float *row = args.logits + (size_t)blockIdx.x * (size_t)args.V;
    int target = args.targets[blockIdx.x];
    if (target == LYRNN_IGNORED_TARGET) {
        for (int v = (int)threadIdx.x; v < args.V; v += ROW_THREADS)
            row[v] = 0.0f;
        if (threadIdx.x == 0)
            args.losses[blockIdx.x] = 0.0f;
        return;
    }
    float target_logit = row[target];
    scaled_sum total = {-INFINITY, 0.0f};
    for (int v = (int)threadIdx.x; v < args.V; v += ROW_THREADS)
        total = combine_sums(total, sum_of(row[v]));
    for (int offset = LYRNN_WARP / 2; offset > 0; offset /= 2) {
        scaled_sum other = {__shfl_xor_sync(0xffffffffu, total.max, offset),
                            __shfl_xor_sync(0xffffffffu, total.sum, offset)};
        total = combine_sums(total, other);
    }
    if (threadIdx.x % LYRNN_WARP == 0)
        parts[threadIdx.x / LYRNN_WARP] = total;
    __syncthreads();
    total = parts[0];
    for (int w = 1; w < ROW_THREADS / LYRNN_WARP; w++)
        total = combine_sums(total, parts[w]);

    int64_t num_targets = args.counters->num_targets;
    float scale = 1.0f / (float)(num_targets > 0 ? num_targets : args.M);
    float factor = scale / total.sum;
    for (int v = (int)threadIdx.x; v < args.V; v += ROW_THREADS)
        row[v] = expf(row[v] - total.max) * factor - (v == target ? scale : 0.0f);
    if (threadIdx.x == 0)
        args.losses[blockIdx.x] = logf(total.sum) + (total.max - target_logit);
}

extern "C" void lyrnn_cuda_softmax_cross_entropy(lyrnn_backend *self,
                                                 const lyrnn_softmax_cross_entropy_args *args)
{
    const size_t warps = ROW_THREADS / LYRNN_WARP;
    lyrnn_cuda_launch(self, softmax_cross_entropy_kernel, dim3((unsigned)args->M), ROW_THREADS,
                      warps * sizeof(scaled_sum), *args);
}
