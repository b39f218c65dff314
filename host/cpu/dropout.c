/* Inverted dropout: y = keep x / (1 - p). Forward and backward draw the same keep from Philox.
 * Philox makes blocks of four numbers; a range may begin and end in the middle of a block. */
#include "cpu/cpu.h"
#include "lyrnn/philox.h"

void lyrnn_cpu_dropout(lyrnn_backend *self, const lyrnn_dropout_args *args)
{
    (void)self;
    uint64_t position = (uint64_t)args->counters->step * args->per_step + args->position;
    float scale = args->p < 1.0f ? 1.0f / (1.0f - args->p) : 0.0f;
    size_t lead = (size_t)(position % 4), num_blocks = (lead + args->count + 3) / 4;
#pragma omp parallel for schedule(static) if (args->count > LYRNN_CPU_SERIAL_MAX)
    for (size_t block = 0; block < num_blocks; block++) {
        float uniform[4];
        lyrnn_philox_uniform_block(args->seed, LYRNN_PURPOSE_DROPOUT, position / 4 + block,
                                   uniform);
        for (size_t word = 0; word < 4; word++) {
            size_t i = 4 * block + word - lead; /* before the range: wraps around, beyond count */
            if (i < args->count)
                args->y[i] = uniform[word] > args->p ? args->x[i] * scale : 0.0f;
        }
    }
}
