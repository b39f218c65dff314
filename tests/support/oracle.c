/* The operations, written like their formulas, in double precision; see oracle.h. The loops are
 * slow, but easy to verify by reading: no blocking, no fusion, no reuse of memory. */
#include "oracle.h"

#include <math.h>

void oracle_embedding_forward(int M, int F, const int32_t *ids, const double *table,
                              const double *bias, double *out)
{
    for (int m = 0; m < M; m++)
        for (int f = 0; f < F; f++)
            out[m * F + f] = table[ids[m] * F + f] + (bias == NULL ? 0 : bias[f]);
}

void oracle_embedding_backward(int M, int V, int F, const int32_t *ids, const double *dout,
                               double *dtable)
{
    for (int i = 0; i < V * F; i++)
        dtable[i] = 0;
    for (int m = 0; m < M; m++)
        for (int f = 0; f < F; f++)
            dtable[ids[m] * F + f] += dout[m * F + f];
}

void oracle_linear_forward(int M, int in, int out, const double *x, const double *weight,
                           const double *bias, double *y)
{
    for (int m = 0; m < M; m++) {
        for (int o = 0; o < out; o++) {
            double sum = bias == NULL ? 0 : bias[o];
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
    for (int o = 0; dbias != NULL && o < out; o++)
        dbias[o] = 0;
    for (int m = 0; m < M; m++) {
        for (int o = 0; o < out; o++) {
            double d = dy[m * out + o];
            for (int i = 0; i < in; i++) {
                dx[m * in + i] += d * weight[o * in + i];
                dweight[o * in + i] += d * x[m * in + i];
            }
            if (dbias != NULL)
                dbias[o] += d;
        }
    }
}

/* h has T+1 slots. Step t goes from one slot to the next one. These return where in h the row of
 * stream b starts before and after step t. */
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

/* Returns the time t that the recurrence visits at its step number `step`. */
static int time_of_step(const oracle_recurrence *shape, int step)
{
    return shape->reverse ? shape->T - 1 - step : step;
}

int oracle_num_gates(lyrnn_cell cell)
{
    return cell == LYRNN_LSTM ? 4 : cell == LYRNN_GRU ? 3 : 1;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Returns h' = w_hh h + b_hh for gate g and unit j. */
static double prime_of(const oracle_recurrence *shape, const double *w_hh, const double *b_hh,
                       const double *before, int g, int j)
{
    int H = shape->H, row = g * H + j;
    double sum = b_hh[row];
    for (int k = 0; k < H; k++)
        sum += w_hh[row * H + k] * before[k];
    return sum;
}

/* The gates of one unit after their activation. hn is gru's h' of gate n. */
typedef struct {
    double gate[4], hn;
} unit_gates;

static unit_gates gates_of(const oracle_recurrence *shape, const double *gates_x,
                           const double *w_hh, const double *b_hh, const double *before, int j)
{
    int H = shape->H, G = oracle_num_gates(shape->cell);
    double x[4], prime[4];
    for (int g = 0; g < G; g++) {
        x[g] = gates_x[g * H + j];
        prime[g] = prime_of(shape, w_hh, b_hh, before, g, j);
    }
    unit_gates u = {{0}, 0};
    switch (shape->cell) {
    case LYRNN_RNN_TANH:
        u.gate[0] = tanh(x[0] + prime[0]);
        break;
    case LYRNN_RNN_RELU:
        u.gate[0] = x[0] + prime[0] > 0 ? x[0] + prime[0] : 0;
        break;
    case LYRNN_LSTM:
        u.gate[0] = sigmoid(x[0] + prime[0]);
        u.gate[1] = sigmoid(x[1] + prime[1]);
        u.gate[2] = tanh(x[2] + prime[2]);
        u.gate[3] = sigmoid(x[3] + prime[3]);
        break;
    case LYRNN_GRU:
        u.hn = prime[2];
        u.gate[0] = sigmoid(x[0] + prime[0]);
        u.gate[1] = sigmoid(x[1] + prime[1]);
        u.gate[2] = tanh(x[2] + u.gate[0] * u.hn);
        break;
    }
    return u;
}

void oracle_recurrence_forward(const oracle_recurrence *shape, const double *gates_x,
                               const double *w_hh, const double *b_hh, double *h, double *c)
{
    int H = shape->H, GH = oracle_num_gates(shape->cell) * H;
    for (int step = 0; step < shape->T; step++) {
        int t = time_of_step(shape, step);
        for (int b = 0; b < shape->B; b++) {
            int before = row_before(shape, t, b), after = row_after(shape, t, b);
            for (int j = 0; j < H; j++) {
                unit_gates u =
                    gates_of(shape, gates_x + (t * shape->B + b) * GH, w_hh, b_hh, h + before, j);
                if (shape->cell == LYRNN_LSTM) {
                    c[after + j] = u.gate[1] * c[before + j] + u.gate[0] * u.gate[2];
                    h[after + j] = u.gate[3] * tanh(c[after + j]);
                } else if (shape->cell == LYRNN_GRU) {
                    h[after + j] = (1 - u.gate[1]) * u.gate[2] + u.gate[1] * h[before + j];
                } else {
                    h[after + j] = u.gate[0];
                }
            }
        }
    }
}

/* Backward for one unit at one step, from the gradients dh and dc of its new state. Writes the
 * gradients of the input projection and of h', (G) each, H apart. Replaces dh and dc by the
 * gradients of the previous state, without the part that flows through h'. */
static void unit_backward(lyrnn_cell cell, int H, const unit_gates *u, double h_before, double h,
                          double c_before, double c, double *dh, double *dc, double *dx,
                          double *dprime)
{
    const double *gate = u->gate;
    switch (cell) {
    case LYRNN_RNN_TANH:
        dx[0] = *dh * (1 - h * h);
        break;
    case LYRNN_RNN_RELU:
        dx[0] = h > 0 ? *dh : 0;
        break;
    case LYRNN_LSTM:
        *dc += *dh * gate[3] * (1 - tanh(c) * tanh(c));
        dx[0] = *dc * gate[2] * gate[0] * (1 - gate[0]);
        dx[H] = *dc * c_before * gate[1] * (1 - gate[1]);
        dx[2 * H] = *dc * gate[0] * (1 - gate[2] * gate[2]);
        dx[3 * H] = *dh * tanh(c) * gate[3] * (1 - gate[3]);
        *dc *= gate[1];
        break;
    case LYRNN_GRU:
        dx[2 * H] = *dh * (1 - gate[1]) * (1 - gate[2] * gate[2]);
        dx[H] = *dh * (h_before - gate[2]) * gate[1] * (1 - gate[1]);
        dx[0] = dx[2 * H] * u->hn * gate[0] * (1 - gate[0]);
        break;
    }
    for (int g = 0; g < oracle_num_gates(cell); g++)
        dprime[g * H] = dx[g * H];
    if (cell == LYRNN_GRU)
        dprime[2 * H] *= gate[0];
    *dh = cell == LYRNN_GRU ? *dh * gate[1] : 0;
}

/* Backward from dh' (G*H) of one stream at one step: adds the gradients of w_hh, b_hh and the
 * previous state. */
static void prime_backward(int GH, int H, const double *w_hh, const double *before,
                           const double *dprime, double *dh, double *dw_hh, double *db_hh)
{
    for (int row = 0; row < GH; row++) {
        db_hh[row] += dprime[row];
        for (int k = 0; k < H; k++) {
            dw_hh[row * H + k] += dprime[row] * before[k];
            dh[k] += dprime[row] * w_hh[row * H + k];
        }
    }
}

void oracle_recurrence_backward(const oracle_recurrence *shape, const double *gates_x,
                                const double *w_hh, const double *b_hh, const double *h,
                                const double *c, const double *doutput,
                                const oracle_recurrence_grads *d)
{
    int B = shape->B, H = shape->H, GH = oracle_num_gates(shape->cell) * H;
    double no_c = 0;
    for (int i = 0; i < GH * H; i++)
        d->dw_hh[i] = 0;
    for (int j = 0; j < GH; j++)
        d->db_hh[j] = 0;
    for (int step = shape->T - 1; step >= 0; step--) {
        int t = time_of_step(shape, step);
        for (int b = 0; b < B; b++) {
            int before = row_before(shape, t, b), after = row_after(shape, t, b), row = t * B + b;
            double *dh = d->dh + b * H;
            for (int j = 0; j < H; j++) {
                unit_gates u = gates_of(shape, gates_x + row * GH, w_hh, b_hh, h + before, j);
                dh[j] += doutput[row * shape->h_stride + j];
                unit_backward(shape->cell, H, &u, h[before + j], h[after + j],
                              c == NULL ? 0 : c[before + j], c == NULL ? 0 : c[after + j], &dh[j],
                              d->dc == NULL ? &no_c : &d->dc[b * H + j], d->dgates_x + row * GH + j,
                              d->dprime + row * GH + j);
            }
            prime_backward(GH, H, w_hh, h + before, d->dprime + row * GH, dh, d->dw_hh, d->db_hh);
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
        if (adam->decays != NULL && adam->decays[i] != 0)
            params[i] -= adam->learning_rate * adam->weight_decay * params[i];
        params[i] -= adam->learning_rate * m_hat / (sqrt(v_hat) + adam->epsilon);
    }
    double step = (double)adam->step;
    double keep = fmin(adam->average_decay, (1 + step) / (10 + step));
    for (size_t i = 0; adam->average != NULL && i < count; i++)
        adam->average[i] = keep * adam->average[i] + (1 - keep) * params[i];
    return norm;
}

double oracle_learning_rate(const oracle_schedule *schedule, int64_t step)
{
    double rate = schedule->rate, warmup = (double)schedule->warmup_steps;
    for (int i = 0; i < schedule->num_halvings; i++)
        rate /= 2;
    if (step < schedule->warmup_steps)
        return rate * ((double)step + 1) / warmup;
    if (schedule->num_steps == 0)
        return rate;
    if (step >= schedule->num_steps)
        return 0;
    double done = ((double)step - warmup) / ((double)schedule->num_steps - warmup);
    return rate * (1 + cos(acos(-1) * done)) / 2;
}
