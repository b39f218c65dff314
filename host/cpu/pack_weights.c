/* Packs weights into panels (panels.h), once for many batch-invariant products. */
#include "cpu/cpu.h"
#include "cpu/panels.h"

void lyrnn_cpu_pack_weights(lyrnn_backend *self, const lyrnn_pack_weights_args *args)
{
    (void)self;
    size_t count = (size_t)args->N * (size_t)args->K;
    for (size_t i = 0; i < (size_t)args->num; i++) {
        lyrnn_matrix weight = lyrnn_matrix_of(args->weight + i * count, args->N, args->K);
#pragma omp parallel if (count > LYRNN_CPU_SERIAL_MAX)
        pack_panels(lyrnn_transpose(weight), args->packed + i * count);
    }
}
