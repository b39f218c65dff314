/* GEMM by OpenBLAS, and the column sums that are the gradients of biases. */
#include "cpu/cpu.h"

void lyrnn_cpu_gemm(lyrnn_matrix a, lyrnn_matrix b, float beta, float *c, int c_stride)
{
    const float alpha = 1.0f;
    int M = a.rows, N = b.cols, K = a.cols;
    LYRNN_CHECK(b.rows == K);
    /* A single row is a matrix-vector product: GEMM would copy all of b to multiply it once. */
    if (M == 1 && !a.is_transposed) {
        cblas_sgemv(CblasRowMajor, b.is_transposed ? CblasNoTrans : CblasTrans,
                    b.is_transposed ? N : K, b.is_transposed ? K : N, alpha, b.data, b.stride,
                    a.data, 1, beta, c, 1);
        return;
    }
    cblas_sgemm(CblasRowMajor, a.is_transposed ? CblasTrans : CblasNoTrans,
                b.is_transposed ? CblasTrans : CblasNoTrans, M, N, K, alpha, a.data, a.stride,
                b.data, b.stride, beta, c, c_stride);
}

void lyrnn_cpu_column_sums(lyrnn_matrix rows, bool add, float *sums)
{
    /* Threads share the columns, not the rows. This fixes the order of addition. */
    enum { COLUMNS = 64 };
    int M = rows.rows, N = rows.cols;
#pragma omp parallel for schedule(static) if ((size_t)M * (size_t)N > LYRNN_CPU_SERIAL_MAX)
    for (int first = 0; first < N; first += COLUMNS) {
        int columns = N - first < COLUMNS ? N - first : COLUMNS;
        float partial[COLUMNS] = {0};
        for (int m = 0; m < M; m++) {
            const float *row = rows.data + (size_t)m * (size_t)rows.stride + first;
            for (int j = 0; j < columns; j++)
                partial[j] += row[j];
        }
        for (int j = 0; j < columns; j++)
            sums[first + j] = add ? sums[first + j] + partial[j] : partial[j];
    }
}
