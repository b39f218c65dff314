/* A GEMM as cuBLAS and cuBLASLt queue it, and its run on the host. */
#ifndef LYRNN_SIM_GEMM_H
#define LYRNN_SIM_GEMM_H

#include <cstddef>

#include "cublas_v2.h"

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
    const float *bias; /* device (m), added to every column; NULL: none */
};

/* Bits of mantissa that operands keep. */
int mantissa_bits(cublasComputeType_t compute);

/* Whether columns of x do not overlap. */
bool leading_dimension_fits(const Matrix &x);

/* Where the work of a GEMM is done: checks operands and computes. */
void run_gemm(const Gemm &gemm);

} // namespace sim

#endif
