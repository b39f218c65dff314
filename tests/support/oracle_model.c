/* The tutorial's RNNModel, composed of the oracle's operations: one-hot lookup or embedding, layers
 * in one or two directions, output layer, mean cross-entropy, and the backward pass. The product of
 * one-hot rows and weight_ih is computed as the linear layer that it is. */
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

/* Width of the last layer's output, D*H. */
static int num_features(const oracle_model *model)
{
    return num_directions(model) * model->H;
}

static int input_width(const oracle_model *model, int layer)
{
    if (layer > 0)
        return num_features(model);
    return model->E > 0 ? model->E : model->V;
}

/* Offsets in the flat array. */
typedef struct {
    int weight_ih, weight_hh, bias_ih, bias_hh, end;
} layer_places;

static layer_places places_of(const oracle_model *model, int layer, int direction)
{
    int GH = gates_width(model), D = num_directions(model), at = model->V * model->E;
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

/* The output layer. weight (V,in) is the embedding if it is tied. */
typedef struct {
    int in, projection, weight, bias, end;
    bool is_projected;
} output_places;

static output_places places_of_output(const oracle_model *model)
{
    int features = num_features(model);
    output_places p = {.in = model->tied ? model->E : features,
                       .is_projected = model->tied && model->E != features};
    p.projection = places_of(model, model->num_layers - 1, num_directions(model) - 1).end;
    int next = p.projection + (p.is_projected ? model->E * features : 0);
    p.weight = model->tied ? 0 : next;
    p.bias = model->tied ? next : next + model->V * p.in;
    p.end = p.bias + model->V;
    return p;
}

size_t oracle_model_count(const oracle_model *model)
{
    return (size_t)places_of_output(model).end;
}

void oracle_model_decays(const oracle_model *model, unsigned char *decays)
{
    int GH = gates_width(model), D = num_directions(model);
    output_places output = places_of_output(model);
    memset(decays, 0, oracle_model_count(model));
    for (int i = 0; i < model->num_layers * D; i++) {
        layer_places at = places_of(model, i / D, i % D);
        int first = i / D == 0 && model->E == 0 ? at.weight_hh : at.weight_ih;
        memset(decays + first, 1, (size_t)(at.weight_hh + GH * model->H - first));
    }
    memset(decays + output.projection, 1, (size_t)(output.bias - output.projection));
}

int oracle_state_count(const oracle_model *model, int B)
{
    return model->num_layers * num_directions(model) * B * model->H;
}

/* One layer in one direction. h and c are its own dense slots (T+1,B,H). */
typedef struct {
    oracle_recurrence shape;
    double *gates_x, *h, *c;
    double *w_hh; /* (G*H,H)  after dropout */
} direction_pass;

enum { MAX_LAYERS = 16 };

typedef struct {
    const oracle_model *model;
    const double *params;
    const oracle_batch *batch;
    /* (T,B,in) The input of each layer. The last entry is the input of the output layer. */
    double *inputs[MAX_LAYERS + 1];
    double *projected; /* (T,B,E)  NULL: there is no projection */
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

/* Returns dropout's factor for element i of a layer's output. The last layer's is locked: it does
 * not depend on the time step. */
static double keep_of(const model_pass *pass, int layer, int i)
{
    const oracle_masks *masks = &pass->batch->masks;
    int row = pass->batch->B * num_features(pass->model);
    if (layer == pass->model->num_layers - 1)
        return masks->output == NULL ? 1 : masks->output[i % row];
    return masks->layers == NULL ? 1 : masks->layers[layer * pass->batch->T * row + i];
}

/* Returns dropout's factor for element i of the embedding's output. */
static double input_keep(const model_pass *pass, int i)
{
    const double *mask = pass->batch->masks.input;
    return mask == NULL ? 1 : mask[i % (pass->batch->B * pass->model->E)];
}

/* Returns dropout's factor for element i of weight_hh. */
static double weight_keep(const model_pass *pass, int layer, int direction, int i)
{
    const double *masks = pass->batch->masks.weights;
    int count = gates_width(pass->model) * pass->model->H;
    return masks == NULL ? 1 : masks[(layer * num_directions(pass->model) + direction) * count + i];
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
    d->w_hh = doubles(GH * H);
    for (int i = 0; i < GH * H; i++)
        d->w_hh[i] = pass->params[at.weight_hh + i] * weight_keep(pass, layer, direction, i);
    oracle_linear_forward(T * B, input_width(model, layer), GH, pass->inputs[layer],
                          pass->params + at.weight_ih, pass->params + at.bias_ih, d->gates_x);
    oracle_recurrence_forward(&d->shape, d->gates_x, d->w_hh, pass->params + at.bias_hh, d->h,
                              d->c);
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
            free(pass->directions[layer][direction].w_hh);
        }
    }
    for (size_t i = 0; i < sizeof pass->inputs / sizeof pass->inputs[0]; i++)
        free(pass->inputs[i]);
    free(pass->projected);
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
        oracle_recurrence_backward(&d->shape, d->gates_x, d->w_hh, pass->params + at.bias_hh, d->h,
                                   d->c, own, &out);
        for (int i = 0; i < GH * H; i++)
            grads[at.weight_hh + i] *= weight_keep(pass, layer, direction, i);
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

/* Backward through the output layer: dlogits (T,B,V) -> doutput (T,B,D*H). */
static void backward_output(const model_pass *pass, const double *dlogits, double *doutput,
                            double *grads)
{
    const oracle_model *model = pass->model;
    int M = pass->batch->T * pass->batch->B, L = model->num_layers;
    output_places at = places_of_output(model);
    const double *x = at.is_projected ? pass->projected : pass->inputs[L];
    double *dx = doubles(M * at.in);
    oracle_linear_backward(M, at.in, model->V, x, pass->params + at.weight, dlogits, dx,
                           grads + at.weight, grads + at.bias);
    if (at.is_projected)
        oracle_linear_backward(M, num_features(model), at.in, pass->inputs[L],
                               pass->params + at.projection, dx, doutput, grads + at.projection,
                               NULL);
    else
        memcpy(doutput, dx, (size_t)(M * at.in) * sizeof *doutput);
    free(dx);
}

/* Backward through the embedding. A tied one has the output layer's gradient already. */
static void backward_embedding(const model_pass *pass, const double *dinput, double *grads)
{
    const oracle_model *model = pass->model;
    int M = pass->batch->T * pass->batch->B, E = model->E;
    double *dembedded = doubles(M * E), *dtable = doubles(model->V * E);
    for (int i = 0; i < M * E; i++)
        dembedded[i] = dinput[i] * input_keep(pass, i);
    oracle_embedding_backward(M, model->V, E, pass->batch->inputs, dembedded, dtable);
    for (int i = 0; i < model->V * E; i++)
        grads[i] = (model->tied ? grads[i] : 0) + dtable[i];
    free(dembedded);
    free(dtable);
}

static void backward(const model_pass *pass, const double *dlogits, double *grads)
{
    const oracle_model *model = pass->model;
    int M = pass->batch->T * pass->batch->B;
    double *doutput = doubles(M * num_features(model));
    backward_output(pass, dlogits, doutput, grads);
    for (int layer = model->num_layers - 1; layer >= 0; layer--) {
        double *dinput = doubles(M * input_width(model, layer));
        backward_layer(pass, layer, doutput, dinput, grads);
        free(doutput);
        doutput = dinput;
    }
    if (model->E > 0)
        backward_embedding(pass, doutput, grads);
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

/* The input of layer 0: rows of the embedding, or one-hot rows. */
static void forward_input(model_pass *pass)
{
    const oracle_model *model = pass->model;
    int M = pass->batch->T * pass->batch->B, E = model->E, V = model->V;
    pass->inputs[0] = doubles(M * input_width(model, 0));
    if (E == 0) {
        for (int m = 0; m < M; m++)
            pass->inputs[0][m * V + pass->batch->inputs[m]] = 1;
        return;
    }
    oracle_embedding_forward(M, E, pass->batch->inputs, pass->params, NULL, pass->inputs[0]);
    for (int i = 0; i < M * E; i++)
        pass->inputs[0][i] *= input_keep(pass, i);
}

/* logits (T,B,V) */
static void forward_output(model_pass *pass, double *logits)
{
    const oracle_model *model = pass->model;
    int M = pass->batch->T * pass->batch->B, L = model->num_layers;
    output_places at = places_of_output(model);
    const double *x = pass->inputs[L];
    if (at.is_projected) {
        pass->projected = doubles(M * at.in);
        oracle_linear_forward(M, num_features(model), at.in, x, pass->params + at.projection, NULL,
                              pass->projected);
        x = pass->projected;
    }
    oracle_linear_forward(M, at.in, model->V, x, pass->params + at.weight, pass->params + at.bias,
                          logits);
}

double oracle_model_loss(const oracle_model *model, const double *params, const oracle_batch *batch,
                         const oracle_results *results)
{
    int V = model->V, M = batch->T * batch->B;
    model_pass pass = {.model = model, .params = params, .batch = batch};
    forward_input(&pass);
    for (int layer = 0; layer < model->num_layers; layer++)
        forward_layer(&pass, layer);
    double *logits = doubles(M * V), *losses = doubles(M), *dlogits = doubles(M * V);
    forward_output(&pass, logits);
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
        oracle_batch one = {1, 1, text + i, &no_target, h, c, {0}};
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
