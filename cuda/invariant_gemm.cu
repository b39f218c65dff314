/* y (M,N) = x (M,K) w^T + bias. A row of y has the same bits for every number of rows M.
 *
 * cuBLAS chooses its order of addition by the shape. Here a warp computes one column for some rows.
 * Each of its lanes adds up every 32nd product, and a butterfly of shuffles adds the lanes. No
 * row's sum depends on the number of rows in the warp. */
#include "cuda.cuh"

#include "reduce.cuh"

enum { GEMM_THREADS = 256, GEMM_COLUMNS = GEMM_THREADS / LYRNN_WARP, GEMM_ROWS = 8 };

typedef struct {
    lyrnn_matrix x, w;
    const float *bias; /* (N); NULL: none */
    float *y;          /* (M,N), rows y_stride floats apart */
    int y_stride;
} invariant_gemm_args;

template <int ROWS>
__global__ void __launch_bounds__(GEMM_THREADS) invariant_gemm_kernel(invariant_gemm_args args)
{
    int lane = (int)(threadIdx.x % LYRNN_WARP);
    int n = (int)(blockIdx.x * GEMM_COLUMNS + threadIdx.x / LYRNN_WARP);
    int first = (int)blockIdx.y * ROWS, M = args.x.rows, K = args.x.cols;
    if (n >= args.w.rows)
        return;
    const float *w = args.w.data + (size_t)n * (size_t)K;
    const float *x[ROWS]; /* beyond the last row: the last row again, and its sum is not stored */
    float sums[ROWS] = {};
#pragma unroll
    for (int r = 0; r < ROWS; r++)
        x[r] = args.x.data + (size_t)min(first + r, M - 1) * (size_t)args.x.stride;
    for (int k = lane; k < K; k += LYRNN_WARP) {
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
    if (lane >= ROWS || m >= M)
        return;
    float bias = args.bias == NULL ? 0.0f : args.bias[n];
    args.y[(size_t)m * (size_t)args.y_stride + (size_t)n] = bias + own;
}

void lyrnn_cuda_invariant_gemm(lyrnn_backend *self, lyrnn_matrix x, lyrnn_matrix w,
                               const float *bias, float *y, int y_stride)
{
    invariant_gemm_args args = {x, w, bias, y, y_stride};
    LYRNN_CHECK(x.cols == w.cols && w.stride == w.cols);
    LYRNN_CHECK(!x.is_transposed && !w.is_transposed);
    unsigned blocks = lyrnn_cuda_blocks((size_t)w.rows, GEMM_COLUMNS);
    dim3 grid(blocks, lyrnn_cuda_blocks((size_t)x.rows, GEMM_ROWS));
    if (x.rows == 1)
        lyrnn_cuda_launch(self, invariant_gemm_kernel<1>, dim3(blocks), GEMM_THREADS, 0, args);
    else
        lyrnn_cuda_launch(self, invariant_gemm_kernel<GEMM_ROWS>, grid, GEMM_THREADS, 0, args);
}
