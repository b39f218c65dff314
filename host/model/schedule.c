/* The learning rate of a step: a warm-up, and then the schedule. The rate is a function of the
 * step's number and of the halvings, so that a resumed training has the rates of one that never
 * stopped. */
#include <math.h>

#include "lyrnn/trainer.h"

/* Half a cosine from 1 at the end of the warm-up to 0 after the last step. */
static double cosine(const lyrnn_optimizer_config *optimizer, int64_t step)
{
    static const double pi = 3.14159265358979323846;
    int64_t first = optimizer->warmup_steps, num = optimizer->num_steps - first;
    if (num <= 0 || step >= optimizer->num_steps)
        return 0.0;
    return 0.5 * (1.0 + cos(pi * (double)(step - first) / (double)num));
}

double lyrnn_learning_rate(const lyrnn_optimizer_config *optimizer, int num_halvings, int64_t step)
{
    double rate = ldexp((double)optimizer->learning_rate, -num_halvings);
    if (step < optimizer->warmup_steps)
        return rate * (double)(step + 1) / (double)optimizer->warmup_steps;
    return optimizer->schedule == LYRNN_SCHEDULE_COSINE ? rate * cosine(optimizer, step) : rate;
}

bool lyrnn_is_plateau(int epoch, int best_epoch, int halved_epoch)
{
    int latest = best_epoch > halved_epoch ? best_epoch : halved_epoch;
    return epoch - latest >= LYRNN_PLATEAU_EPOCHS;
}
