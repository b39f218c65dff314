/* Softmax and cross-entropy in one visit per row, torch.nn.functional.cross_entropy:
 *     loss = max + log(sum e^(x - max)) - x[target],  dx = (softmax(x) - onehot(target)) / n
 * The gradient overwrites the logits. n is the number of targets that are not ignored. */
#include "cpu/cpu.h"

#include <math.h>
#include <string.h>

#include "cpu/vector_math.h"

/* The largest value of a row. Compilers may not reorder a plain maximum, so it is kept in lanes
 * that they turn into vectors. */
static float row_max(const float *x, int V)
{
    enum { LANES = 16 };
    float lanes[LANES];
    for (int i = 0; i < LANES; i++)
        lanes[i] = x[0];
    int v = 0;
    for (; v + LANES <= V; v += LANES)
        for (int i = 0; i < LANES; i++)
            lanes[i] = x[v + i] > lanes[i] ? x[v + i] : lanes[i];
    for (int i = 0; v < V; v++, i++)
        lanes[i] = x[v] > lanes[i] ? x[v] : lanes[i];
    float max = lanes[0];
    for (int i = 1; i < LANES; i++)
        max = lanes[i] > max ? lanes[i] : max;
    return max;
}

/* Returns the loss of one row; x becomes its gradient times scale. */
static float row_loss(float *x, int V, int target, float scale)
{
    if (target == LYRNN_IGNORED_TARGET) {
        memset(x, 0, (size_t)V * sizeof *x);
        return 0.0f;
    }
    float max = row_max(x, V);
    float target_logit = x[target];
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int v = 0; v < V; v++) {
        x[v] = vector_expf(x[v] - max);
        sum += x[v];
    }
    float factor = scale / sum;
#pragma omp simd
    for (int v = 0; v < V; v++)
        x[v] *= factor;
    x[target] -= scale;
    return logf(sum) + (max - target_logit);
}

void lyrnn_cpu_softmax_cross_entropy(lyrnn_backend *self,
                                     const lyrnn_softmax_cross_entropy_args *args)
{
    (void)self;
    int M = args->M, V = args->V;
    int64_t num_targets = args->counters->num_targets;
    float scale = 1.0f / (float)(num_targets > 0 ? num_targets : M);
#pragma omp parallel for schedule(static) if ((size_t)M * (size_t)V > LYRNN_CPU_SERIAL_MAX)
    for (int m = 0; m < M; m++)
        args->losses[m] = row_loss(args->logits + (size_t)m * (size_t)args->logits_stride, V,
                                   args->targets[m], scale);
}
