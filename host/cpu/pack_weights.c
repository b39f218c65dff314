/* Weights in panels, packed once for many products, and the product of a few rows with them. */
#include "cpu.h"

#include <omp.h>

#include "packed_gemm.h"

void lyrnn_cpu_pack_weights(lyrnn_backend *self, const lyrnn_pack_weights_args *args)
{
    (void)self;
    size_t count = (size_t)args->N * (size_t)args->K;
    for (size_t i = 0; i < (size_t)args->num; i++)
#pragma omp parallel if (count > LYRNN_CPU_SERIAL_MAX)
        pack_panels(args->weight + i * count, true, args->N, args->K, args->packed + i * count);
}

void lyrnn_cpu_packed_gemm(int M, int num, int N, int K, const float *x, int ldx,
                           const float *packed, float *y, int ldy)
{
    /* Below, another thread wakes up when the work is done. */
    const size_t serial_max = 32768;
    int num_panels = (N + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
    bool is_large = (size_t)M * (size_t)num * (size_t)N * (size_t)K > serial_max;
#pragma omp parallel for schedule(static) if (is_large && !omp_in_parallel())
    for (int i = 0; i < num * num_panels; i++) {
        int first = i % num_panels * PANEL_COLUMNS, column = i / num_panels * N + first;
        panel_gemm(M, panel_width(N, first), K, x, (size_t)ldx, packed + (size_t)column * (size_t)K,
                   y + column, (size_t)ldy);
    }
}
