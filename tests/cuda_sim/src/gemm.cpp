/* GEMM by the host's CBLAS. First it checks that all operands are in live memory and that what it
 * reads has been written. TF32 and bf16 operands are rounded as tensor cores round them. It uses
 * one thread, so that the same call gives the same bits. */
#include "gemm.h"

#include <cblas.h>

#include <cmath>
#include <vector>

#include "cuda_bf16.h"
#include "device.h"
#include "memory.h"
#include "report.h"

namespace sim
{

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
            report(LYRNN_SIM_BAD_ARGUMENT,
                   "GEMM operand %s (%lld x %lld, ld %lld) at %p is not in live device memory",
                   name, x.rows, x.columns, x.ld, x.elements);
            return false;
        }
        const void *hole = is_read ? find_uninitialized(column, length) : nullptr;
        if (hole != nullptr) {
            report(LYRNN_SIM_UNINITIALIZED,
                   "GEMM operand %s (%lld x %lld, ld %lld) at %p: "
                   "%p was never written",
                   name, x.rows, x.columns, x.ld, x.elements, hole);
            return false;
        }
    }
    return true;
}

/* Rounds to fewer mantissa bits, as tensor cores do: to nearest, ties away from zero. */
static float round_mantissa(float x, int mantissa_bits)
{
    unsigned dropped = 23u - static_cast<unsigned>(mantissa_bits);
    if (dropped == 0 || !std::isfinite(x))
        return x;
    unsigned half = 1u << (dropped - 1);
    return __uint_as_float((__float_as_uint(x) + half) & ~(2 * half - 1));
}

/* Returns the elements as floats, without the gaps between columns. */
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

static void add_bias(const float *bias, const Matrix &c)
{
    float *elements = static_cast<float *>(const_cast<void *>(c.elements));
    for (long long j = 0; j < c.columns; j++)
        for (long long i = 0; i < c.rows; i++)
            elements[j * c.ld + i] += bias[i];
}

static void run_one(const Gemm &gemm, Matrix a, Matrix b, const Matrix &c, float alpha, float beta)
{
    const Matrix bias = {gemm.bias, CUDA_R_32F, gemm.m, 1, gemm.m};
    if (!check_matrix(a, "A", alpha != 0.0f) || !check_matrix(b, "B", alpha != 0.0f) ||
        !check_matrix(c, "C", beta != 0.0f) ||
        (gemm.bias != nullptr && !check_matrix(bias, "bias", true)))
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
    if (gemm.bias != nullptr)
        add_bias(gemm.bias, c);
    for (long long j = 0; j < c.columns; j++)
        mark_initialized(static_cast<const float *>(c.elements) + j * c.ld,
                         static_cast<size_t>(c.rows) * sizeof(float));
}

int mantissa_bits(cublasComputeType_t compute)
{
    switch (compute) {
    case CUBLAS_COMPUTE_32F_FAST_16BF:
        return 7;
    case CUBLAS_COMPUTE_32F_FAST_TF32:
        return 10;
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
        break;
    }
    return 23;
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

void run_gemm(const Gemm &gemm)
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

bool leading_dimension_fits(const Matrix &x)
{
    return x.ld >= (x.rows > 1 ? x.rows : 1) && x.ld <= 0x7fffffff;
}

} // namespace sim
