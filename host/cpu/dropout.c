/* Inverted dropout: y = keep x / (1 - p). Forward and backward draw the same keep from Philox.
 * Philox makes blocks of four numbers; a row may begin and end in the middle of a block. */
#include "cpu/cpu.h"
#include "lyrnn/philox.h"

/* The elements of row t whose numbers are in one block of Philox. */
static void drop_block(const lyrnn_dropout_args *args, size_t t, uint64_t place, size_t block)
{
    float scale = args->p < 1.0f ? 1.0f / (1.0f - args->p) : 0.0f, uniform[4];
    size_t lead = (size_t)(place % 4), count = args->count;
    const float *x = args->x + t * count;
    float *y = args->y + t * count;
    lyrnn_philox_uniform_block(args->seed, args->purpose, place / 4 + block, uniform);
    for (size_t word = 0; word < 4; word++) {
        size_t i = 4 * block + word - lead; /* before the row: wraps around, beyond count */
        if (i < count)
            y[i] = uniform[word] > args->p ? x[i] * scale : 0.0f;
    }
}

void lyrnn_cpu_dropout(lyrnn_backend *self, const lyrnn_dropout_args *args)
{
    (void)self;
    uint64_t start = (uint64_t)args->counters->step * args->per_step + args->position;
    size_t T = (size_t)args->T, num_blocks = args->count / 4 + 2; /* enough for every start */
#pragma omp parallel for collapse(2) schedule(static) if (T * args->count > LYRNN_CPU_SERIAL_MAX)
    for (size_t t = 0; t < T; t++)
        for (size_t block = 0; block < num_blocks; block++)
            drop_block(args, t, start + t * args->mask_stride, block);
}
