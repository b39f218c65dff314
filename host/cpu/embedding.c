/* The one-hot lookup. A one-hot row times W_ih is a row of W_ih^T. So forward is a gather, backward
 * is a scatter that adds, and there are no one-hot vectors. */
#include "cpu/cpu.h"

static void gather_rows(const void *forward_args, int first, int end)
{
    const lyrnn_embedding_forward_args *args = (const lyrnn_embedding_forward_args *)forward_args;
    int F = args->F;
    for (int m = first; m < end; m++) {
        const float *row = args->table + (size_t)args->ids[m] * (size_t)F;
        float *out = args->out + (size_t)m * (size_t)F;
        for (int f = 0; f < F; f++)
            out[f] = args->bias == NULL ? row[f] : row[f] + args->bias[f];
    }
}

void lyrnn_cpu_embedding_forward(lyrnn_backend *self, const lyrnn_embedding_forward_args *args)
{
    (void)self;
    bool is_large = (size_t)args->M * (size_t)args->F > LYRNN_CPU_SERIAL_MAX;
    lyrnn_cpu_share(args, args->M, is_large, gather_rows);
}

/* Unlike on CUDA, nothing needs to be sorted. */
void lyrnn_cpu_group_ids(lyrnn_backend *self, const lyrnn_group_ids_args *args)
{
    (void)self;
    (void)args;
}

void lyrnn_cpu_embedding_backward(lyrnn_backend *self, const lyrnn_embedding_backward_args *args)
{
    (void)self;
    int M = args->M, F = args->F;
    /* Each thread owns some columns of every row. So no two threads add to the same float, and the
     * order of addition is always that of m. */
    enum { COLUMNS = 64 };
#pragma omp parallel for schedule(static) if ((size_t)M * (size_t)F > LYRNN_CPU_SERIAL_MAX)
    for (int first = 0; first < F; first += COLUMNS) {
        int columns = F - first < COLUMNS ? F - first : COLUMNS;
        for (int m = 0; m < M; m++) {
            const float *dout = args->dout + (size_t)m * (size_t)F + first;
            float *row = args->dtable + (size_t)args->ids[m] * (size_t)F + first;
#pragma omp simd
            for (int f = 0; f < columns; f++)
                row[f] += dout[f];
        }
    }
}
