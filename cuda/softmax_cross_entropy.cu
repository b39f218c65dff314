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

/* What x is compared with. Impossible characters have the logit -infinity. If all of a part are
 * impossible, x - max must not be NaN. */
__device__ __forceinline__ float base_of(float max)
{
    return max == -INFINITY ? 0.0f : max;
}

__device__ __forceinline__ scaled_sum combine_sums(scaled_sum a, scaled_sum b)
{
    float max = fmaxf(a.max, b.max), base = base_of(max);
    return scaled_sum{max, a.sum * expf(a.max - base) + b.sum * expf(b.max - base)};
}

/* Adds the NUM logits of one group. */
template <int NUM>
__device__ __forceinline__ scaled_sum add_group(scaled_sum total, const float_group<NUM> &logits)
{
    float max = total.max;
#pragma unroll
    for (int k = 0; k < NUM; k++)
        max = fmaxf(max, logits.at[k]);
    float base = base_of(max), sum = total.sum * expf(total.max - base);
#pragma unroll
    for (int k = 0; k < NUM; k++)
        sum += expf(logits.at[k] - base);
    return scaled_sum{max, sum};
}

/* Calls visit(group, first id) with this thread's groups of NUM logits, then with those at the end
 * of the row that fill no group. */
template <int NUM, typename Visit>
__device__ __forceinline__ void for_each_group(float *row, int V, Visit visit)
{
    int num_groups = V / NUM, rest = num_groups * NUM + (int)threadIdx.x;
    for (int i = (int)threadIdx.x; i < num_groups; i += ROW_THREADS)
        visit(reinterpret_cast<float_group<NUM> *>(row)[i], i * NUM);
    if (rest < V)
        visit(*reinterpret_cast<float_group<1> *>(row + rest), rest);
}

/* Replaces one row of logits by their gradient times scale, and returns its loss. */
template <int NUM>
__device__ __forceinline__ float row_loss(float *row, int V, int target, float scale,
                                          scaled_sum *parts)
{
    if (target == LYRNN_IGNORED_TARGET) {
        for_each_group<NUM>(row, V, [](auto &logits, int) { logits = {}; });
        return 0.0f;
    }
    float target_logit = row[target];
    scaled_sum total = {-INFINITY, 0.0f};
    for_each_group<NUM>(row, V, [&](auto logits, int) { total = add_group(total, logits); });
    total = block_reduce(total, parts, combine_sums);
    float factor = __fdividef(scale, total.sum);
    for_each_group<NUM>(row, V, [&](auto &logits, int first) {
        auto gradient = logits;
        int k = 0;
        for (float &x : gradient.at)
            x = expf(x - total.max) * factor - (first + k++ == target ? scale : 0.0f);
        logits = gradient;
    });
    return logf(total.sum) + (total.max - target_logit);
}

/* NUM: as many logits are loaded at once, 4 if the rows are aligned to that. */
template <int NUM>
__global__ void __launch_bounds__(ROW_THREADS)
    softmax_cross_entropy_kernel(lyrnn_softmax_cross_entropy_args args)
{
    LYRNN_DYNAMIC_SHARED(scaled_sum, parts); /* (warps) */
    float *row = args.logits + (size_t)blockIdx.x * (size_t)args.logits_stride;
    int64_t num_targets = args.counters->num_targets;
    float scale = __fdividef(1.0f, (float)(num_targets > 0 ? num_targets : args.M));
    float loss = row_loss<NUM>(row, args.V, args.targets[blockIdx.x], scale, parts);
    if (threadIdx.x == 0)
        args.losses[blockIdx.x] = loss;
}

extern "C" void lyrnn_cuda_softmax_cross_entropy(lyrnn_backend *self,
                                                 const lyrnn_softmax_cross_entropy_args *args)
{
    bool is_aligned = args->logits_stride % 4 == 0 && (uintptr_t)args->logits % 16 == 0;
    lyrnn_cuda_launch(
        self, is_aligned ? softmax_cross_entropy_kernel<4> : softmax_cross_entropy_kernel<1>,
        dim3((unsigned)args->M), ROW_THREADS, ROW_THREADS / LYRNN_WARP * sizeof(scaled_sum), *args);
}
