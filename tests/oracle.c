/* The operations as their formulas read, in double precision; see oracle.h. Speed is given up for
 * loops that can be checked by eye: no blocking, no fusion, no cleverness with memory. */
#include "oracle.h"

#include <math.h>

void oracle_embedding_forward(int M, int F, const int32_t *ids, const double *table,
                              const double *bias, double *out)
{
    for (int m = 0; m < M; m++)
        for (int f = 0; f < F; f++)
            out[m * F + f] = table[ids[m] * F + f] + bias[f];
}

void oracle_embedding_backward(int M, int V, int F, const int32_t *ids, const double *dout,
                               double *dtable, double *dbias)
{
    for (int i = 0; i < V * F; i++)
        dtable[i] = 0;
    for (int f = 0; f < F; f++)
        dbias[f] = 0;
    for (int m = 0; m < M; m++) {
        for (int f = 0; f < F; f++) {
            dtable[ids[m] * F + f] += dout[m * F + f];
            dbias[f] += dout[m * F + f];
        }
    }
}

void oracle_linear_forward(int M, int in, int out, const double *x, const double *weight,
                           const double *bias, double *y)
{
    for (int m = 0; m < M; m++) {
        for (int o = 0; o < out; o++) {
            double sum = bias[o];
            for (int i = 0; i < in; i++)
                sum += x[m * in + i] * weight[o * in + i];
            y[m * out + o] = sum;
        }
    }
}

void oracle_linear_backward(int M, int in, int out, const double *x, const double *weight,
                            const double *dy, double *dx, double *dweight, double *dbias)
{
    for (int i = 0; i < M * in; i++)
        dx[i] = 0;
    for (int i = 0; i < out * in; i++)
        dweight[i] = 0;
    for (int o = 0; o < out; o++)
        dbias[o] = 0;
    for (int m = 0; m < M; m++) {
        for (int o = 0; o < out; o++) {
            double d = dy[m * out + o];
            for (int i = 0; i < in; i++) {
                dx[m * in + i] += d * weight[o * in + i];
                dweight[o * in + i] += d * x[m * in + i];
            }
            dbias[o] += d;
        }
    }
}

/* h holds T+1 slots; step t leads from one to its neighbour. Where in h a stream's row of each begins. */
static int row_before(const oracle_recurrence *shape, int t, int b)
{
    int slot = shape->reverse ? t + 1 : t;
    return (slot * shape->B + b) * shape->h_stride;
}

static int row_after(const oracle_recurrence *shape, int t, int b)
{
    int slot = shape->reverse ? t : t + 1;
    return (slot * shape->B + b) * shape->h_stride;
}

/* The time that the step-th step of the recurrence visits. */
static int time_of_step(const oracle_recurrence *shape, int step)
{
    return shape->reverse ? shape->T - 1 - step : step;
}

static double activation(lyrnn_cell cell, double x)
{
    if (cell == LYRNN_RNN_TANH)
        return tanh(x);
    return x > 0 ? x : 0;
}

/* The activation's derivative, by the value that it returned. */
static double activation_slope(lyrnn_cell cell, double y)
{
    if (cell == LYRNN_RNN_TANH)
        return 1 - y * y;
    return y > 0 ? 1 : 0;
}

void oracle_recurrence_forward(const oracle_recurrence *shape, const double *gates_x,
                               const double *w_hh, const double *b_hh, double *h)
{
    int H = shape->H;
    for (int step = 0; step < shape->T; step++) {
        int t = time_of_step(shape, step);
        for (int b = 0; b < shape->B; b++) {
            const double *before = h + row_before(shape, t, b);
            double *after = h + row_after(shape, t, b);
            for (int j = 0; j < H; j++) {
                double sum = gates_x[(t * shape->B + b) * H + j] + b_hh[j];
                for (int k = 0; k < H; k++)
                    sum += w_hh[j * H + k] * before[k];
                after[j] = activation(shape->cell, sum);
            }
        }
    }
}

/* One step of one stream: dgates (H) from what reaches the step's output, then everything behind it. */
static void recurrence_step_backward(const oracle_recurrence *shape, const double *w_hh,
                                     const double *before, const double *after,
                                     const double *doutput, double *dh, double *dgates,
                                     double *dw_hh, double *db_hh)
{
    int H = shape->H;
    for (int j = 0; j < H; j++)
        dgates[j] = (doutput[j] + dh[j]) * activation_slope(shape->cell, after[j]);
    for (int k = 0; k < H; k++)
        dh[k] = 0;
    for (int j = 0; j < H; j++) {
        db_hh[j] += dgates[j];
        for (int k = 0; k < H; k++) {
            dw_hh[j * H + k] += dgates[j] * before[k];
            dh[k] += dgates[j] * w_hh[j * H + k];
        }
    }
}

void oracle_recurrence_backward(const oracle_recurrence *shape, const double *w_hh, const double *h,
                                const double *doutput, double *dh, double *dgates_x, double *dw_hh,
                                double *db_hh)
{
    int B = shape->B, H = shape->H;
    for (int i = 0; i < H * H; i++)
        dw_hh[i] = 0;
    for (int j = 0; j < H; j++)
        db_hh[j] = 0;
    for (int step = shape->T - 1; step >= 0; step--) {
        int t = time_of_step(shape, step);
        for (int b = 0; b < B; b++) {
            int row = t * B + b;
            recurrence_step_backward(shape, w_hh, h + row_before(shape, t, b),
                                     h + row_after(shape, t, b), doutput + row * shape->h_stride,
                                     dh + b * H, dgates_x + row * H, dw_hh, db_hh);
        }
    }
}

double oracle_softmax_cross_entropy(int M, int V, const int32_t *targets, const double *logits,
                                    double *losses, double *dlogits)
{
    double total = 0;
    for (int m = 0; m < M; m++) {
        const double *row = logits + m * V;
        double largest = row[0];
        for (int v = 1; v < V; v++)
            largest = fmax(largest, row[v]);
        double sum = 0;
        for (int v = 0; v < V; v++)
            sum += exp(row[v] - largest);
        double log_sum = largest + log(sum);
        losses[m] = log_sum - row[targets[m]];
        total += losses[m];
        for (int v = 0; v < V; v++)
            dlogits[m * V + v] = (exp(row[v] - largest) / sum - (v == targets[m] ? 1 : 0)) / M;
    }
    return total / M;
}

double oracle_clip_and_adam(const oracle_adam *adam, size_t count, double *params,
                            const double *grads, double *m, double *v)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += grads[i] * grads[i];
    double norm = sqrt(sum);
    double scale = 1;
    if (adam->clip_norm > 0 && norm > adam->clip_norm)
        scale = adam->clip_norm / norm;

    double correction1 = 1 - pow(adam->beta1, (double)adam->step);
    double correction2 = 1 - pow(adam->beta2, (double)adam->step);
    for (size_t i = 0; i < count; i++) {
        double g = scale * grads[i];
        m[i] = adam->beta1 * m[i] + (1 - adam->beta1) * g;
        v[i] = adam->beta2 * v[i] + (1 - adam->beta2) * g * g;
        double m_hat = m[i] / correction1;
        double v_hat = v[i] / correction2;
        params[i] -= adam->learning_rate * m_hat / (sqrt(v_hat) + adam->epsilon);
    }
    return norm;
}
