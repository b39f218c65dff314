/* GEMM by cuBLAS, and the column sums that are the gradients of biases. */
#include "cuda.cuh"

#include "reduce.cuh"

/* Only the FAST types may round the operands (cublas_api.h, cublasComputeType_t). */
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
    return CUBLAS_COMPUTE_32F;
}

void lyrnn_cuda_gemm(lyrnn_backend *self, lyrnn_matrix a, lyrnn_matrix b, float beta, float *c,
                     int c_stride)
{
    /* cuBLAS is column-major: to it, the row-major c = a b is c^T = b^T a^T. */
    const lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const float alpha = 1.0f;
    int M = a.rows, N = b.cols, K = a.cols;
    LYRNN_CHECK(b.rows == K);
    LYRNN_CUBLAS_CHECK(
        cublasGemmEx(state->cublas, b.is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                     a.is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N, N, M, K, &alpha, b.data,
                     CUDA_R_32F, b.stride, a.data, CUDA_R_32F, a.stride, &beta, c, CUDA_R_32F,
                     c_stride, lyrnn_cuda_compute_type(state->precision), CUBLAS_GEMM_DEFAULT));
}

enum { SUM_COLUMNS = 32, SUM_LANES = 16 };

/* A block sums SUM_COLUMNS columns. Each of its SUM_LANES rows of threads takes every SUM_LANES-th
 * row. */
__global__ void __launch_bounds__(SUM_COLUMNS *SUM_LANES) column_sums_kernel(column_sums_args args)
{
    LYRNN_DYNAMIC_SHARED(float, partial); /* (SUM_LANES,SUM_COLUMNS) */
    const lyrnn_matrix &rows = args.rows;
    unsigned column = threadIdx.x % SUM_COLUMNS, lane = threadIdx.x / SUM_COLUMNS;
    unsigned j = blockIdx.x * SUM_COLUMNS + column;
    float sum = 0.0f;
    if (j < (unsigned)rows.cols)
        for (int m = (int)lane; m < rows.rows; m += SUM_LANES)
            sum += rows.data[(size_t)m * (size_t)rows.stride + j];
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (lane != 0 || j >= (unsigned)rows.cols)
        return;
    for (unsigned i = 1; i < SUM_LANES; i++)
        sum += partial[i * SUM_COLUMNS + column];
    args.sums[j] = args.add ? args.sums[j] + sum : sum;
    if (j < (unsigned)args.num_twice)
        args.twice[j] = args.add ? args.twice[j] + sum : sum;
}

void lyrnn_cuda_column_sums(lyrnn_backend *self, const column_sums_args &args)
{
    unsigned blocks = lyrnn_cuda_blocks((size_t)args.rows.cols, SUM_COLUMNS);
    lyrnn_cuda_launch(self, column_sums_kernel, dim3(blocks), SUM_COLUMNS * SUM_LANES,
                      SUM_COLUMNS * SUM_LANES * sizeof(float), args);
}
