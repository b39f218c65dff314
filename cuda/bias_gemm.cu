/* y = x w^T + bias in one pass over y: cuBLASLt adds the bias to a tile of the product before it
 * stores the tile. Where cuBLASLt has no such product, the bias is copied to every row and a GEMM
 * adds to it, which writes and reads y once more.
 *
 * Each call describes its product to cuBLASLt again. This is cheap: the descriptions are on the
 * stack, the library remembers the algorithm of each shape, and a replayed step makes no call at
 * all. The code takes the library's first choice, never the fastest of a trial, so that a step
 * always has the same bits. */
#include "cuda.cuh"

#include <cublasLt.h>

/* The strictest alignment that a kernel of cuBLASLt requires of a matrix. The library has no such
 * preference for the bias, and has chosen kernels that read a less aligned bias 16 bytes at a time.
 * So the code checks all pointers against it. */
enum { ALIGNMENT_BYTES = 16 };

typedef struct {
    lyrnn_matrix x, w; /* (M,K), (N,K) */
    const float *bias; /* (N) */
    float *y;          /* (M,N), rows y_stride floats apart */
    int y_stride;
} bias_gemm;

/* What cuBLASLt sees, which is column-major: y^T (N,M) = w (N,K) x^T (K,M). */
typedef struct {
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatrixLayoutOpaque_t w, x, y;
} bias_gemm_description;

/* A cuBLAS handle is also a cuBLASLt handle (cuBLAS documentation, cublasLtHandle_t). */
static cublasLtHandle_t handle_of(const lyrnn_cuda_state *state)
{
    return (cublasLtHandle_t)state->cublas;
}

static bool is_aligned(const void *pointer)
{
    return (uintptr_t)pointer % ALIGNMENT_BYTES == 0;
}

/* False: the library has no such product. It may say so even after it chose an algorithm. */
static bool is_supported(cublasStatus_t status, const char *call)
{
    if (status != CUBLAS_STATUS_SUCCESS && status != CUBLAS_STATUS_NOT_SUPPORTED)
        lyrnn_cuda_fault(call, cublasGetStatusString(status), __FILE__, __LINE__);
    return status == CUBLAS_STATUS_SUCCESS;
}

template <typename Value>
static void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute,
                Value value)
{
    LYRNN_CUBLAS_CHECK(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value));
}

template <typename Value>
static void set(cublasLtMatmulPreference_t preference,
                cublasLtMatmulPreferenceAttributes_t attribute, Value value)
{
    LYRNN_CUBLAS_CHECK(
        cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value));
}

static void describe(const lyrnn_cuda_state *state, const bias_gemm *gemm, bias_gemm_description *d)
{
    size_t M = (size_t)gemm->x.rows, N = (size_t)gemm->w.rows, K = (size_t)gemm->x.cols;
    LYRNN_CUBLAS_CHECK(cublasLtMatmulDescInit(
        &d->operation, lyrnn_cuda_compute_type(state->precision), CUDA_R_32F));
    set(&d->operation, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(&d->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(&d->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, gemm->bias);
    LYRNN_CUBLAS_CHECK(cublasLtMatrixLayoutInit(&d->w, CUDA_R_32F, K, N, gemm->w.stride));
    LYRNN_CUBLAS_CHECK(cublasLtMatrixLayoutInit(&d->x, CUDA_R_32F, K, M, gemm->x.stride));
    LYRNN_CUBLAS_CHECK(cublasLtMatrixLayoutInit(&d->y, CUDA_R_32F, N, M, gemm->y_stride));
}

static bool choose_algorithm(const lyrnn_cuda_state *state, bias_gemm_description *d,
                             cublasLtMatmulAlgo_t *algorithm)
{
    const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    cublasLtMatmulPreferenceOpaque_t preference;
    LYRNN_CUBLAS_CHECK(cublasLtMatmulPreferenceInit(&preference));
    set(&preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, (uint64_t)state->workspace_bytes);
    for (cublasLtMatmulPreferenceAttributes_t alignment : alignments)
        set(&preference, alignment, (uint32_t)ALIGNMENT_BYTES);
    cublasLtMatmulHeuristicResult_t found = {};
    int num_found = 0;
    cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(handle_of(state), &d->operation, &d->w, &d->x, &d->y, &d->y,
                                       &preference, 1, &found, &num_found);
    *algorithm = found.algo;
    return is_supported(status, "cublasLtMatmulAlgoGetHeuristic") && num_found > 0 &&
           is_supported(found.state, "cublasLtMatmulAlgoGetHeuristic's algorithm");
}

/* False: cuBLASLt has no such product, and nothing is queued. */
static bool run_in_one_pass(const lyrnn_cuda_state *state, const bias_gemm *gemm)
{
    const float alpha = 1.0f, beta = 0.0f;
    bias_gemm_description d;
    cublasLtMatmulAlgo_t algorithm;
    if (!is_aligned(gemm->x.data) || !is_aligned(gemm->w.data) || !is_aligned(gemm->bias) ||
        !is_aligned(gemm->y))
        return false;
    describe(state, gemm, &d);
    if (!choose_algorithm(state, &d, &algorithm))
        return false;
    cublasStatus_t status =
        cublasLtMatmul(handle_of(state), &d.operation, &alpha, gemm->w.data, &d.w, gemm->x.data,
                       &d.x, &beta, gemm->y, &d.y, gemm->y, &d.y, &algorithm, state->workspace,
                       state->workspace_bytes, state->stream);
    return is_supported(status, "cublasLtMatmul");
}

/* One block per row. */
__global__ void broadcast_bias_kernel(bias_gemm gemm)
{
    float *row = gemm.y + (size_t)blockIdx.x * (size_t)gemm.y_stride;
    for (int n = (int)threadIdx.x; n < gemm.w.rows; n += (int)blockDim.x)
        row[n] = gemm.bias[n];
}

void lyrnn_cuda_bias_gemm(lyrnn_backend *self, lyrnn_matrix x, lyrnn_matrix w, const float *bias,
                          float *y, int y_stride)
{
    enum { THREADS = 256 };
    const bias_gemm gemm = {x, w, bias, y, y_stride};
    LYRNN_CHECK(x.cols == w.cols && x.stride == x.cols && w.stride == w.cols);
    LYRNN_CHECK(!x.is_transposed && !w.is_transposed);
    if (run_in_one_pass(lyrnn_cuda_state_of(self), &gemm))
        return;
    lyrnn_cuda_launch(self, broadcast_bias_kernel, dim3((unsigned)x.rows), THREADS, 0, gemm);
    lyrnn_cuda_gemm(self, x, lyrnn_transpose(w), 1.0f, y, y_stride);
}
