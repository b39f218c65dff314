/* A view of a matrix, as the GEMMs of both backends take it. The memory belongs to the caller.
 *
 * Element (i, j) is data[i * stride + j]. In a transposed view it is data[j * stride + i], so that
 * transposing copies nothing. */
#ifndef LYRNN_MATRIX_H
#define LYRNN_MATRIX_H

#include <stdbool.h>

typedef struct {
    const float *data;
    int rows, cols;
    int stride; /* floats from one stored row to the next */
    bool is_transposed;
} lyrnn_matrix;

/* A matrix (rows,cols) without gaps between its rows. */
static inline lyrnn_matrix lyrnn_matrix_of(const float *data, int rows, int cols)
{
    lyrnn_matrix matrix = {data, rows, cols, cols, false};
    return matrix;
}

/* A matrix (rows,cols) whose rows begin stride floats apart. */
static inline lyrnn_matrix lyrnn_matrix_rows(const float *data, int rows, int cols, int stride)
{
    lyrnn_matrix matrix = {data, rows, cols, stride, false};
    return matrix;
}

static inline lyrnn_matrix lyrnn_transpose(lyrnn_matrix matrix)
{
    lyrnn_matrix transposed = {matrix.data, matrix.cols, matrix.rows, matrix.stride,
                               !matrix.is_transposed};
    return transposed;
}

#endif
