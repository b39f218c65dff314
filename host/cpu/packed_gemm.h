/* The product of one time step: few rows (streams) times a matrix that every step uses again.
 *
 *     y (rows,N) += x (rows,K) w (K,N)
 *
 * BLAS would copy w into its own layout at each step, at a cost near that of the product itself. Here w is
 * packed once for many steps, in panels of two vectors' width that lie whole in the cache while the streams
 * pass by; sums stay in registers. Each sum runs over ascending k, whatever stands beside it: a row of y has
 * the same bits in any company. */
#ifndef LYRNN_PACKED_GEMM_H
#define LYRNN_PACKED_GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* As wide as the machine's registers, and as many sums as they hold. */
#ifdef __AVX512F__
enum { PANEL_LANES = 16, PANEL_ROWS = 8 };
#else
enum { PANEL_LANES = 8, PANEL_ROWS = 4 };
#endif
enum { PANEL_COLUMNS = 2 * PANEL_LANES };
typedef float panel_vector __attribute__((vector_size(PANEL_LANES * sizeof(float)), aligned(4)));

/* Columns of the panel that begins at column `first`: the last may be narrower. */
static inline int panel_width(int N, int first)
{
    return N - first < PANEL_COLUMNS ? N - first : PANEL_COLUMNS;
}

/* Packs w (K,N), held as (N,K) where transposed, into panels one after the other: each (K,PANEL_COLUMNS),
 * the last as wide as what is left. Called by all threads of a parallel region, which share the work. */
static inline void pack_panels(const float *w, bool transposed, int N, int K, float *packed)
{
    size_t row = transposed ? 1 : (size_t)N, column = transposed ? (size_t)K : 1;
#pragma omp for schedule(static)
    for (int j = 0; j < N; j += PANEL_COLUMNS) {
        int width = panel_width(N, j);
        float *panel = packed + (size_t)j * (size_t)K;
        for (size_t k = 0; k < (size_t)K; k++)
            for (size_t i = 0; i < (size_t)width; i++)
                panel[k * (size_t)width + i] = w[k * row + ((size_t)j + i) * column];
    }
}

/* ROWS streams by one whole panel. */
static inline __attribute__((always_inline)) void
panel_whole(int ROWS, int K, const float *x, size_t ldx, const float *panel, float *y, size_t ldy)
{
    panel_vector sums[PANEL_ROWS][2];
    for (int r = 0; r < ROWS; r++) {
        const panel_vector *from = (const panel_vector *)(y + (size_t)r * ldy);
        sums[r][0] = from[0];
        sums[r][1] = from[1];
    }
    for (int k = 0; k < K; k++) {
        const panel_vector *from = (const panel_vector *)(panel + (size_t)k * PANEL_COLUMNS);
        panel_vector left = from[0], right = from[1];
        for (int r = 0; r < ROWS; r++) {
            float factor = x[(size_t)r * ldx + (size_t)k];
            sums[r][0] += left * factor;
            sums[r][1] += right * factor;
        }
    }
    for (int r = 0; r < ROWS; r++) {
        panel_vector *to = (panel_vector *)(y + (size_t)r * ldy);
        to[0] = sums[r][0];
        to[1] = sums[r][1];
    }
}

/* The last panel, where it is narrower. */
static inline void panel_rest(int rows, int width, int K, const float *x, size_t ldx,
                             const float *panel, float *y, size_t ldy)
{
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < K; k++)
            for (int j = 0; j < width; j++)
                y[(size_t)r * ldy + (size_t)j] +=
                    x[(size_t)r * ldx + (size_t)k] * panel[(size_t)k * (size_t)width + (size_t)j];
}

/* All rows by the panel at `packed`, of so many columns. */
static inline void panel_gemm(int rows, int columns, int K, const float *x, size_t ldx,
                              const float *panel, float *y, size_t ldy)
{
    if (columns < PANEL_COLUMNS) {
        panel_rest(rows, columns, K, x, ldx, panel, y, ldy);
        return;
    }
    int r = 0;
    for (; r + PANEL_ROWS <= rows; r += PANEL_ROWS)
        panel_whole(PANEL_ROWS, K, x + (size_t)r * ldx, ldx, panel, y + (size_t)r * ldy, ldy);
    for (; r < rows; r++)
        panel_whole(1, K, x + (size_t)r * ldx, ldx, panel, y + (size_t)r * ldy, ldy);
}

static inline void packed_gemm(int rows, int N, int K, const float *x, size_t ldx,
                               const float *packed, float *y, size_t ldy)
{
    for (int j = 0; j < N; j += PANEL_COLUMNS)
        panel_gemm(rows, panel_width(N, j), K, x, ldx, packed + (size_t)j * (size_t)K, y + j, ldy);
}

#endif
