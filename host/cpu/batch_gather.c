/* Cuts the next batch out of the corpus: the characters of each stream's chunk as inputs, and the
 * same shifted by one as targets. Where a chunk is shorter than the batch, padding follows. */
#include "cpu/cpu.h"

void lyrnn_cpu_batch_gather(lyrnn_backend *self, const lyrnn_batch_gather_args *args)
{
    (void)self;
    int T = args->T, B = args->B;
    const lyrnn_chunk *row = args->chunks + args->counters->batch * args->num_streams;
    const lyrnn_chunk *chunks = row + args->first_stream;
    int64_t num_targets = 0;
    for (int b = 0; b < args->num_streams; b++)
        num_targets += row[b].num_targets;
    for (int b = 0; b < B; b++)
        args->from_zero[b] = chunks[b].from_zero;
    for (int t = 0; t < T; t++) {
        for (int b = 0; b < B; b++) {
            bool is_padding = t >= chunks[b].num_targets;
            const int32_t *id = args->ids + chunks[b].start + t;
            args->inputs[t * B + b] = is_padding ? 0 : id[0];
            args->targets[t * B + b] = is_padding ? LYRNN_IGNORED_TARGET : id[1];
        }
    }
    args->counters->num_targets = num_targets;
    args->counters->batch += args->is_last;
}
