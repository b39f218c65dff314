/* Global-norm clipping and AdamW (Loshchilov and Hutter 2019; without decay it is Adam, Kingma and
 * Ba 2015) as PyTorch computes them, in two kernels. In the first every block sums the squares of
 * its gradients, and the last block to finish adds up these sums and counts the step. Its first
 * thread works out every factor that the elements share. The second kernel updates the parameters.
 * The norm never visits the host.
 *
 * A square can leave the range of floats although the norm does not. So squares are summed in units
 * of 4^exponent. The exponent is that of the largest gradient up to then. */
#include "cuda.cuh"

#include <float.h>
#include <math.h>

#include <algorithm>

#include "reduce.cuh"

enum { ADAM_THREADS = 256, SQUARES_EACH = 8 };
static_assert((int)ADAM_THREADS == (int)LYRNN_CUDA_NORM_PARTS, "one thread per part");

/* adam, with the sums and what is computed on the host. */
typedef struct {
    lyrnn_clip_and_adam_args adam;
    lyrnn_cuda_sums *sums;
    float beta1, beta2, rest1, rest2, epsilon, average_decay; /* rest: 1 - beta */
    double log_beta1, log_beta2;
} adam_args;

typedef struct {
    lyrnn_cuda_squares squares[LYRNN_WARP];
    unsigned arrived;
} norm_memory;

/* 2^exponent; 0 below the range of normal floats. */
__device__ __forceinline__ float power_of_two(int exponent)
{
    return __uint_as_float((unsigned)max(exponent + 127, 0) << 23);
}

__device__ __forceinline__ lyrnn_cuda_squares add_squares(lyrnn_cuda_squares a,
                                                          lyrnn_cuda_squares b)
{
    int exponent = max(a.exponent, b.exponent);
    float a_scale = power_of_two(2 * (a.exponent - exponent));
    float b_scale = power_of_two(2 * (b.exponent - exponent));
    precise_sum sum = add_sums(precise_sum{a.high * a_scale, a.low * a_scale},
                               precise_sum{b.high * b_scale, b.low * b_scale});
    return lyrnn_cuda_squares{sum.high, sum.low, exponent};
}

/* Squares a thread's gradients from `first` on, ADAM_THREADS apart. */
__device__ __forceinline__ lyrnn_cuda_squares sum_squares(const lyrnn_clip_and_adam_args &adam,
                                                          size_t first)
{
    float values[SQUARES_EACH];
    unsigned largest = 0; /* the bits of its absolute value; NaN is the largest of all */
#pragma unroll
    for (int k = 0; k < SQUARES_EACH; k++) {
        size_t i = first + (size_t)k * ADAM_THREADS;
        values[k] = i < adam.count ? adam.grads[i] : 0.0f;
        largest = max(largest, __float_as_uint(values[k]) & 0x7fffffffu);
    }
    int exponent = min(max((int)(largest >> 23), 1), 253) - 127;
    float scale = power_of_two(-exponent);
    precise_sum sum = {0.0f, 0.0f};
#pragma unroll
    for (int k = 0; k < SQUARES_EACH; k++) {
        float value = values[k] * scale, square = value * value;
        sum = add_sums(sum, precise_sum{square, fmaf(value, value, -square)});
    }
    return lyrnn_cuda_squares{sum.high, sum.low, exponent};
}

/* What all elements share. t * log(beta) in float is precise enough: its relative error is that of
 * the result. */
__device__ void set_factors(const adam_args &args, lyrnn_cuda_squares squares)
{
    const lyrnn_clip_and_adam_args &adam = args.adam;
    lyrnn_counters *counters = adam.counters;
    auto *factors = &args.sums->adam;
    double norm = ldexp(sqrt(value_of(precise_sum{squares.high, squares.low})), squares.exponent);
    double clip_norm = (double)adam.clip_norm;
    counters->gradient_norm = norm;
    factors->scale = clip_norm > 0.0 && norm > clip_norm ? (float)(clip_norm / norm) : 1.0f;

    counters->step++;
    double t = (double)counters->step;
    float rate = adam.learning_rates[counters->batch - 1];
    factors->step_size = rate / -expm1f((float)(t * args.log_beta1));
    factors->v_scale = rsqrtf(-expm1f((float)(t * args.log_beta2)));
    factors->keep = fmaf(-rate, adam.weight_decay, 1.0f);
    float warm = (1.0f + (float)t) / (10.0f + (float)t);
    factors->rest_average = 1.0f - fminf(warm, args.average_decay);
}

