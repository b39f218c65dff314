/* A GEMM as cuBLAS and cuBLASLt queue it, and the function that computes it on the host. */
#ifndef LYRNN_SIM_GEMM_H
#define LYRNN_SIM_GEMM_H

#include <cstddef>

#include "cublas_v2.h"

namespace sim
{

/* A column-major matrix in memory. The starts of two columns are ld elements apart. */
struct Matrix {
    const void *elements;
    cudaDataType type;
    long long rows, columns, ld;
};

struct Gemm {
    bool transpose_a, transpose_b;
    /* Mantissa bits of the operands: fp32 23, TF32 10, bf16 7. */
    int mantissa_bits;
    int m, n, k;
    Matrix a, b, c;
    /* Distance between the problems of a batch, in elements. */
    long long stride_a, stride_b, stride_c;
    int count;
    /* Device pointers. NULL: the values alpha and beta below are used. */
    const float *alpha_pointer, *beta_pointer;
    float alpha, beta;
    /* Device array of m values, added to every column. NULL: no bias. */
    const float *bias;
};

/* Returns the number of mantissa bits that operands keep. */
int mantissa_bits(cublasComputeType_t compute);

/* Returns whether the columns of x do not overlap. */
bool leading_dimension_fits(const Matrix &x);

/* Runs when the queue reaches the GEMM: checks the operands and computes the result. */
void run_gemm(const Gemm &gemm);

} // namespace sim

#endif
