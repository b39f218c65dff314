/* The article's RNNModel composed from the oracle's operations: one-hot lookup, recurrence, output layer,
 * mean cross-entropy, and the way back. weight_ih is turned so that a character's weights are a row,
 * which is the product with its one-hot vector. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

size_t oracle_model_count(const oracle_model *model)
{
    size_t V = (size_t)model->V, H = (size_t)model->H;
    return H * V + H * H + H + H + V * H + V;
}

oracle_tensors oracle_model_tensors(const oracle_model *model, double *flat)
{
    int V = model->V, H = model->H;
    oracle_tensors tensors;
    tensors.weight_ih = flat;
    tensors.weight_hh = tensors.weight_ih + H * V;
    tensors.bias_ih = tensors.weight_hh + H * H;
    tensors.bias_hh = tensors.bias_ih + H;
    tensors.dense_weight = tensors.bias_hh + H;
    tensors.dense_bias = tensors.dense_weight + V * H;
    return tensors;
}

static double *doubles(int count)
{
    double *array = calloc((size_t)count, sizeof(double));
    if (array == NULL) {
        perror("oracle");
        abort();
    }
    return array;
}

static void transpose(int rows, int cols, const double *from, double *to)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            to[c * rows + r] = from[r * cols + c];
}

/* What a pass computes on its way. */
typedef struct {
    oracle_recurrence shape;
    double *table;   /* (V,H)     weight_ih turned */
    double *gates_x; /* (T,B,H) */
    double *h;       /* (T+1,B,H) */
    double *logits;  /* (T,B,V) */
    double *losses;  /* (T,B) */
    double *dlogits; /* (T,B,V) */
} model_pass;

static model_pass pass_new(const oracle_model *model, const oracle_batch *batch)
{
    int V = model->V, H = model->H, M = batch->T * batch->B;
    model_pass pass;
    pass.shape = (oracle_recurrence){batch->T, batch->B, H, H, model->cell, false};
    pass.table = doubles(V * H);
    pass.gates_x = doubles(M * H);
    pass.h = doubles((batch->T + 1) * batch->B * H);
    pass.logits = doubles(M * V);
    pass.losses = doubles(M);
    pass.dlogits = doubles(M * V);
    return pass;
}

static void pass_free(model_pass *pass)
{
    free(pass->table);
    free(pass->gates_x);
    free(pass->h);
    free(pass->logits);
    free(pass->losses);
    free(pass->dlogits);
}

static void forward(const oracle_model *model, const oracle_tensors *w, const oracle_batch *batch,
                    model_pass *pass)
{
    int V = model->V, H = model->H, B = batch->B, M = batch->T * batch->B;
    if (batch->h_0 != NULL)
        memcpy(pass->h, batch->h_0, (size_t)(B * H) * sizeof(double));
    transpose(H, V, w->weight_ih, pass->table);
    oracle_embedding_forward(M, H, batch->inputs, pass->table, w->bias_ih, pass->gates_x);
    oracle_recurrence_forward(&pass->shape, pass->gates_x, w->weight_hh, w->bias_hh, pass->h);
    oracle_linear_forward(M, H, V, pass->h + B * H, w->dense_weight, w->dense_bias, pass->logits);
}

static void backward(const oracle_model *model, const oracle_tensors *w, const oracle_batch *batch,
                     const model_pass *pass, const oracle_tensors *d)
{
    int V = model->V, H = model->H, B = batch->B, M = batch->T * batch->B;
    double *doutput = doubles(M * H), *dgates_x = doubles(M * H);
    double *dtable = doubles(V * H), *dh = doubles(B * H);
    oracle_linear_backward(M, H, V, pass->h + B * H, w->dense_weight, pass->dlogits, doutput,
                           d->dense_weight, d->dense_bias);
    oracle_recurrence_backward(&pass->shape, w->weight_hh, pass->h, doutput, dh, dgates_x,
                               d->weight_hh, d->bias_hh);
    oracle_embedding_backward(M, V, H, batch->inputs, dgates_x, dtable, d->bias_ih);
    transpose(V, H, dtable, d->weight_ih);
    free(doutput);
    free(dgates_x);
    free(dtable);
    free(dh);
}

double oracle_model_loss(const oracle_model *model, double *params, const oracle_batch *batch,
                         double *h_n, double *logits, double *grads)
{
    int V = model->V, H = model->H, M = batch->T * batch->B;
    oracle_tensors w = oracle_model_tensors(model, params);
    model_pass pass = pass_new(model, batch);
    forward(model, &w, batch, &pass);
    double loss =
        oracle_softmax_cross_entropy(M, V, batch->targets, pass.logits, pass.losses, pass.dlogits);
    if (grads != NULL) {
        oracle_tensors d = oracle_model_tensors(model, grads);
        backward(model, &w, batch, &pass, &d);
    }
    if (logits != NULL)
        memcpy(logits, pass.logits, (size_t)(M * V) * sizeof(double));
    if (h_n != NULL)
        memcpy(h_n, pass.h + M * H, (size_t)(batch->B * H) * sizeof(double));
    pass_free(&pass);
    return loss;
}

double oracle_model_generate(const oracle_model *model, double *params, int32_t *text,
                             int prefix_length, int length)
{
    double *h = doubles(model->H), *logits = doubles(model->V);
    double smallest_lead = INFINITY;
    const int32_t no_target = 0;
    for (int i = 0; i < prefix_length + length - 1; i++) {
        oracle_batch one = {1, 1, text + i, &no_target, h};
        oracle_model_loss(model, params, &one, h, logits, NULL);
        if (i + 1 < prefix_length)
            continue;
        int best = 0;
        for (int v = 1; v < model->V; v++)
            best = logits[v] > logits[best] ? v : best;
        for (int v = 0; v < model->V; v++)
            if (v != best)
                smallest_lead = fmin(smallest_lead, logits[best] - logits[v]);
        text[i + 1] = best;
    }
    free(h);
    free(logits);
    return smallest_lead;
}
