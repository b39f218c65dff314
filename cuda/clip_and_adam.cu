/* Global-norm clipping and AdamW (Loshchilov and Hutter 2019; without decay it is Adam, Kingma and
 * Ba 2015) as PyTorch computes them, in two kernels. The first writes a fixed number of partial
 * sums of squares and counts the step. In the second every block adds them up and updates its
 * parameters. The norm never visits the host. */
#include "cuda.cuh"

#include <math.h>

#include "reduce.cuh"

enum { ADAM_THREADS = 256 };
static_assert((int)ADAM_THREADS == (int)LYRNN_CUDA_NORM_PARTS, "one thread per part");

typedef struct {
    lyrnn_clip_and_adam_args adam;
    double *parts; /* (LYRNN_CUDA_NORM_PARTS) */
} clip_and_adam_args;

struct add_doubles {
    __device__ double operator()(double a, double b) const
    {
        return a + b;
    }
};

__global__ void __launch_bounds__(ADAM_THREADS) norm_parts_kernel(clip_and_adam_args args)
{
    LYRNN_DYNAMIC_SHARED(double, scratch); /* (32) */
    double sum = 0.0;
    size_t stride = (size_t)gridDim.x * ADAM_THREADS;
    for (size_t i = (size_t)blockIdx.x * ADAM_THREADS + threadIdx.x; i < args.adam.count;
         i += stride)
        sum += (double)args.adam.grads[i] * (double)args.adam.grads[i];
    sum = block_reduce(sum, scratch, add_doubles());
    if (threadIdx.x != 0)
        return;
    args.parts[blockIdx.x] = sum;
    if (blockIdx.x == 0)
        args.adam.counters->step++;
}

/* The factor that makes the norm of the gradients at most clip_norm. One thread of the grid counts
 * the norm. */
__device__ float clip_scale(const clip_and_adam_args &args, double *scratch)
{
    double norm = sqrt(block_reduce(args.parts[threadIdx.x], scratch, add_doubles()));
    double clip_norm = (double)args.adam.clip_norm;
    if (blockIdx.x == 0 && threadIdx.x == 0)
        args.adam.counters->gradient_norm = norm;
    return clip_norm > 0.0 && norm > clip_norm ? (float)(clip_norm / norm) : 1.0f;
}

__global__ void __launch_bounds__(ADAM_THREADS) adam_kernel(clip_and_adam_args args)
{
    LYRNN_DYNAMIC_SHARED(double, scratch); /* (32) */
    const lyrnn_clip_and_adam_args &adam = args.adam;
    float scale = clip_scale(args, scratch);
    double t = (double)adam.counters->step;
    float beta1 = (float)adam.beta1, beta2 = (float)adam.beta2;
    float rest1 = (float)(1.0 - adam.beta1), rest2 = (float)(1.0 - adam.beta2);
    double rate = (double)adam.learning_rates[adam.counters->batch - 1];
    float step_size = (float)(rate / (1.0 - pow(adam.beta1, t)));
    float keep = (float)(1.0 - rate * (double)adam.weight_decay);
    float warm = (float)((1.0 + t) / (10.0 + t)), average_decay = (float)adam.average_decay;
    float rest_average = 1.0f - (warm < average_decay ? warm : average_decay);
    float v_scale = (float)(1.0 / sqrt(1.0 - pow(adam.beta2, t)));
    float epsilon = (float)adam.epsilon;
    size_t stride = (size_t)gridDim.x * ADAM_THREADS;
    for (size_t i = (size_t)blockIdx.x * ADAM_THREADS + threadIdx.x; i < adam.count; i += stride) {
        float g = adam.grads[i] * scale;
        float m = beta1 * adam.m[i] + rest1 * g;
        float v = beta2 * adam.v[i] + rest2 * (g * g);
        adam.m[i] = m;
        adam.v[i] = v;
        float old = adam.params[i];
        if (adam.decays != NULL && adam.decays[i / LYRNN_DECAY_GROUP] != 0)
            old *= keep;
        float param = old - step_size * m / (sqrtf(v) * v_scale + epsilon);
        adam.params[i] = param;
        if (adam.average != NULL)
            adam.average[i] += rest_average * (param - adam.average[i]);
    }
}

extern "C" void lyrnn_cuda_clip_and_adam(lyrnn_backend *self, const lyrnn_clip_and_adam_args *args)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    clip_and_adam_args with_parts = {*args, state->norm_parts};
    const size_t scratch_bytes = LYRNN_WARP * sizeof(double);
    unsigned blocks = lyrnn_cuda_blocks(args->count, ADAM_THREADS);
    unsigned resident = 8u * (unsigned)state->properties.multiProcessorCount;
    lyrnn_cuda_launch(self, norm_parts_kernel, dim3(LYRNN_CUDA_NORM_PARTS), ADAM_THREADS,
                      scratch_bytes, with_parts);
    lyrnn_cuda_launch(self, adam_kernel, dim3(blocks < resident ? blocks : resident), ADAM_THREADS,
                      scratch_bytes, with_parts);
}
