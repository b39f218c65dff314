/* Adds the losses of a batch to the counters, or keeps their sum apart; and adds the sums of all
 * shards to the counters. */
#include "cpu/cpu.h"

#include <math.h>

/* A sum beyond the range of a float is infinite, as it is among ranks and on a GPU. */
static void add_to_counters(lyrnn_counters *counters, double sum)
{
    counters->loss_sum += sum;
    if (!isfinite((float)sum) && counters->bad_step == 0)
        counters->bad_step = counters->step + 1;
}

/* Writes a double as a sum of floats, without rounding. If it is not finite, the first part says so
 * and the others are zero. */
static void split(double sum, float parts[LYRNN_LOSS_PARTS])
{
    for (int i = 0; i < LYRNN_LOSS_PARTS; i++) {
        parts[i] = (float)sum;
        sum = isfinite(parts[i]) ? sum - (double)parts[i] : 0.0;
    }
}

void lyrnn_cpu_count_losses(lyrnn_backend *self, const lyrnn_count_losses_args *args)
{
    (void)self;
    double sum = 0.0;
    int count = 0;
    for (int m = 0; m < args->M; m++) {
        sum += (double)args->losses[m];
        count += args->targets[m] != LYRNN_IGNORED_TARGET;
    }
    if (args->parts != NULL) {
        split(sum, args->parts);
        return;
    }
    args->counters->loss_count += count;
    add_to_counters(args->counters, sum);
}

void lyrnn_cpu_count_shards(lyrnn_backend *self, const lyrnn_count_shards_args *args)
{
    (void)self;
    for (int i = 0; i < args->num; i++) {
        const float *parts = args->parts + (size_t)i * LYRNN_LOSS_PARTS;
        add_to_counters(args->counters, parts[0] + ((double)parts[1] + (double)parts[2]));
    }
    args->counters->loss_count += args->counters->num_targets;
}
