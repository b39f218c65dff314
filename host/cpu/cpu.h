/* What the files of the CPU backend share: the operations' declarations, work sharing and GEMM. */
#ifndef LYRNN_CPU_H
#define LYRNN_CPU_H

#include <cblas.h>
#include <omp.h>
#include <stdbool.h>

#include "base/matrix.h"
#include "lyrnn/backend.h"

/* On at most this many floats, the calling thread is done before other threads wake up. */
#define LYRNN_CPU_SERIAL_MAX ((size_t)16384)

/* Calls work(args, first, end) for parts of [0, count). If is_large, each thread gets one part.
 * Otherwise, and inside a parallel region, the calling thread does all of it. OpenMP's if clause
 * would not do: it starts a team of one thread in each operation, and the generation of a character
 * takes only a few microseconds. */
static inline void lyrnn_cpu_share(const void *args, int count, bool is_large,
                                   void (*work)(const void *args, int first, int end))
{
    if (!is_large || omp_in_parallel() || omp_get_max_threads() == 1) {
        work(args, 0, count);
        return;
    }
#pragma omp parallel
    {
        int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
        work(args, (int)(count * thread / threads), (int)(count * (thread + 1) / threads));
    }
}

#define LYRNN_DECLARE(name)                                                                        \
    void lyrnn_cpu_##name(lyrnn_backend *self, const lyrnn_##name##_args *args);
LYRNN_COMPUTE_OPERATIONS(LYRNN_DECLARE)
#undef LYRNN_DECLARE

/* c (M,N) = a (M,K) b (K,N) + beta c, rows of c c_stride floats apart. It uses all threads and must
 * not be called inside a parallel region. */
void lyrnn_cpu_gemm(lyrnn_matrix a, lyrnn_matrix b, float beta, float *c, int c_stride);

/* y (M,num*N) = bias + x (M,K) w^T, for num matrices (N,K) as pack_weights leaves them. */
typedef struct {
    lyrnn_matrix x;
    int num, N;
    const float *packed; /* (num,N,K) */
    const float *bias;   /* (num*N); NULL: the product is added to y */
    float *y;            /* (M,num*N), rows y_stride floats apart */
    int y_stride;
} lyrnn_packed_product;

/* A row of y has the same bits whatever M and the number of threads are. Inside a parallel region
 * the calling thread does all the work. */
void lyrnn_cpu_invariant_gemm(const lyrnn_packed_product *product);

/* sums[j] = sum over m of rows[m][j], in ascending m. add: the sum is added to what sums holds. */
void lyrnn_cpu_column_sums(lyrnn_matrix rows, bool add, float *sums);

#endif
