/* The product of one time step: few rows (streams) times a matrix that every step uses again.
 *
 *     y (rows,N) += x (rows,K) w (K,N)
 *
 * BLAS would copy w into its own layout at each step, at a cost near that of the product itself. Here w is
 * packed once a sequence, in panels of two vectors' width that lie whole in the cache while the streams
 * pass by; sums stay in registers. Each sum runs over ascending k. */
#ifndef LYRNN_STEP_GEMM_H
#define LYRNN_STEP_GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* As wide as the machine's registers, and as many sums as they hold. */
#ifdef __AVX512F__
enum { STEP_LANES = 16, STEP_ROWS = 8 };
#else
enum { STEP_LANES = 8, STEP_ROWS = 4 };
#endif
enum { STEP_COLUMNS = 2 * STEP_LANES };
typedef float step_vector __attribute__((vector_size(STEP_LANES * sizeof(float)), aligned(4)));

/* Packs w (K,N), held as (N,K) where transposed, into panels one after the other: each (K,STEP_COLUMNS),
 * the last as wide as what is left. Called by all threads of a parallel region, which share the work. */
static inline void step_pack(const float *w, bool transposed, int N, int K, float *packed)
{
    size_t row = transposed ? 1 : (size_t)N, column = transposed ? (size_t)K : 1;
#pragma omp for schedule(static)
    for (int j = 0; j < N; j += STEP_COLUMNS) {
        int width = N - j < STEP_COLUMNS ? N - j : STEP_COLUMNS;
        float *panel = packed + (size_t)j * (size_t)K;
        for (size_t k = 0; k < (size_t)K; k++)
            for (size_t i = 0; i < (size_t)width; i++)
                panel[k * (size_t)width + i] = w[k * row + ((size_t)j + i) * column];
    }
}

/* ROWS streams by one whole panel. */
static inline __attribute__((always_inline)) void
step_panel(int ROWS, int K, const float *x, size_t ldx, const float *panel, float *y, size_t ldy)
{
    step_vector sums[STEP_ROWS][2];
    for (int r = 0; r < ROWS; r++) {
        const step_vector *from = (const step_vector *)(y + (size_t)r * ldy);
        sums[r][0] = from[0];
        sums[r][1] = from[1];
    }
    for (int k = 0; k < K; k++) {
        const step_vector *from = (const step_vector *)(panel + (size_t)k * STEP_COLUMNS);
        step_vector left = from[0], right = from[1];
        for (int r = 0; r < ROWS; r++) {
            float factor = x[(size_t)r * ldx + (size_t)k];
            sums[r][0] += left * factor;
            sums[r][1] += right * factor;
        }
    }
    for (int r = 0; r < ROWS; r++) {
        step_vector *to = (step_vector *)(y + (size_t)r * ldy);
        to[0] = sums[r][0];
        to[1] = sums[r][1];
    }
}

/* The last panel, where it is narrower. */
static inline void step_rest(int rows, int width, int K, const float *x, size_t ldx,
                             const float *panel, float *y, size_t ldy)
{
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < K; k++)
            for (int j = 0; j < width; j++)
                y[(size_t)r * ldy + (size_t)j] +=
                    x[(size_t)r * ldx + (size_t)k] * panel[(size_t)k * (size_t)width + (size_t)j];
}

static inline void step_gemm(int rows, int N, int K, const float *x, size_t ldx,
                             const float *packed, float *y, size_t ldy)
{
    int j = 0;
    for (; j + STEP_COLUMNS <= N; j += STEP_COLUMNS) {
        const float *panel = packed + (size_t)j * (size_t)K;
        int r = 0;
        for (; r + STEP_ROWS <= rows; r += STEP_ROWS)
            step_panel(STEP_ROWS, K, x + (size_t)r * ldx, ldx, panel, y + (size_t)r * ldy + j, ldy);
        for (; r < rows; r++)
            step_panel(1, K, x + (size_t)r * ldx, ldx, panel, y + (size_t)r * ldy + j, ldy);
    }
    step_rest(rows, N - j, K, x, ldx, packed + (size_t)j * (size_t)K, y + j, ldy);
}

#endif
