/* Global-norm clipping and AdamW (Loshchilov and Hutter 2019; without decay it is Adam, Kingma and
 * Ba 2015) as PyTorch computes them, over the flat parameter buffer: one pass for the norm, one for
 * the update, and one each for weight decay and for the average if there are any. backend.h has the
 * equations. */
#include "cpu/cpu.h"

#include <math.h>

/* Sums the squares in a fixed number of parts: the number of threads does not change the result. */
static double global_norm(const float *grads, size_t count)
{
    enum { PARTS = 256 };
    double partial[PARTS];
#pragma omp parallel for schedule(static) if (count > LYRNN_CPU_SERIAL_MAX)
    for (int part = 0; part < PARTS; part++) {
        size_t first = count / PARTS * (size_t)part + count % PARTS * (size_t)part / PARTS;
        size_t end =
            count / PARTS * (size_t)(part + 1) + count % PARTS * (size_t)(part + 1) / PARTS;
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = first; i < end; i++)
            sum += (double)grads[i] * (double)grads[i];
        partial[part] = sum;
    }
    double sum = 0.0;
    for (int part = 0; part < PARTS; part++)
        sum += partial[part];
    return sqrt(sum);
}

/* Multiplies the parameters that decay by 1 - rate * weight_decay. */
static void decay_weights(const lyrnn_clip_and_adam_args *args, double rate)
{
    float keep = (float)(1.0 - rate * (double)args->weight_decay);
#pragma omp parallel for schedule(static) if (args->count > LYRNN_CPU_SERIAL_MAX)
    for (size_t first = 0; first < args->count; first += LYRNN_DECAY_GROUP) {
        size_t rest = args->count - first;
        size_t num = rest < LYRNN_DECAY_GROUP ? rest : LYRNN_DECAY_GROUP;
        for (size_t i = first; args->decays[first / LYRNN_DECAY_GROUP] && i < first + num; i++)
            args->params[i] *= keep;
    }
}

static void update_average(const lyrnn_clip_and_adam_args *args, double t)
{
    double warm = (1.0 + t) / (10.0 + t);
    float decay = (float)(warm < args->average_decay ? warm : args->average_decay);
#pragma omp parallel for simd schedule(static) if (parallel : args->count > LYRNN_CPU_SERIAL_MAX)
    for (size_t i = 0; i < args->count; i++)
        args->average[i] += (1.0f - decay) * (args->params[i] - args->average[i]);
}

void lyrnn_cpu_clip_and_adam(lyrnn_backend *self, const lyrnn_clip_and_adam_args *args)
{
    (void)self;
    double t = (double)++args->counters->step;
    float scale = 1.0f;
    double norm = global_norm(args->grads, args->count);
    args->counters->gradient_norm = norm;
    if (args->clip_norm > 0.0f && norm > (double)args->clip_norm)
        scale = (float)((double)args->clip_norm / norm);
    float beta1 = (float)args->beta1, beta2 = (float)args->beta2;
    float rest1 = (float)(1.0 - args->beta1), rest2 = (float)(1.0 - args->beta2);
    double rate = (double)args->learning_rates[args->counters->batch - 1];
    float step_size = (float)(rate / (1.0 - pow(args->beta1, t)));
    float v_scale = (float)(1.0 / sqrt(1.0 - pow(args->beta2, t)));
    float epsilon = (float)args->epsilon;
    if (args->decays != NULL)
        decay_weights(args, rate);
#pragma omp parallel for simd schedule(static) if (parallel : args->count > LYRNN_CPU_SERIAL_MAX)
    for (size_t i = 0; i < args->count; i++) {
        float g = args->grads[i] * scale;
        float m = beta1 * args->m[i] + rest1 * g;
        float v = beta2 * args->v[i] + rest2 * (g * g);
        args->m[i] = m;
        args->v[i] = v;
        args->params[i] -= step_size * m / (sqrtf(v) * v_scale + epsilon);
    }
    if (args->average != NULL)
        update_average(args, t);
}
