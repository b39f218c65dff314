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
#include <string.h>

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

/* The first `width` of two vectors' lanes; the others are zero. */
static inline __attribute__((always_inline)) void load_columns(const float *from, int width,
                                                               panel_vector columns[2])
{
    if (width < PANEL_COLUMNS) {
        panel_vector copied[2] = {{0}, {0}};
        memcpy(copied, from, (size_t)width * sizeof *from);
        columns[0] = copied[0];
        columns[1] = copied[1];
        return;
    }
    columns[0] = *(const panel_vector *)from;
    columns[1] = *(const panel_vector *)(from + PANEL_LANES);
}

static inline __attribute__((always_inline)) void store_columns(float *to, int width,
                                                                const panel_vector columns[2])
{
    if (width < PANEL_COLUMNS) {
        const panel_vector copied[2] = {columns[0], columns[1]};
        memcpy(to, copied, (size_t)width * sizeof *to);
        return;
    }
    *(panel_vector *)to = columns[0];
    *(panel_vector *)(to + PANEL_LANES) = columns[1];
}

/* ROWS streams by one panel. A narrow panel's rows are read as if they were whole: what follows them falls into
 * lanes that are never stored. Only its last rows have nothing to follow. */
static inline __attribute__((always_inline)) void panel_tile(int ROWS, int width, int K,
                                                             const float *x, size_t ldx,
                                                             const float *panel, float *y,
                                                             size_t ldy)
{
    panel_vector sums[PANEL_ROWS][2];
    for (int r = 0; r < ROWS; r++)
        load_columns(y + (size_t)r * ldy, width, sums[r]);
    size_t left = (size_t)K * (size_t)width;
    for (int k = 0; k < K; k++, panel += width, left -= (size_t)width) {
        panel_vector columns[2];
        bool is_last = width < PANEL_COLUMNS && left < PANEL_COLUMNS;
        load_columns(panel, is_last ? width : PANEL_COLUMNS, columns);
        for (int r = 0; r < ROWS; r++) {
            float factor = x[(size_t)r * ldx + (size_t)k];
            sums[r][0] += columns[0] * factor;
            sums[r][1] += columns[1] * factor;
        }
    }
    for (int r = 0; r < ROWS; r++)
        store_columns(y + (size_t)r * ldy, width, sums[r]);
}

static inline __attribute__((always_inline)) void panel_rows(int rows, int width, int K,
                                                             const float *x, size_t ldx,
                                                             const float *panel, float *y,
                                                             size_t ldy)
{
    int r = 0;
    for (; r + PANEL_ROWS <= rows; r += PANEL_ROWS)
        panel_tile(PANEL_ROWS, width, K, x + (size_t)r * ldx, ldx, panel, y + (size_t)r * ldy, ldy);
    for (; r < rows; r++)
        panel_tile(1, width, K, x + (size_t)r * ldx, ldx, panel, y + (size_t)r * ldy, ldy);
}

/* All rows by one panel. */
static inline void panel_gemm(int rows, int width, int K, const float *x, size_t ldx,
                              const float *panel, float *y, size_t ldy)
{
    if (width == PANEL_COLUMNS)
        panel_rows(rows, PANEL_COLUMNS, K, x, ldx, panel, y, ldy);
    else
        panel_rows(rows, width, K, x, ldx, panel, y, ldy);
}

static inline void packed_gemm(int rows, int N, int K, const float *x, size_t ldx,
                               const float *packed, float *y, size_t ldy)
{
    for (int j = 0; j < N; j += PANEL_COLUMNS)
        panel_gemm(rows, panel_width(N, j), K, x, ldx, packed + (size_t)j * (size_t)K, y + j, ldy);
}

#endif
