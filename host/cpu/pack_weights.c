/* Weights in panels, packed once for many products, and the product of a few rows with them. */
#include "cpu/cpu.h"

#include <string.h>

#include "cpu/packed_gemm.h"

void lyrnn_cpu_pack_weights(lyrnn_backend *self, const lyrnn_pack_weights_args *args)
{
    (void)self;
    size_t count = (size_t)args->N * (size_t)args->K;
    for (size_t i = 0; i < (size_t)args->num; i++)
#pragma omp parallel if (count > LYRNN_CPU_SERIAL_MAX)
        pack_panels(args->weight + i * count, true, args->N, args->K, args->packed + i * count);
}

/* The product, in panels of all its matrices. */
typedef struct {
    int M, N, K, panels; /* of a matrix */
    const float *x;
    int ldx;
    const float *packed, *bias;
    float *y;
    int ldy;
} product;

static void multiply_panels(const void *args, int first, int end)
{
    const product *p = (const product *)args;
    size_t ldx = (size_t)p->ldx, ldy = (size_t)p->ldy;
    for (int i = first; i < end; i++) {
        int start = i % p->panels * PANEL_COLUMNS, width = panel_width(p->N, start);
        size_t column = (size_t)(i / p->panels) * (size_t)p->N + (size_t)start;
        float *y = p->y + column;
        for (size_t m = 0; p->bias != NULL && m < (size_t)p->M; m++)
            memcpy(y + m * ldy, p->bias + column, (size_t)width * sizeof *y);
        panel_gemm(p->M, width, p->K, p->x, ldx, p->packed + column * (size_t)p->K, y, ldy);
    }
}

void lyrnn_cpu_packed_gemm(int M, int num, int N, int K, const float *x, int ldx,
                           const float *packed, const float *bias, float *y, int ldy)
{
    /* Below, another thread wakes up when the work is done. */
    const size_t serial_max = 32768;
    int panels = (N + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
    product p = {M, N, K, panels, x, ldx, packed, bias, y, ldy};
    bool is_large = (size_t)M * (size_t)num * (size_t)N * (size_t)K > serial_max;
    lyrnn_cpu_share(&p, num * panels, is_large, multiply_panels);
}
