/* The tutorial's RNNModel, composed of the oracle's operations: one-hot lookup, layers in one or
 * two directions, output layer, mean cross-entropy, and the backward pass. The product of one-hot
 * rows and weight_ih is computed as the linear layer that it is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

static double *doubles(int count)
{
    double *array = calloc((size_t)count, sizeof(double));
    if (array == NULL) {
        perror("oracle");
        abort();
    }
    return array;
}

static int num_directions(const oracle_model *model)
{
    return model->bidirectional ? 2 : 1;
}

static int gates_width(const oracle_model *model)
{
    return oracle_num_gates(model->cell) * model->H;
}

static int input_width(const oracle_model *model, int layer)
{
    return layer == 0 ? model->V : num_directions(model) * model->H;
}

/* Offsets in the flat array. */
typedef struct {
    int weight_ih, weight_hh, bias_ih, bias_hh, end;
} layer_places;

static layer_places places_of(const oracle_model *model, int layer, int direction)
{
    int GH = gates_width(model), D = num_directions(model), at = 0;
    layer_places p = {0};
    for (int i = 0; i <= layer * D + direction; i++) {
        p.weight_ih = at;
        p.weight_hh = p.weight_ih + GH * input_width(model, i / D);
        p.bias_ih = p.weight_hh + GH * model->H;
        p.bias_hh = p.bias_ih + GH;
        p.end = at = p.bias_hh + GH;
    }
    return p;
}

static int dense_place(const oracle_model *model)
{
    return places_of(model, model->num_layers - 1, num_directions(model) - 1).end;
}

size_t oracle_model_count(const oracle_model *model)
{
    int features = num_directions(model) * model->H;
    return (size_t)(dense_place(model) + model->V * features + model->V);
}

int oracle_state_count(const oracle_model *model, int B)
{
    return model->num_layers * num_directions(model) * B * model->H;
}

/* One layer in one direction. h and c are its own dense slots (T+1,B,H). */
typedef struct {
    oracle_recurrence shape;
    double *gates_x, *h, *c;
} direction_pass;

enum { MAX_LAYERS = 16 };

typedef struct {
    const oracle_model *model;
    const double *params;
    const oracle_batch *batch;
    /* (T,B,in) The input of each layer. The last entry is the input of the output layer. */
    double *inputs[MAX_LAYERS + 1];
    direction_pass directions[MAX_LAYERS][2];
} model_pass;

/* Return the slots before the first step and after the last one. */
static int first_slot(const oracle_recurrence *shape)
{
    return shape->reverse ? shape->T : 0;
}
static int last_slot(const oracle_recurrence *shape)
{
    return shape->reverse ? 0 : shape->T;
}

static void forward_direction(model_pass *pass, int layer, int direction)
{
    const oracle_model *model = pass->model;
    int T = pass->batch->T, B = pass->batch->B, H = model->H, GH = gates_width(model);
    layer_places at = places_of(model, layer, direction);
    direction_pass *d = &pass->directions[layer][direction];
    int state = (layer * num_directions(model) + direction) * B * H;
    d->shape = (oracle_recurrence){T, B, H, H, model->cell, direction == 1};
    d->gates_x = doubles(T * B * GH);
    d->h = doubles((T + 1) * B * H);
    d->c = model->cell == LYRNN_LSTM ? doubles((T + 1) * B * H) : NULL;
    int start = first_slot(&d->shape) * B * H;
    for (int i = 0; i < B * H; i++) {
        d->h[start + i] = pass->batch->h_0 == NULL ? 0 : pass->batch->h_0[state + i];
        if (d->c != NULL)
            d->c[start + i] = pass->batch->c_0 == NULL ? 0 : pass->batch->c_0[state + i];
    }
    oracle_linear_forward(T * B, input_width(model, layer), GH, pass->inputs[layer],
                          pass->params + at.weight_ih, pass->params + at.bias_ih, d->gates_x);
    oracle_recurrence_forward(&d->shape, d->gates_x, pass->params + at.weight_hh,
                              pass->params + at.bias_hh, d->h, d->c);
}

/* Returns dropout's factor for element i of a layer's output. */
static double keep_of(const model_pass *pass, int layer, int i)
{
    int features = num_directions(pass->model) * pass->model->H;
    int count = pass->batch->T * pass->batch->B * features;
    if (pass->batch->keep == NULL || layer == pass->model->num_layers - 1)
        return 1;
    return pass->batch->keep[layer * count + i];
}

static void forward_layer(model_pass *pass, int layer)
{
    int T = pass->batch->T, B = pass->batch->B, H = pass->model->H;
    int D = num_directions(pass->model);
    double *output = doubles(T * B * D * H);
    for (int direction = 0; direction < D; direction++) {
        forward_direction(pass, layer, direction);
        const double *h = pass->directions[layer][direction].h;
        for (int row = 0; row < T * B; row++)
            for (int j = 0; j < H; j++) {
                int i = (row * D + direction) * H + j;
                output[i] = h[(direction == 0 ? row + B : row) * H + j] * keep_of(pass, layer, i);
            }
    }
    pass->inputs[layer + 1] = output;
}

static void pass_free(model_pass *pass)
{
    for (int layer = 0; layer < pass->model->num_layers; layer++) {
        for (int direction = 0; direction < num_directions(pass->model); direction++) {
            free(pass->directions[layer][direction].gates_x);
            free(pass->directions[layer][direction].h);
            free(pass->directions[layer][direction].c);
        }
    }
    for (size_t i = 0; i < sizeof pass->inputs / sizeof pass->inputs[0]; i++)
        free(pass->inputs[i]);
}

