/* Adds one flat buffer to another. */
#include "cpu/cpu.h"

void lyrnn_cpu_add(lyrnn_backend *self, const lyrnn_add_args *args)
{
    (void)self;
#pragma omp parallel for simd schedule(static) if (parallel : args->count > LYRNN_CPU_SERIAL_MAX)
    for (size_t i = 0; i < args->count; i++)
        args->sum[i] += args->values[i];
}
