/* y = bias + x w^T. A row of y has the same bits for every number of rows M. OpenBLAS chooses its
 * order of addition by the shape. Here each sum runs over ascending k (panels.h). */
#include "cpu/cpu.h"

#include <string.h>

#include "cpu/panels.h"

static int panels_of(const lyrnn_packed_product *p)
{
    return (p->N + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
}

/* The panels [first, end) of all the matrices, counted through. */
static void multiply_panels(const void *product, int first, int end)
{
    const lyrnn_packed_product *p = (const lyrnn_packed_product *)product;
    int panels = panels_of(p);
    size_t stride = (size_t)p->y_stride;
    for (int i = first; i < end; i++) {
        int start = i % panels * PANEL_COLUMNS, width = panel_width(p->N, start);
        size_t column = (size_t)(i / panels) * (size_t)p->N + (size_t)start;
        float *y = p->y + column;
        for (size_t m = 0; p->bias != NULL && m < (size_t)p->x.rows; m++)
            memcpy(y + m * stride, p->bias + column, (size_t)width * sizeof *y);
        panel_gemm(p->x, width, p->packed + column * (size_t)p->x.cols, y, stride);
    }
}

void lyrnn_cpu_invariant_gemm(const lyrnn_packed_product *p)
{
    /* A smaller product is done before another thread wakes up. */
    const size_t serial_max = 32768;
    size_t fmas = (size_t)p->x.rows * (size_t)p->num * (size_t)p->N * (size_t)p->x.cols;
    lyrnn_cpu_share(p, p->num * panels_of(p), fmas > serial_max, multiply_panels);
}
