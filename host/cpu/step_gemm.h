/* The product of one time step: few rows (streams) times a square matrix that every step uses again.
 *
 *     y (rows,N) += x (rows,K) w (K,N)
 *
 * BLAS would copy w into its own layout at each step, at a cost near that of the product itself. Here w is
 * read as it stands, in panels of two vectors that stay in the first-level cache while the streams pass
 * by; sums stay in registers. Each sum runs over ascending k. */
#ifndef LYRNN_STEP_GEMM_H
#define LYRNN_STEP_GEMM_H

#include <stddef.h>

/* As wide as the machine's registers, and as many sums as they hold. */
#ifdef __AVX512F__
enum { STEP_LANES = 16, STEP_ROWS = 8 };
#else
enum { STEP_LANES = 8, STEP_ROWS = 4 };
#endif
typedef float step_vector __attribute__((vector_size(STEP_LANES * sizeof(float)), aligned(4)));

/* ROWS streams by one panel of 2 STEP_LANES columns. */
static inline __attribute__((always_inline)) void
step_panel(int ROWS, int N, int K, const float *x, size_t ldx, const float *w, float *y, size_t ldy)
{
    step_vector sums[STEP_ROWS][2];
    for (int r = 0; r < ROWS; r++) {
        const step_vector *from = (const step_vector *)(y + (size_t)r * ldy);
        sums[r][0] = from[0];
        sums[r][1] = from[1];
    }
    for (int k = 0; k < K; k++) {
        const step_vector *from = (const step_vector *)(w + (size_t)k * (size_t)N);
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

/* The columns that fill no panel. */
static inline void step_columns(int rows, int first, int N, int K, const float *x, size_t ldx,
                                const float *w, float *y, size_t ldy)
{
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < K; k++)
            for (int j = first; j < N; j++)
                y[(size_t)r * ldy + (size_t)j] +=
                    x[(size_t)r * ldx + (size_t)k] * w[(size_t)k * (size_t)N + (size_t)j];
}

static inline void step_gemm(int rows, int N, int K, const float *x, size_t ldx, const float *w,
                             float *y, size_t ldy)
{
    int j = 0;
    for (; j + 2 * STEP_LANES <= N; j += 2 * STEP_LANES) {
        int r = 0;
        for (; r + STEP_ROWS <= rows; r += STEP_ROWS)
            step_panel(STEP_ROWS, N, K, x + (size_t)r * ldx, ldx, w + j, y + (size_t)r * ldy + j,
                       ldy);
        for (; r < rows; r++)
            step_panel(1, N, K, x + (size_t)r * ldx, ldx, w + j, y + (size_t)r * ldy + j, ldy);
    }
    step_columns(rows, j, N, K, x, ldx, w, y, ldy);
}

#endif
