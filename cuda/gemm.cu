/* GEMM by cuBLAS, and the sums over rows that bias gradients are. */
#include "cuda.cuh"

#include "reduce.cuh"

/* fp32 means fp32: cuBLAS would otherwise be free to round operands. */
cublasComputeType_t lyrnn_cuda_compute_type(lyrnn_precision precision)
{
    switch (precision) {
    case LYRNN_TF32:
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    case LYRNN_BF16:
        return CUBLAS_COMPUTE_32F_FAST_16BF;
    case LYRNN_FP32:
        break;
    }
    return CUBLAS_COMPUTE_32F_PEDANTIC;
}

void lyrnn_cuda_gemm(lyrnn_backend *self, bool transpose_a, bool transpose_b, int M, int N, int K,
                     const float *a, int lda, const float *b, int ldb, float beta, float *c,
                     int ldc)
{
    /* cuBLAS counts columns first: a row-major c = a b is its c^T = b^T a^T. */
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const float alpha = 1.0f;
    LYRNN_CUBLAS_CHECK(cublasGemmEx(state->cublas, transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                                    transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, N, M, K, &alpha, b,
                                    CUDA_R_32F, ldb, a, CUDA_R_32F, lda, &beta, c, CUDA_R_32F, ldc,
                                    lyrnn_cuda_compute_type(state->precision),
                                    CUBLAS_GEMM_DEFAULT));
}

typedef struct {
    const float *rows; /* (M,N), stride floats apart */
    int M, N, stride;
    bool add;
    float *sums; /* (N) */
} column_sums_args;

enum { SUM_COLUMNS = 32, SUM_LANES = 16 };

/* A block sums SUM_COLUMNS columns; each of its SUM_LANES rows of threads takes every SUM_LANES-th row. */
__global__ void __launch_bounds__(SUM_COLUMNS *SUM_LANES) column_sums_kernel(column_sums_args args)
{
    LYRNN_DYNAMIC_SHARED(float, partial); /* (SUM_LANES,SUM_COLUMNS) */
    unsigned column = threadIdx.x % SUM_COLUMNS, lane = threadIdx.x / SUM_COLUMNS;
    unsigned j = blockIdx.x * SUM_COLUMNS + column;
    float sum = 0.0f;
    if (j < (unsigned)args.N)
        for (int m = (int)lane; m < args.M; m += SUM_LANES)
            sum += args.rows[(size_t)m * (size_t)args.stride + j];
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (lane != 0 || j >= (unsigned)args.N)
        return;
    for (unsigned i = 1; i < SUM_LANES; i++)
        sum += partial[i * SUM_COLUMNS + column];
    args.sums[j] = args.add ? args.sums[j] + sum : sum;
}

void lyrnn_cuda_column_sums(lyrnn_backend *self, const float *rows, int M, int N, int stride,
                            bool add, float *sums)
{
    column_sums_args args = {rows, M, N, stride, add, sums};
    lyrnn_cuda_launch(self, column_sums_kernel, dim3(lyrnn_cuda_blocks((size_t)N, SUM_COLUMNS)),
                      SUM_COLUMNS * SUM_LANES, SUM_COLUMNS * SUM_LANES * sizeof(float), args);
}
