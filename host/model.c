/* The article's RNNModel as a sequence of device operations: forward is lookup, recurrence, output layer;
 * backward is the same three in the other order. */
#include "lyrnn/model.h"

#include <limits.h>
#include <string.h>

#include "arena.h"

lyrnn_status lyrnn_model_init(lyrnn_model *model, const lyrnn_rnn_config *config,
                              lyrnn_backend *backend)
{
    memset(model, 0, sizeof *model);
    LYRNN_TRY(lyrnn_rnn_config_check(config));
    lyrnn_parameters_of_model(&model->parameters, config);
    model->config = *config;
    model->backend = backend;
    size_t num_bytes = model->parameters.count * sizeof(float);
    void *memory;
    if (backend->memory_alloc(backend, num_bytes, &memory) != LYRNN_OK)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "%s for the parameters; lower --hidden-size",
                          lyrnn_error_text());
    model->params = (float *)memory;
    backend->zero(backend, model->params, num_bytes);
    return LYRNN_OK;
}

void lyrnn_model_free(lyrnn_model *model)
{
    if (model->backend != NULL)
        model->backend->memory_free(model->backend, model->params);
    memset(model, 0, sizeof *model);
}

void lyrnn_model_randomise(lyrnn_model *model, uint64_t seed)
{
    lyrnn_parameters_randomise(&model->parameters, model->backend, seed, model->params);
}

void lyrnn_model_upload(lyrnn_model *model, const float *flat)
{
    model->backend->upload(model->backend, model->params, flat,
                           model->parameters.count * sizeof(float));
}

void lyrnn_model_download(const lyrnn_model *model, float *flat)
{
    model->backend->download(model->backend, flat, model->params,
                             model->parameters.count * sizeof(float));
}

/* Floats of one slot of h, (B,H). */
static size_t state_count(const lyrnn_activations *a, const lyrnn_rnn_config *config)
{
    return (size_t)a->B * (size_t)config->hidden_size;
}

static void lay_out(lyrnn_activations *a, lyrnn_arena *arena, const lyrnn_rnn_config *config,
                    bool training)
{
    size_t T = (size_t)a->T, M = T * (size_t)a->B, V = (size_t)config->input_size;
    size_t H = (size_t)config->hidden_size;
    size_t state = state_count(a, config);
    a->inputs = (int32_t *)lyrnn_arena_take(arena, M, sizeof(int32_t));
    a->gates_x = (float *)lyrnn_arena_take(arena, T * state, sizeof(float));
    a->h = (float *)lyrnn_arena_take(arena, (T + 1) * state, sizeof(float));
    a->logits = (float *)lyrnn_arena_take(arena, M * V, sizeof(float));
    a->w_hh_scratch = (float *)lyrnn_arena_take(arena, H * H, sizeof(float));
    if (!training)
        return;
    a->targets = (int32_t *)lyrnn_arena_take(arena, M, sizeof(int32_t));
    a->losses = (float *)lyrnn_arena_take(arena, M, sizeof(float));
    a->doutput = (float *)lyrnn_arena_take(arena, T * state, sizeof(float));
    a->dh = (float *)lyrnn_arena_take(arena, state, sizeof(float));
    a->scratch = (int32_t *)lyrnn_arena_take(arena, 2 * M + V + 1, sizeof(int32_t));
}

size_t lyrnn_activations_bytes(const lyrnn_rnn_config *config, int T, int B, bool training)
{
    lyrnn_activations activations = {.T = T, .B = B};
    lyrnn_arena arena = {NULL, 0};
    lay_out(&activations, &arena, config, training);
    return arena.num_bytes;
}

lyrnn_status lyrnn_activations_init(lyrnn_activations *activations, const lyrnn_model *model, int T,
                                    int B, bool training)
{
    memset(activations, 0, sizeof *activations);
    if (T < 1 || B < 1 || T > INT_MAX / 4 / B)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--batch-size %d, --num-steps %d: each must be at least 1, and their "
                          "product at most %d",
                          B, T, INT_MAX / 4);
    lyrnn_backend *backend = model->backend;
    size_t num_bytes = lyrnn_activations_bytes(&model->config, T, B, training);
    void *memory;
    if (backend->memory_alloc(backend, num_bytes, &memory) != LYRNN_OK)
        return lyrnn_fail(
            LYRNN_ERR_MEMORY,
            "%s for the activations; lower --batch-size, --num-steps or --hidden-size",
            lyrnn_error_text());
    *activations = (lyrnn_activations){.T = T, .B = B, .backend = backend, .memory = memory};
    lyrnn_arena arena = {(char *)memory, 0};
    lay_out(activations, &arena, &model->config, training);
    lyrnn_activations_reset_state(activations, model);
    return LYRNN_OK;
}