/* Backward through a layer. In: doutput (T,B,D*H), the gradient of its output after dropout. Out:
 * the gradients of its parameters, and dinput (T,B,in). */
static void backward_layer(const model_pass *pass, int layer, const double *doutput, double *dinput,
                           double *grads)
{
    const oracle_model *model = pass->model;
    int T = pass->batch->T, B = pass->batch->B, H = model->H, GH = gates_width(model);
    int D = num_directions(model), in = input_width(model, layer), M = T * B;
    double *own = doubles(M * H), *dgates = doubles(M * GH), *dprime = doubles(M * GH);
    double *dh = doubles(B * H), *dc = doubles(B * H), *dx = doubles(M * in);
    for (int direction = 0; direction < D; direction++) {
        const direction_pass *d = &pass->directions[layer][direction];
        layer_places at = places_of(model, layer, direction);
        for (int row = 0; row < M; row++)
            for (int j = 0; j < H; j++) {
                int i = (row * D + direction) * H + j;
                own[row * H + j] = doutput[i] * keep_of(pass, layer, i);
            }
        memset(dh, 0, (size_t)(B * H) * sizeof *dh);
        memset(dc, 0, (size_t)(B * H) * sizeof *dc);
        oracle_recurrence_grads out = {dh,     d->c == NULL ? NULL : dc, dgates,
                                       dprime, grads + at.weight_hh,     grads + at.bias_hh};
        oracle_recurrence_backward(&d->shape, d->gates_x, pass->params + at.weight_hh,
                                   pass->params + at.bias_hh, d->h, d->c, own, &out);
        oracle_linear_backward(M, in, GH, pass->inputs[layer], pass->params + at.weight_ih, dgates,
                               dx, grads + at.weight_ih, grads + at.bias_ih);
        for (int i = 0; i < M * in; i++)
            dinput[i] += dx[i];
    }
    free(own);
    free(dgates);
    free(dprime);
    free(dh);
    free(dc);
    free(dx);
}

static void backward(const model_pass *pass, const double *dlogits, double *grads)
{
    const oracle_model *model = pass->model;
    int M = pass->batch->T * pass->batch->B, V = model->V, L = model->num_layers;
    int features = num_directions(model) * model->H, dense = dense_place(model);
    double *doutput = doubles(M * features);
    oracle_linear_backward(M, features, V, pass->inputs[L], pass->params + dense, dlogits, doutput,
                           grads + dense, grads + dense + V * features);
    for (int layer = L - 1; layer >= 0; layer--) {
        double *dinput = doubles(M * input_width(model, layer));
        backward_layer(pass, layer, doutput, dinput, grads);
        free(doutput);
        doutput = dinput;
    }
    free(doutput);
}

static void copy_last_state(const model_pass *pass, double *h_n, double *c_n)
{
    int D = num_directions(pass->model), BH = pass->batch->B * pass->model->H;
    for (int layer = 0; layer < pass->model->num_layers; layer++) {
        for (int direction = 0; direction < D; direction++) {
            const direction_pass *d = &pass->directions[layer][direction];
            int from = last_slot(&d->shape) * BH, to = (layer * D + direction) * BH;
            if (h_n != NULL)
                memcpy(h_n + to, d->h + from, (size_t)BH * sizeof *h_n);
            if (c_n != NULL && d->c != NULL)
                memcpy(c_n + to, d->c + from, (size_t)BH * sizeof *c_n);
        }
    }
}

double oracle_model_loss(const oracle_model *model, const double *params, const oracle_batch *batch,
                         const oracle_results *results)
{
    int V = model->V, M = batch->T * batch->B, L = model->num_layers;
    int features = num_directions(model) * model->H, dense = dense_place(model);
    model_pass pass = {.model = model, .params = params, .batch = batch};
    pass.inputs[0] = doubles(M * V);
    for (int m = 0; m < M; m++)
        pass.inputs[0][m * V + batch->inputs[m]] = 1;
    for (int layer = 0; layer < L; layer++)
        forward_layer(&pass, layer);
    double *logits = doubles(M * V), *losses = doubles(M), *dlogits = doubles(M * V);
    oracle_linear_forward(M, features, V, pass.inputs[L], params + dense,
                          params + dense + V * features, logits);
    double loss = oracle_softmax_cross_entropy(M, V, batch->targets, logits, losses, dlogits);
    if (results->grads != NULL)
        backward(&pass, dlogits, results->grads);
    if (results->logits != NULL)
        memcpy(results->logits, logits, (size_t)(M * V) * sizeof *logits);
    copy_last_state(&pass, results->h_n, results->c_n);
    free(logits);
    free(losses);
    free(dlogits);
    pass_free(&pass);
    return loss;
}

double oracle_model_generate(const oracle_model *model, const double *params, int32_t *text,
                             int prefix_length, int length)
{
    double *h = doubles(oracle_state_count(model, 1)), *c = doubles(oracle_state_count(model, 1));
    double *logits = doubles(model->V), smallest_lead = INFINITY;
    const int32_t no_target = 0;
    for (int i = 0; i < prefix_length + length - 1; i++) {
        oracle_batch one = {1, 1, text + i, &no_target, h, c, NULL};
        const oracle_results results = {logits, h, c, NULL};
        oracle_model_loss(model, params, &one, &results);
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
    free(c);
    free(logits);
    return smallest_lead;
}
