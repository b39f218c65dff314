/* The cuBLASLt calls. The heuristic knows one algorithm. It requires all the alignment that the
 * caller promised for the matrices, and it reads the bias 16 bytes at a time whatever its alignment
 * is, because the real library was observed to do so. It overwrites the workspace that it uses, so
 * that memory that is wrongly shared with something else is found. */
#include "cublasLt.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "device.h"
#include "gemm.h"
#include "memory.h"
#include "queue.h"
#include "report.h"

namespace sim
{

static constexpr uint32_t bias_alignment = 16;
static constexpr uint64_t most_workspace = 4096;

template <typename Field> static cublasStatus_t set(Field *field, const void *value, size_t bytes)
{
    if (value == nullptr || bytes != sizeof *field)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(field, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

static bool same(const cublasLtMatrixLayoutOpaque_t &x, const cublasLtMatrixLayoutOpaque_t &y)
{
    return x.type == y.type && x.rows == y.rows && x.columns == y.columns && x.ld == y.ld;
}

/* Compares everything but the address of the bias. */
static bool same(const cublasLtMatmulDescOpaque_t &x, const cublasLtMatmulDescOpaque_t &y)
{
    return x.compute == y.compute && x.scale == y.scale && x.transpose_a == y.transpose_a &&
           x.transpose_b == y.transpose_b && x.epilogue == y.epilogue;
}

static Matrix stored(const void *elements, const cublasLtMatrixLayoutOpaque_t &layout)
{
    return {elements, layout.type, static_cast<long long>(layout.rows),
            static_cast<long long>(layout.columns), layout.ld};
}

/* Returns whether the operands form a valid product of fp32 matrices. */
static bool is_product(const cublasLtMatmulDescOpaque_t &operation,
                       const cublasLtMatrixLayoutOpaque_t &a, const cublasLtMatrixLayoutOpaque_t &b,
                       const cublasLtMatrixLayoutOpaque_t &c, const cublasLtMatrixLayoutOpaque_t &d)
{
    bool turn_a = operation.transpose_a != CUBLAS_OP_N,
         turn_b = operation.transpose_b != CUBLAS_OP_N;
    for (const cublasLtMatrixLayoutOpaque_t *x : {&a, &b, &d})
        if (x->type != CUDA_R_32F || x->rows == 0 || x->columns == 0 ||
            !leading_dimension_fits(stored(nullptr, *x)))
            return false;
    return operation.scale == CUDA_R_32F && same(c, d) && (turn_a ? a.columns : a.rows) == d.rows &&
           (turn_b ? b.rows : b.columns) == d.columns &&
           (turn_a ? a.rows : a.columns) == (turn_b ? b.columns : b.rows);
}

static bool bias_is_there(const cublasLtMatmulDescOpaque_t &operation)
{
    if (operation.epilogue == CUBLASLT_EPILOGUE_BIAS && operation.bias == nullptr) {
        report(LYRNN_SIM_BAD_ARGUMENT,
               "cuBLASLt: the epilogue has a bias, but no bias pointer is set");
        return false;
    }
    return true;
}

static bool is_aligned(const char *name, const void *pointer, uint32_t alignment)
{
    if (reinterpret_cast<uintptr_t>(pointer) % alignment == 0)
        return true;
    report(LYRNN_SIM_MISALIGNED, "cuBLASLt: %s at %p is not aligned to %u bytes", name, pointer,
           alignment);
    return false;
}

static bool workspace_is_there(const void *workspace, size_t bytes)
{
    if (bytes == 0 || (reinterpret_cast<uintptr_t>(workspace) % 256 == 0 &&
                       region_holding(workspace, bytes) != nullptr))
        return true;
    report(LYRNN_SIM_BAD_ARGUMENT,
           "cuBLASLt: the workspace of %zu bytes at %p is not in live device memory aligned to "
           "256 bytes",
           bytes, workspace);
    return false;
}

/* Two streams may run at once, so they must not share a workspace, even if events happen to order
 * them. Addresses are never reused, so a workspace belongs to the first stream that used it. */
static bool workspace_is_the_streams(const void *workspace, cudaStream_t stream)
{
    static std::map<const void *, cudaStream_t> streams;
    if (streams.insert({workspace, stream}).first->second == stream)
        return true;
    report(LYRNN_SIM_BAD_ARGUMENT, "cuBLASLt: two streams use the workspace at %p", workspace);
    return false;
}

} // namespace sim

using namespace sim;

cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDesc_t operation, cublasComputeType_t compute,
                                      cudaDataType scale)
{
    *operation = {compute, scale, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes)
{
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return set(&operation->transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return set(&operation->transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return set(&operation->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return set(&operation->bias, value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayout_t layout, cudaDataType type,
                                        uint64_t rows, uint64_t columns, int64_t ld)
{
    *layout = {type, rows, columns, ld};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreference_t preference)
{
    *preference = {0, {256, 256, 256, 256}};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes)
{
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return set(&preference->workspace_bytes, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        return set(&preference->alignments[0], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        return set(&preference->alignments[1], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        return set(&preference->alignments[2], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return set(&preference->alignments[3], value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int num_asked,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int *num_found)
{
    *num_found = 0;
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (num_asked <= 0 || !is_product(*operation, *a, *b, *c, *d))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!bias_is_there(*operation))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    if (device().cublaslt == 0)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    size_t workspace_bytes = std::min(preference->workspace_bytes, most_workspace);
    cublasLtMatmulAlgo_t algorithm = {*operation, *a, *b, *c, *d, {}, workspace_bytes};
    std::copy_n(preference->alignments, 4, algorithm.alignments);
    results[0] = {algorithm, workspace_bytes, CUBLAS_STATUS_SUCCESS, 1.0f};
    *num_found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                              const void *alpha, const void *a, cublasLtMatrixLayout_t layout_a,
                              const void *b, cublasLtMatrixLayout_t layout_b, const void *beta,
                              const void *c, cublasLtMatrixLayout_t layout_c, void *d,
                              cublasLtMatrixLayout_t layout_d,
                              const cublasLtMatmulAlgo_t *algorithm, void *workspace,
                              size_t workspace_bytes, cudaStream_t stream)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (algorithm == nullptr || c != d || device().cublaslt == 2)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (workspace_bytes < algorithm->workspace_bytes || !same(*operation, algorithm->operation) ||
        !same(*layout_a, algorithm->a) || !same(*layout_b, algorithm->b) ||
        !same(*layout_c, algorithm->c) || !same(*layout_d, algorithm->d))
        return CUBLAS_STATUS_INVALID_VALUE;
    bool has_bias = operation->epilogue == CUBLASLT_EPILOGUE_BIAS;
    if (!bias_is_there(*operation) || !workspace_is_there(workspace, workspace_bytes) ||
        (workspace_bytes > 0 && !workspace_is_the_streams(workspace, stream)) ||
        !is_aligned("A", a, algorithm->alignments[0]) ||
        !is_aligned("B", b, algorithm->alignments[1]) ||
        !is_aligned("C", c, algorithm->alignments[2]) ||
        !is_aligned("D", d, algorithm->alignments[3]) ||
        (has_bias && !is_aligned("the bias", operation->bias, bias_alignment)))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    bool turn_a = operation->transpose_a != CUBLAS_OP_N;
    Gemm gemm = {};
    gemm.transpose_a = turn_a;
    gemm.transpose_b = operation->transpose_b != CUBLAS_OP_N;
    gemm.mantissa_bits = mantissa_bits(operation->compute);
    gemm.m = static_cast<int>(layout_d->rows);
    gemm.n = static_cast<int>(layout_d->columns);
    gemm.k = static_cast<int>(turn_a ? layout_a->rows : layout_a->columns);
    gemm.a = stored(a, *layout_a);
    gemm.b = stored(b, *layout_b);
    gemm.c = stored(d, *layout_d);
    gemm.count = 1;
    gemm.alpha = *static_cast<const float *>(alpha);
    gemm.beta = *static_cast<const float *>(beta);
    gemm.bias = has_bias ? static_cast<const float *>(operation->bias) : nullptr;
    size_t used_bytes = algorithm->workspace_bytes;
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = submit(stream, kernel_node(stream, [gemm, workspace, used_bytes] {
                           if (workspace_is_there(workspace, used_bytes)) {
                               memset(workspace, 0xff, used_bytes);
                               run_gemm(gemm);
                           }
                       }));
    return done(error) == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
