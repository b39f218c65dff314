/* GEMM by OpenBLAS, and the sums over rows that bias gradients are. */
#include "cpu/cpu.h"

void lyrnn_cpu_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const float *a,
                    int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    /* One row is a matrix-vector product: GEMM would copy all of b to multiply it once. */
    if (M == 1 && !transpose_a) {
        cblas_sgemv(CblasRowMajor, transpose_b ? CblasNoTrans : CblasTrans, transpose_b ? N : K,
                    transpose_b ? K : N, 1.0f, b, ldb, a, 1, beta, c, 1);
        return;
    }
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, M, N, K, 1.0f, a, lda, b, ldb, beta, c,
                ldc);
}

void lyrnn_cpu_column_sums(const float *rows, int M, int N, int stride, bool add, float *sums)
{
    /* Threads share the columns, not the rows, so that the order of addition is fixed. */
    enum { COLUMNS = 64 };
#pragma omp parallel for schedule(static) if ((size_t)M * (size_t)N > LYRNN_CPU_SERIAL_MAX)
    for (int first = 0; first < N; first += COLUMNS) {
        int columns = N - first < COLUMNS ? N - first : COLUMNS;
        float partial[COLUMNS] = {0};
        for (int m = 0; m < M; m++) {
            const float *row = rows + (size_t)m * (size_t)stride + first;
            for (int j = 0; j < columns; j++)
                partial[j] += row[j];
        }
        for (int j = 0; j < columns; j++)
            sums[first + j] = add ? sums[first + j] + partial[j] : partial[j];
    }
}
