/* y (M,N) = start + x (M,K) w^T, where a row of y has the same bits whatever M is. cuBLAS chooses its order of
 * addition by the shape; here a warp takes a column for some rows, each lane adds up every 32nd product, and a
 * butterfly adds the lanes. How many rows a warp takes changes nothing in a row's sum. */
#include "cuda.cuh"

#include "reduce.cuh"

enum { GEMM_THREADS = 256, GEMM_COLUMNS = GEMM_THREADS / LYRNN_WARP, GEMM_ROWS = 8 };

typedef struct {
    int M, N, K;
    const float *x;
    int ldx;
    const float *w;
    const float *start; /* NULL: zeros */
    int ldstart;
    float *y;
    int ldy;
} invariant_gemm_args;

template <int ROWS>
__global__ void __launch_bounds__(GEMM_THREADS) invariant_gemm_kernel(invariant_gemm_args args)
{
    int lane = (int)(threadIdx.x % LYRNN_WARP);
    int n = (int)(blockIdx.x * GEMM_COLUMNS + threadIdx.x / LYRNN_WARP);
    int first = (int)blockIdx.y * ROWS;
    if (n >= args.N)
        return;
    const float *w = args.w + (size_t)n * (size_t)args.K;
    const float *x[ROWS]; /* rows beyond the last are that again, unused */
    float sums[ROWS] = {};
#pragma unroll
    for (int r = 0; r < ROWS; r++)
        x[r] = args.x + (size_t)min(first + r, args.M - 1) * (size_t)args.ldx;
    for (int k = lane; k < args.K; k += LYRNN_WARP) {
        float weight = w[k];
#pragma unroll
        for (int r = 0; r < ROWS; r++)
            sums[r] = fmaf(x[r][k], weight, sums[r]);
    }
    float own = 0.0f;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        float sum = sums[r];
        for (int offset = LYRNN_WARP / 2; offset > 0; offset /= 2)
            sum += __shfl_xor_sync(0xffffffffu, sum, offset);
        own = lane == r ? sum : own;
    }
    int m = first + lane;
    if (lane >= ROWS || m >= args.M)
        return;
    float start =
        args.start == NULL ? 0.0f : args.start[(size_t)m * (size_t)args.ldstart + (size_t)n];
    args.y[(size_t)m * (size_t)args.ldy + (size_t)n] = start + own;
}

void lyrnn_cuda_invariant_gemm(lyrnn_backend *self, int M, int N, int K, const float *x, int ldx,
                               const float *w, const float *start, int ldstart, float *y, int ldy)
{
    invariant_gemm_args args = {M, N, K, x, ldx, w, start, ldstart, y, ldy};
    unsigned blocks = lyrnn_cuda_blocks((size_t)N, GEMM_COLUMNS);
    if (M == 1)
        lyrnn_cuda_launch(self, invariant_gemm_kernel<1>, dim3(blocks), GEMM_THREADS, 0, args);
    else
        lyrnn_cuda_launch(self, invariant_gemm_kernel<GEMM_ROWS>,
                          dim3(blocks, lyrnn_cuda_blocks((size_t)M, GEMM_ROWS)), GEMM_THREADS, 0,
                          args);
}
