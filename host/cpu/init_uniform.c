/* Initial weights from U(-bound, bound) by Philox. Each number depends only on its position. */
#include "cpu/cpu.h"
#include "lyrnn/philox.h"

void lyrnn_cpu_init_uniform(lyrnn_backend *self, const lyrnn_init_uniform_args *args)
{
    (void)self;
#pragma omp parallel for schedule(static) if (args->count > LYRNN_CPU_SERIAL_MAX)
    for (size_t i = 0; i < args->count; i++) {
        float u = lyrnn_philox_uniform(args->seed, args->purpose, args->position + i);
        args->values[i] = (2.0f * u - 1.0f) * args->bound;
    }
}
