/* The product of a few rows with a matrix that many products share.
 *
 *     y (rows,N) += x (rows,K) w (K,N)
 *
 * BLAS copies w into its own layout at each call, which costs nearly as much as the product itself.
 * Here w is packed once, in panels of two vectors' width. A panel stays in the cache while all rows
 * pass by, and the sums stay in registers. Each sum runs over ascending k, so that a row of y has
 * the same bits whatever the other rows are. */
#ifndef LYRNN_PANELS_H
#define LYRNN_PANELS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/matrix.h"

/* A vector is as wide as the machine's registers, which hold two vectors of sums per row. */
#ifdef __AVX512F__
enum { PANEL_LANES = 16, PANEL_ROWS = 8 };
#else
enum { PANEL_LANES = 8, PANEL_ROWS = 4 };
#endif
enum { PANEL_COLUMNS = 2 * PANEL_LANES };
typedef float panel_vector __attribute__((vector_size(PANEL_LANES * sizeof(float)), aligned(4)));

/* What a product is added to: rows begin stride floats apart. */
typedef struct {
    float *data;
    size_t stride;
} panel_sums;

/* The columns of the panel that begins at column `first`. The last panel may be narrower. */
static inline int panel_width(int N, int first)
{
    return N - first < PANEL_COLUMNS ? N - first : PANEL_COLUMNS;
}

/* Packs w (K,N) into panels, one after the other. A panel is (K,PANEL_COLUMNS); the last one is as
 * wide as what is left. All threads of a parallel region call this and share the work. */
static inline void pack_panels(lyrnn_matrix w, float *packed)
{
    size_t stride = (size_t)w.stride;
    size_t row = w.is_transposed ? 1 : stride, column = w.is_transposed ? stride : 1;
#pragma omp for schedule(static)
    for (int j = 0; j < w.cols; j += PANEL_COLUMNS) {
        int width = panel_width(w.cols, j);
        float *panel = packed + (size_t)j * (size_t)w.rows;
        for (size_t k = 0; k < (size_t)w.rows; k++)
            for (size_t i = 0; i < (size_t)width; i++)
                panel[k * (size_t)width + i] = w.data[k * row + ((size_t)j + i) * column];
    }
}

/* Loads the first `width` lanes of two vectors; the other lanes are zero. */
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

/* Multiplies ROWS rows of x, from row `first` on, with one panel.
 *
 * A narrow panel's rows are read as if they were full: what follows them falls into lanes that are
 * never stored. Only the last rows of a panel have nothing behind them and are read exactly. */
static inline __attribute__((always_inline)) void
panel_tile(int ROWS, lyrnn_matrix x, int first, int width, const float *panel, panel_sums y)
{
    panel_vector sums[PANEL_ROWS][2];
    const float *rows = x.data + (size_t)first * (size_t)x.stride;
    float *to = y.data + (size_t)first * y.stride;
    for (int r = 0; r < ROWS; r++)
        load_columns(to + (size_t)r * y.stride, width, sums[r]);
    size_t left = (size_t)x.cols * (size_t)width;
    for (int k = 0; k < x.cols; k++, panel += width, left -= (size_t)width) {
        panel_vector columns[2];
        bool is_last = width < PANEL_COLUMNS && left < PANEL_COLUMNS;
        load_columns(panel, is_last ? width : PANEL_COLUMNS, columns);
        for (int r = 0; r < ROWS; r++) {
            float factor = rows[(size_t)r * (size_t)x.stride + (size_t)k];
            sums[r][0] += columns[0] * factor;
            sums[r][1] += columns[1] * factor;
        }
    }
    for (int r = 0; r < ROWS; r++)
        store_columns(to + (size_t)r * y.stride, width, sums[r]);
}

static inline __attribute__((always_inline)) void panel_rows(lyrnn_matrix x, int width,
                                                             const float *panel, panel_sums y)
{
    int r = 0;
    for (; r + PANEL_ROWS <= x.rows; r += PANEL_ROWS)
        panel_tile(PANEL_ROWS, x, r, width, panel, y);
    for (; r < x.rows; r++)
        panel_tile(1, x, r, width, panel, y);
}

/* y (rows,width) += x (rows,K) panel (K,width), rows of y a stride apart. */
static inline void panel_gemm(lyrnn_matrix x, int width, const float *panel, float *y,
                              size_t y_stride)
{
    const panel_sums sums = {y, y_stride};
    /* The first call is compiled for a constant width. */
    if (width == PANEL_COLUMNS)
        panel_rows(x, PANEL_COLUMNS, panel, sums);
    else
        panel_rows(x, width, panel, sums);
}

/* y (rows,N) += x (rows,K) w (K,N) for w in panels. */
static inline void packed_gemm(lyrnn_matrix x, int N, const float *packed, float *y,
                               size_t y_stride)
{
    for (int j = 0; j < N; j += PANEL_COLUMNS)
        panel_gemm(x, panel_width(N, j), packed + (size_t)j * (size_t)x.cols, y + j, y_stride);
}

#endif