__global__ void __launch_bounds__(ADAM_THREADS) norm_kernel(adam_args args)
{
    LYRNN_DYNAMIC_SHARED(norm_memory, memory);
    const size_t each = (size_t)SQUARES_EACH * ADAM_THREADS, stride = gridDim.x * each;
    const lyrnn_cuda_squares none = {0.0f, 0.0f, -126};
    lyrnn_cuda_squares sum = none;
    for (size_t first = blockIdx.x * each; first < args.adam.count; first += stride)
        sum = add_squares(sum, sum_squares(args.adam, first + threadIdx.x));
    sum = block_reduce(sum, memory->squares, add_squares);
    if (threadIdx.x == 0)
        args.sums->squares[blockIdx.x] = sum;
    if (!is_last_block(&args.sums->norm_arrived, &memory->arrived))
        return;
    sum = threadIdx.x < gridDim.x ? args.sums->squares[threadIdx.x] : none;
    sum = block_reduce(sum, memory->squares, add_squares);
    if (threadIdx.x == 0)
        set_factors(args, sum);
}

/* sqrt(v) without a branch for the ends of the range; below it, it is smaller than any epsilon. */
__device__ __forceinline__ float root_of(float v)
{
    return v * rsqrtf(fminf(fmaxf(v, FLT_MIN), FLT_MAX));
}

/* Updates the parameters of group i. */
template <int NUM> __device__ __forceinline__ void update(const adam_args &args, size_t i)
{
    typedef float_group<NUM> group;
    const lyrnn_clip_and_adam_args &adam = args.adam;
    const auto &factors = args.sums->adam;
    const group grads = reinterpret_cast<const group *>(adam.grads)[i];
    group m = reinterpret_cast<group *>(adam.m)[i], v = reinterpret_cast<group *>(adam.v)[i];
    group params = reinterpret_cast<group *>(adam.params)[i];
    bool decays = adam.decays != NULL && adam.decays[i * NUM / LYRNN_DECAY_GROUP] != 0;
    float keep = decays ? factors.keep : 1.0f;
#pragma unroll
    for (int k = 0; k < NUM; k++) {
        float g = grads.at[k] * factors.scale;
        m.at[k] = args.beta1 * m.at[k] + args.rest1 * g;
        v.at[k] = args.beta2 * v.at[k] + args.rest2 * (g * g);
        float size = root_of(v.at[k]) * factors.v_scale + args.epsilon;
        params.at[k] = keep * params.at[k] - __fdividef(factors.step_size * m.at[k], size);
    }
    reinterpret_cast<group *>(adam.m)[i] = m;
    reinterpret_cast<group *>(adam.v)[i] = v;
    reinterpret_cast<group *>(adam.params)[i] = params;
    if (adam.average == NULL)
        return;
    group average = reinterpret_cast<group *>(adam.average)[i];
#pragma unroll
    for (int k = 0; k < NUM; k++)
        average.at[k] += factors.rest_average * (params.at[k] - average.at[k]);
    reinterpret_cast<group *>(adam.average)[i] = average;
}

__global__ void __launch_bounds__(ADAM_THREADS) adam_kernel(adam_args args)
{
    size_t first = (size_t)blockIdx.x * ADAM_THREADS + threadIdx.x;
    size_t stride = (size_t)gridDim.x * ADAM_THREADS, num_quads = args.adam.count / 4;
    for (size_t i = first; i < num_quads; i += stride)
        update<4>(args, i);
    if (4 * num_quads + first < args.adam.count)
        update<1>(args, 4 * num_quads + first);
}

extern "C" void lyrnn_cuda_clip_and_adam(lyrnn_backend *self, const lyrnn_clip_and_adam_args *args)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    adam_args with_sums = {*args,
                           state->sums,
                           (float)args->beta1,
                           (float)args->beta2,
                           (float)(1.0 - args->beta1),
                           (float)(1.0 - args->beta2),
                           (float)args->epsilon,
                           (float)args->average_decay,
                           log(args->beta1),
                           log(args->beta2)};
    unsigned num_parts = lyrnn_cuda_blocks(args->count, SQUARES_EACH * ADAM_THREADS);
    unsigned blocks = lyrnn_cuda_blocks(args->count, 4 * ADAM_THREADS);
    unsigned resident = 8u * (unsigned)state->properties.multiProcessorCount;
    lyrnn_cuda_launch(self, norm_kernel, dim3(std::min(num_parts, (unsigned)LYRNN_CUDA_NORM_PARTS)),
                      ADAM_THREADS, sizeof(norm_memory), with_sums);
    lyrnn_cuda_launch(self, adam_kernel, dim3(std::min(blocks, resident)), ADAM_THREADS, 0,
                      with_sums);
}
