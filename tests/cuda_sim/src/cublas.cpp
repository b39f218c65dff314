/* cuBLAS on the host's CBLAS. Operands are checked to lie whole in live memory, and what is read to have
 * been written; TF32 and bf16 operands are rounded first, as tensor cores would. One thread, so that
 * the same call gives the same bits. */
#include "cublas_v2.h"

#include <cblas.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "cuda_bf16.h"
#include "device.h"
#include "memory.h"
#include "queue.h"
#include "report.h"

struct lyrnn_sim_cublas {
    cudaStream_t stream;
    cublasMath_t math;
    cublasPointerMode_t pointers;
};

namespace sim
{

/* A column-major matrix as it is stored: rows by columns, columns ld elements apart. */
struct Matrix {
    const void *elements;
    cudaDataType type;
    long long rows, columns, ld;
};

struct Gemm {
    bool transpose_a, transpose_b;
    int mantissa_bits; /* of the operands: fp32 23, TF32 10, bf16 7 */
    int m, n, k;
    Matrix a, b, c;
    long long stride_a, stride_b, stride_c; /* elements between the problems of a batch */
    int count;
    const float *alpha_pointer, *beta_pointer; /* device; NULL: the values below */
    float alpha, beta;
};

static size_t element_bytes(cudaDataType type)
{
    return type == CUDA_R_32F ? 4 : 2;
}

static bool check_matrix(const Matrix &x, const char *name, bool is_read)
{
    const char *column = static_cast<const char *>(x.elements);
    size_t bytes = element_bytes(x.type);
    for (long long j = 0; j < x.columns; j++, column += static_cast<size_t>(x.ld) * bytes) {
        size_t length = static_cast<size_t>(x.rows) * bytes;
        if (region_holding(column, length) == nullptr) {
            report(
                LYRNN_SIM_BAD_ARGUMENT,
                "GEMM operand %s (%lld x %lld, ld %lld) at %p does not lie in live device memory",
                name, x.rows, x.columns, x.ld, x.elements);
            return false;
        }
        const void *hole = is_read ? find_uninitialised(column, length) : nullptr;
        if (hole != nullptr) {
            report(LYRNN_SIM_UNINITIALISED,
                   "GEMM operand %s (%lld x %lld, ld %lld) at %p: nothing was "
                   "written to %p",
                   name, x.rows, x.columns, x.ld, x.elements, hole);
            return false;
        }
    }
    return true;
}

/* To fewer bits of mantissa, as tensor cores take operands: nearest, ties away from zero. */
static float round_mantissa(float x, int mantissa_bits)
{
    unsigned dropped = 23u - static_cast<unsigned>(mantissa_bits);
    if (dropped == 0 || !std::isfinite(x))
        return x;
    unsigned half = 1u << (dropped - 1);
    return __uint_as_float((__float_as_uint(x) + half) & ~(2 * half - 1));
}

/* The elements as floats, without the space between columns. */
static std::vector<float> load(const Matrix &x, int mantissa_bits)
{
    std::vector<float> floats;
    floats.reserve(static_cast<size_t>(x.rows * x.columns));
    for (long long j = 0; j < x.columns; j++) {
        for (long long i = 0; i < x.rows; i++) {
            size_t at = static_cast<size_t>(j * x.ld + i);
            float value =
                x.type == CUDA_R_32F
                    ? static_cast<const float *>(x.elements)[at]
                    : __bfloat162float(static_cast<const __nv_bfloat16 *>(x.elements)[at]);
            floats.push_back(round_mantissa(value, mantissa_bits));
        }
    }
    return floats;
}

static Matrix batch_element(Matrix x, long long stride, int index)
{
    x.elements = static_cast<const char *>(x.elements) +
                 static_cast<ptrdiff_t>(element_bytes(x.type)) * stride * index;
    return x;
}

static void run_one(const Gemm &gemm, Matrix a, Matrix b, const Matrix &c, float alpha, float beta)
{
    if (!check_matrix(a, "A", alpha != 0.0f) || !check_matrix(b, "B", alpha != 0.0f) ||
        !check_matrix(c, "C", beta != 0.0f))
        return;
    std::vector<float> a_rounded, b_rounded;
    if (gemm.mantissa_bits < 23 || a.type != CUDA_R_32F) {
        a_rounded = load(a, gemm.mantissa_bits);
        a = {a_rounded.data(), CUDA_R_32F, a.rows, a.columns, a.rows};
    }
    if (gemm.mantissa_bits < 23 || b.type != CUDA_R_32F) {
        b_rounded = load(b, gemm.mantissa_bits);
        b = {b_rounded.data(), CUDA_R_32F, b.rows, b.columns, b.rows};
    }
    cblas_sgemm(CblasColMajor, gemm.transpose_a ? CblasTrans : CblasNoTrans,
                gemm.transpose_b ? CblasTrans : CblasNoTrans, gemm.m, gemm.n, gemm.k, alpha,
                static_cast<const float *>(a.elements), static_cast<int>(a.ld),
                static_cast<const float *>(b.elements), static_cast<int>(b.ld), beta,
                static_cast<float *>(const_cast<void *>(c.elements)), static_cast<int>(c.ld));
    for (long long j = 0; j < c.columns; j++)
        mark_initialised(static_cast<const float *>(c.elements) + j * c.ld,
                         static_cast<size_t>(c.rows) * sizeof(float));
}

static float scalar(const float *pointer, float value)
{
    if (pointer == nullptr)
        return value;
    if (region_holding(pointer, sizeof *pointer) == nullptr) {
        report(LYRNN_SIM_BAD_ARGUMENT, "alpha or beta at %p is not in live device memory",
               static_cast<const void *>(pointer));
        return 0.0f;
    }
    return *pointer;
}

static void run_gemm(const Gemm &gemm)
{
    float alpha = scalar(gemm.alpha_pointer, gemm.alpha);
    float beta = scalar(gemm.beta_pointer, gemm.beta);
    int threads = openblas_get_num_threads();
    openblas_set_num_threads(1);
    counters.gemms_run++;
    for (int i = 0; i < gemm.count && device_error() == cudaSuccess; i++)
        run_one(gemm, batch_element(gemm.a, gemm.stride_a, i),
                batch_element(gemm.b, gemm.stride_b, i), batch_element(gemm.c, gemm.stride_c, i),
                alpha, beta);
    openblas_set_num_threads(threads);
}

static bool leading_dimension_fits(const Matrix &x)
{
    return x.ld >= (x.rows > 1 ? x.rows : 1) && x.ld <= 0x7fffffff;
}

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
        error = submit(handle->stream, [gemm] { run_gemm(gemm); });
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
    int mantissa_bits = 23;
    if (compute == CUBLAS_COMPUTE_32F_FAST_16BF)
        mantissa_bits = 7;
    else if (compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
             (compute != CUBLAS_COMPUTE_32F_PEDANTIC && handle != nullptr &&
              handle->math == CUBLAS_TF32_TENSOR_OP_MATH))
        mantissa_bits = 10;
    return queue_gemm(handle,
                      {turn_a, turn_b, mantissa_bits, m, n, k, stored(a, type_a, turn_a, m, k, lda),
                       stored(b, type_b, turn_b, k, n, ldb), stored(c, type_c, false, m, n, ldc),
                       stride_a, stride_b, stride_c, count, nullptr, nullptr, 0.0f, 0.0f},
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

/* y = op(A) x as a GEMM with one column; steps between elements become the leading dimensions of rows. */
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
