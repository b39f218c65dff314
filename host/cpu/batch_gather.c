/* Cuts the next batch out of the corpus: T characters from the start of each stream as inputs, and
 * the same shifted by one as targets. */
#include "cpu/cpu.h"

void lyrnn_cpu_batch_gather(lyrnn_backend *self, const lyrnn_batch_gather_args *args)
{
    (void)self;
    int T = args->T, B = args->B;
    const int64_t *starts = args->starts + args->counters->batch * B;
    for (int t = 0; t < T; t++) {
        for (int b = 0; b < B; b++) {
            const int32_t *id = args->ids + starts[b] + t;
            args->inputs[t * B + b] = id[0];
            args->targets[t * B + b] = id[1];
        }
    }
    args->counters->batch++;
}
