/* Greedy choice, a block a row: the likeliest character, the lowest id among equals. */
#include "cuda.cuh"

#include <math.h>

#include "reduce.cuh"

enum { TOKEN_THREADS = 256 };

/* A candidate: its logit and its id. */
typedef struct {
    float logit;
    int id;
} candidate;

/* The CPU's rule: the first id, unless a later one is greater. NaN is greater than nothing. */
__device__ __forceinline__ candidate better(candidate a, candidate b)
{
    bool b_wins = b.logit > a.logit || (b.logit == a.logit && b.id < a.id);
    return b_wins ? b : a;
}

__global__ void __launch_bounds__(TOKEN_THREADS) sample_token_kernel(lyrnn_sample_token_args args)
{
    LYRNN_DYNAMIC_SHARED(candidate, parts); /* (warps) */
    const float *logits = args.logits + (size_t)blockIdx.x * (size_t)args.V;
    candidate best = {-INFINITY, 0};
    for (int v = (int)threadIdx.x; v < args.V; v += TOKEN_THREADS)
        if (logits[v] > best.logit)
            best = candidate{logits[v], v};
    for (int offset = LYRNN_WARP / 2; offset > 0; offset /= 2) {
        candidate other = {__shfl_xor_sync(0xffffffffu, best.logit, offset),
                           __shfl_xor_sync(0xffffffffu, best.id, offset)};
        best = better(best, other);
    }
    if (threadIdx.x % LYRNN_WARP == 0)
        parts[threadIdx.x / LYRNN_WARP] = best;
    __syncthreads();
    if (threadIdx.x != 0)
        return;
    for (int w = 1; w < TOKEN_THREADS / LYRNN_WARP; w++)
        best = better(best, parts[w]);
    args.tokens[blockIdx.x] = best.id;
}

extern "C" void lyrnn_cuda_sample_token(lyrnn_backend *self, const lyrnn_sample_token_args *args)
{
    lyrnn_cuda_launch(self, sample_token_kernel, dim3((unsigned)args->B), TOKEN_THREADS,
                      TOKEN_THREADS / LYRNN_WARP * sizeof(candidate), *args);
}