void lyrnn_activations_free(lyrnn_activations *activations)
{
    if (activations->backend != NULL)
        activations->backend->memory_free(activations->backend, activations->memory);
    memset(activations, 0, sizeof *activations);
}

static float *tensor(const lyrnn_model *model, float *flat, int index)
{
    return flat + model->parameters.items[index].offset;
}

void lyrnn_model_forward(const lyrnn_model *model, lyrnn_activations *a)
{
    lyrnn_backend *backend = model->backend;
    int M = a->T * a->B, V = model->config.input_size, H = model->config.hidden_size;
    lyrnn_embedding_forward_args lookup = {
        .M = M,
        .V = V,
        .F = H,
        .ids = a->inputs,
        .table = tensor(model, model->params, LYRNN_WEIGHT_IH),
        .bias = tensor(model, model->params, LYRNN_BIAS_IH),
        .out = a->gates_x,
    };
    lyrnn_recurrence_forward_args recurrence = {
        .T = a->T,
        .B = a->B,
        .H = H,
        .h_stride = H,
        .cell = model->config.cell,
        .gates_x = a->gates_x,
        .w_hh = tensor(model, model->params, LYRNN_WEIGHT_HH),
        .b_hh = tensor(model, model->params, LYRNN_BIAS_HH),
        .h = a->h,
        .scratch = a->w_hh_scratch,
    };
    lyrnn_linear_forward_args dense = {
        .M = M,
        .in = H,
        .out = V,
        .x = a->h + state_count(a, &model->config),
        .weight = tensor(model, model->params, LYRNN_DENSE_WEIGHT),
        .bias = tensor(model, model->params, LYRNN_DENSE_BIAS),
        .y = a->logits,
    };
    backend->embedding_forward(backend, &lookup);
    backend->recurrence_forward(backend, &recurrence);
    backend->linear_forward(backend, &dense);
}

void lyrnn_model_backward(const lyrnn_model *model, lyrnn_activations *a, float *grads)
{
    lyrnn_backend *backend = model->backend;
    int M = a->T * a->B, V = model->config.input_size, H = model->config.hidden_size;
    size_t state = state_count(a, &model->config);
    LYRNN_CHECK(a->doutput != NULL);
    lyrnn_linear_backward_args dense = {
        .M = M,
        .in = H,
        .out = V,
        .x = a->h + state,
        .weight = tensor(model, model->params, LYRNN_DENSE_WEIGHT),
        .dy = a->logits,
        .dx = a->doutput,
        .dweight = tensor(model, grads, LYRNN_DENSE_WEIGHT),
        .dbias = tensor(model, grads, LYRNN_DENSE_BIAS),
    };
    lyrnn_recurrence_backward_args recurrence = {
        .T = a->T,
        .B = a->B,
        .H = H,
        .h_stride = H,
        .cell = model->config.cell,
        .w_hh = tensor(model, model->params, LYRNN_WEIGHT_HH),
        .h = a->h,
        .doutput = a->doutput,
        .dh = a->dh,
        .dgates_x = a->gates_x,
        .dw_hh = tensor(model, grads, LYRNN_WEIGHT_HH),
        .db_hh = tensor(model, grads, LYRNN_BIAS_HH),
    };
    lyrnn_embedding_backward_args lookup = {
        .M = M,
        .V = V,
        .F = H,
        .ids = a->inputs,
        .dout = a->gates_x,
        .dtable = tensor(model, grads, LYRNN_WEIGHT_IH),
        .dbias = tensor(model, grads, LYRNN_BIAS_IH),
        .scratch = a->scratch,
    };
    backend->linear_backward(backend, &dense);
    /* The loss does not see the state beyond the batch: its history is truncated here. */
    backend->zero(backend, a->dh, state * sizeof(float));
    backend->recurrence_backward(backend, &recurrence);
    backend->embedding_backward(backend, &lookup);
}

void lyrnn_activations_carry_state(lyrnn_activations *a, const lyrnn_model *model)
{
    size_t state = state_count(a, &model->config);
    a->backend->copy(a->backend, a->h, a->h + (size_t)a->T * state, state * sizeof(float));
}

void lyrnn_activations_reset_state(lyrnn_activations *a, const lyrnn_model *model)
{
    a->backend->zero(a->backend, a->h, state_count(a, &model->config) * sizeof(float));
}
