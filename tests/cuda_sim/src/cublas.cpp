/* The cuBLAS calls. They queue GEMMs. */
#include "cublas_v2.h"

#include "device.h"
#include "gemm.h"
#include "memory.h"
#include "queue.h"

struct lyrnn_sim_cublas {
    cudaStream_t stream;
    cublasMath_t math;
    cublasPointerMode_t pointers;
};

namespace sim
{

static cublasStatus_t queue_gemm(cublasHandle_t handle, Gemm gemm, const void *alpha,
                                 const void *beta)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (gemm.m < 0 || gemm.n < 0 || gemm.k < 0 || gemm.count < 0 || alpha == nullptr ||
        beta == nullptr || !leading_dimension_fits(gemm.a) || !leading_dimension_fits(gemm.b) ||
        !leading_dimension_fits(gemm.c))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (gemm.c.type != CUDA_R_32F)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (gemm.m == 0 || gemm.n == 0 || gemm.count == 0)
        return CUBLAS_STATUS_SUCCESS;
    if (handle->pointers == CUBLAS_POINTER_MODE_HOST) {
        gemm.alpha = *static_cast<const float *>(alpha);
        gemm.beta = *static_cast<const float *>(beta);
    } else {
        gemm.alpha_pointer = static_cast<const float *>(alpha);
        gemm.beta_pointer = static_cast<const float *>(beta);
    }
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = submit(handle->stream, kernel_node(handle->stream, [gemm] { run_gemm(gemm); }));
    return done(error) == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

static Matrix stored(const void *elements, cudaDataType type, bool transposed, int rows,
                     int columns, int ld)
{
    return transposed ? Matrix{elements, type, columns, rows, ld}
                      : Matrix{elements, type, rows, columns, ld};
}

} // namespace sim

using namespace sim;

const char *cublasGetStatusName(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
        return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
        return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
        return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    }
    return "unknown";
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    return cublasGetStatusName(status);
}

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    *handle = nullptr;
    if (device_error() != cudaSuccess || forbid_in_capture() != cudaSuccess)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = new lyrnn_sim_cublas{nullptr, CUBLAS_DEFAULT_MATH, CUBLAS_POINTER_MODE_HOST};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return handle != nullptr ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t *stream)
{
    *stream = handle->stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *workspace, size_t bytes)
{
    if (bytes == 0)
        return CUBLAS_STATUS_SUCCESS;
    bool aligned = reinterpret_cast<uintptr_t>(workspace) % 256 == 0;
    return aligned && region_holding(workspace, bytes) != nullptr ? CUBLAS_STATUS_SUCCESS
                                                                  : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode)
{
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode)
{
    handle->pointers = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion(cublasHandle_t, int *version)
{
    *version = 130000;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transpose_a,
                                          cublasOperation_t transpose_b, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType type_a,
                                          int lda, long long stride_a, const void *b,
                                          cudaDataType type_b, int ldb, long long stride_b,
                                          const void *beta, void *c, cudaDataType type_c, int ldc,
                                          long long stride_c, int count,
                                          cublasComputeType_t compute, cublasGemmAlgo_t)
{
    bool turn_a = transpose_a != CUBLAS_OP_N, turn_b = transpose_b != CUBLAS_OP_N;
    if (compute == CUBLAS_COMPUTE_32F && handle != nullptr &&
        handle->math == CUBLAS_TF32_TENSOR_OP_MATH)
        compute = CUBLAS_COMPUTE_32F_FAST_TF32;
    return queue_gemm(handle,
                      {turn_a, turn_b, mantissa_bits(compute), m, n, k,
                       stored(a, type_a, turn_a, m, k, lda), stored(b, type_b, turn_b, k, n, ldb),
                       stored(c, type_c, false, m, n, ldc), stride_a, stride_b, stride_c, count,
                       nullptr, nullptr, 0.0f, 0.0f, nullptr},
                      alpha, beta);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transpose_a,
                            cublasOperation_t transpose_b, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType type_a, int lda, const void *b,
                            cudaDataType type_b, int ldb, const void *beta, void *c,
                            cudaDataType type_c, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algorithm)
{
    return cublasGemmStridedBatchedEx(handle, transpose_a, transpose_b, m, n, k, alpha, a, type_a,
                                      lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1,
                                      compute, algorithm);
}

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transpose_a,
                                         cublasOperation_t transpose_b, int m, int n, int k,
                                         const float *alpha, const float *a, int lda,
                                         long long stride_a, const float *b, int ldb,
                                         long long stride_b, const float *beta, float *c, int ldc,
                                         long long stride_c, int count)
{
    return cublasGemmStridedBatchedEx(handle, transpose_a, transpose_b, m, n, k, alpha, a,
                                      CUDA_R_32F, lda, stride_a, b, CUDA_R_32F, ldb, stride_b, beta,
                                      c, CUDA_R_32F, ldc, stride_c, count, CUBLAS_COMPUTE_32F,
                                      CUBLAS_GEMM_DEFAULT);
}

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t transpose_a,
                           cublasOperation_t transpose_b, int m, int n, int k, const float *alpha,
                           const float *a, int lda, const float *b, int ldb, const float *beta,
                           float *c, int ldc)
{
    return cublasSgemmStridedBatched(handle, transpose_a, transpose_b, m, n, k, alpha, a, lda, 0, b,
                                     ldb, 0, beta, c, ldc, 0, 1);
}

/* y = op(A) x as a GEMM with one column. The increments of x and y become leading dimensions. */
cublasStatus_t cublasSgemv(cublasHandle_t handle, cublasOperation_t transpose, int m, int n,
                           const float *alpha, const float *a, int lda, const float *x, int incx,
                           const float *beta, float *y, int incy)
{
    bool turn = transpose != CUBLAS_OP_N;
    int outputs = turn ? n : m, inputs = turn ? m : n;
    if (incx <= 0 || incy <= 0)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    /* y^T (1, outputs) = x^T (1, inputs) op(A)^T */
    return cublasSgemm(handle, CUBLAS_OP_N, turn ? CUBLAS_OP_N : CUBLAS_OP_T, 1, outputs, inputs,
                       alpha, x, incx, a, lda, beta, y, incy);
}
