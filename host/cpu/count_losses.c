/* Adds the losses of a batch to the counters. */
#include "cpu/cpu.h"

#include <math.h>

void lyrnn_cpu_count_losses(lyrnn_backend *self, const lyrnn_count_losses_args *args)
{
    (void)self;
    int M = args->M;
    lyrnn_counters *counters = args->counters;
    double sum = 0.0;
    for (int m = 0; m < M; m++) {
        sum += (double)args->losses[m];
        counters->loss_count += args->targets[m] != LYRNN_IGNORED_TARGET;
    }
    counters->loss_sum += sum;
    if (!isfinite(sum) && counters->bad_step == 0)
        counters->bad_step = counters->step + 1;
}
