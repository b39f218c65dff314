/* The article's RNNModel as a sequence of device operations: the recurrent stack and an output layer, and
 * backward the same two in the other order. */
#include "lyrnn/model.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/device_memory.h"
#include "model/stack.h"

/* The output layer's tensors are the table's last two. */
static const lyrnn_parameter *dense_weight(const lyrnn_model *model)
{
    return &model->parameters.items[model->parameters.num - 2];
}

static const lyrnn_parameter *dense_bias(const lyrnn_model *model)
{
    return &model->parameters.items[model->parameters.num - 1];
}

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
    LYRNN_TRY(
        lyrnn_device_alloc(backend, num_bytes, "the parameters", "lower --hidden-size", &memory));
    model->params = (float *)memory;
    backend->zero(backend, model->params, num_bytes);
    return LYRNN_OK;
}

lyrnn_status lyrnn_packed_model_init(lyrnn_packed_model *packed, const lyrnn_model *model)
{
    *packed = (lyrnn_packed_model){.model = model};
    void *memory;
    LYRNN_TRY(lyrnn_device_alloc(model->backend, model->parameters.count * sizeof(float),
                                 "the parameters", "lower --hidden-size", &memory));
    packed->params = (float *)memory;
    lyrnn_packed_model_update(packed);
    return LYRNN_OK;
}

void lyrnn_packed_model_free(lyrnn_packed_model *packed)
{
    if (packed->model != NULL)
        packed->model->backend->memory_free(packed->model->backend, packed->params);
    memset(packed, 0, sizeof *packed);
}

/* Packs a weight as num matrices of equally many rows. */
static void pack(lyrnn_packed_model *packed, const lyrnn_parameter *parameter, int num)
{
    const lyrnn_model *model = packed->model;
    const lyrnn_pack_weights_args args = {
        .num = num,
        .N = parameter->rows / num,
        .K = parameter->cols,
        .weight = model->params + parameter->offset,
        .packed = packed->params + parameter->offset,
    };
    model->backend->pack_weights(model->backend, &args);
}

void lyrnn_packed_model_update(lyrnn_packed_model *packed)
{
    const lyrnn_model *model = packed->model;
    const lyrnn_rnn_config *config = &model->config;
    const lyrnn_parameters *table = &model->parameters;
    lyrnn_backend *backend = model->backend;
    size_t num_bytes = table->count * sizeof(float);
    backend->copy_rows(backend, packed->params, num_bytes, model->params, num_bytes, num_bytes, 1);
    for (int layer = 0; layer < config->num_layers; layer++)
        for (int direction = 0; direction < lyrnn_num_directions(config); direction++) {
            /* Layer 0 multiplies with nothing: its input is a gather. */
            if (layer > 0)
                pack(packed,
                     lyrnn_parameters_of_layer(table, config, layer, direction, LYRNN_WEIGHT_IH),
                     1);
            pack(packed,
                 lyrnn_parameters_of_layer(table, config, layer, direction, LYRNN_WEIGHT_HH),
                 lyrnn_num_gates(config->cell));
        }
    pack(packed, dense_weight(model), 1);
}

void lyrnn_model_free(lyrnn_model *model)
{
    if (model->backend != NULL)
        model->backend->memory_free(model->backend, model->params);
    memset(model, 0, sizeof *model);
}

void lyrnn_model_randomize(lyrnn_model *model, uint64_t seed)
{
    lyrnn_parameters_randomize(&model->parameters, model->backend, seed, model->params);
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

static void lay_out(lyrnn_activations *a, lyrnn_arena *arena, bool training)
{
    size_t M = (size_t)a->T * (size_t)a->B, V = (size_t)a->stack->config.input_size;
    a->inputs = (int32_t *)lyrnn_arena_take(arena, M, sizeof(int32_t));
    a->targets = (int32_t *)lyrnn_arena_take(arena, M, sizeof(int32_t));
    lyrnn_stack_lay_out(a->stack, arena, training);
    a->logits = (float *)lyrnn_arena_take(arena, M * V, sizeof(float));
    a->losses = (float *)lyrnn_arena_take(arena, M, sizeof(float));
    if (training)
        a->scratch = (int32_t *)lyrnn_arena_take(arena, 2 * M + V + 1, sizeof(int32_t));
}

size_t lyrnn_activations_bytes(const lyrnn_rnn_config *config, int num_lanes, int T, int B,
                               bool training)
{
    lyrnn_stack stack = {.config = *config, .num_lanes = num_lanes, .T = T, .B = B};
    lyrnn_activations activations = {.T = T, .B = B, .stack = &stack};
    lyrnn_arena arena = {NULL, 0};
    lay_out(&activations, &arena, training);
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
    lyrnn_stack *stack = (lyrnn_stack *)calloc(1, sizeof *stack);
    if (stack == NULL)
        return lyrnn_out_of_memory("activations", sizeof *stack, "close other programs");
    *stack = (lyrnn_stack){.config = model->config,
                           .backend = backend,
                           .num_lanes = backend->num_lanes,
                           .T = T,
                           .B = B};
    *activations = (lyrnn_activations){.T = T, .B = B, .backend = backend, .stack = stack};
    size_t num_bytes = lyrnn_activations_bytes(&model->config, backend->num_lanes, T, B, training);
    lyrnn_status status = lyrnn_device_alloc(backend, num_bytes, "the activations",
                                             "lower --batch-size, --num-steps or --hidden-size",
                                             &activations->memory);
    if (status != LYRNN_OK) {
        lyrnn_activations_free(activations);
        return status;
    }
    lyrnn_arena arena = {(char *)activations->memory, 0};
    lay_out(activations, &arena, training);
    lyrnn_activations_reset_state(activations);
    return LYRNN_OK;
}

void lyrnn_activations_free(lyrnn_activations *activations)
{
    if (activations->backend != NULL)
        activations->backend->memory_free(activations->backend, activations->memory);
    free(activations->stack);
    memset(activations, 0, sizeof *activations);
}

/* The output layer with the weights of params, which is the model's buffer or a packed copy of it. */
static lyrnn_output_layer output_layer(const lyrnn_model *model, const float *params,
                                       const lyrnn_activations *a)
{
    return (lyrnn_output_layer){
        .B = a->B,
        .in = lyrnn_num_directions(&model->config) * model->config.hidden_size,
        .out = model->config.input_size,
        .weight = params + dense_weight(model)->offset,
        .bias = params + dense_bias(model)->offset,
        .logits = a->logits,
    };
}

static lyrnn_stack_pass stack_pass(const lyrnn_model *model, const float *params,
                                   const lyrnn_activations *a, const lyrnn_output_layer *output)
{
    return (lyrnn_stack_pass){
        .stack = a->stack,
        .parameters = &model->parameters,
        .params = params,
        .batch_invariant = output->batch_invariant,
        .input = {.ids = a->inputs},
        .dropout = a->dropout,
        .output_layer = output,
    };
}

void lyrnn_activations_gather(lyrnn_activations *a, const int32_t *ids, const int64_t *starts,
                              lyrnn_counters *counters)
{
    const lyrnn_batch_gather_args args = {
        .T = a->T,
        .B = a->B,
        .ids = ids,
        .starts = starts,
        .counters = counters,
        .inputs = a->inputs,
        .targets = a->targets,
    };
    a->backend->batch_gather(a->backend, &args);
}

void lyrnn_model_forward(const lyrnn_model *model, lyrnn_activations *a)
{
    const lyrnn_output_layer output = output_layer(model, model->params, a);
    const lyrnn_stack_pass pass = stack_pass(model, model->params, a, &output);
    lyrnn_stack_forward(&pass);
}

void lyrnn_packed_model_forward(const lyrnn_packed_model *packed, lyrnn_activations *a)
{
    lyrnn_output_layer output = output_layer(packed->model, packed->params, a);
    output.batch_invariant = true;
    const lyrnn_stack_pass pass = stack_pass(packed->model, packed->params, a, &output);
    lyrnn_stack_forward(&pass);
}

void lyrnn_model_loss(const lyrnn_model *model, lyrnn_activations *a, lyrnn_counters *counters)
{
    const lyrnn_softmax_cross_entropy_args args = {
        .M = a->T * a->B,
        .V = model->config.input_size,
        .targets = a->targets,
        .logits = a->logits,
        .losses = a->losses,
        .counters = counters,
    };
    model->backend->softmax_cross_entropy(model->backend, &args);
}

void lyrnn_model_backward(const lyrnn_model *model, lyrnn_activations *a, float *grads)
{
    lyrnn_backend *backend = model->backend;
    lyrnn_stack *stack = a->stack;
    LYRNN_CHECK(stack->doutput != NULL);
    /* The loss does not see the state beyond the batch: its history is truncated here. */
    size_t state_bytes = lyrnn_stack_state_count(stack) * sizeof(float);
    backend->zero(backend, stack->dh, state_bytes);
    if (stack->dc != NULL)
        backend->zero(backend, stack->dc, state_bytes);
    lyrnn_output_layer output = output_layer(model, model->params, a);
    output.dweight = grads + dense_weight(model)->offset;
    output.dbias = grads + dense_bias(model)->offset;
    lyrnn_stack_pass pass = stack_pass(model, model->params, a, &output);
    pass.grads = grads;
    pass.scratch = a->scratch;
    lyrnn_stack_backward(&pass);
}

void lyrnn_activations_carry_state(lyrnn_activations *a)
{
    lyrnn_stack_carry_state(a->stack);
}

void lyrnn_activations_reset_state(lyrnn_activations *a)
{
    lyrnn_stack_reset_state(a->stack);
}

void lyrnn_activations_set_state(lyrnn_activations *a, const float *h_0, const float *c_0)
{
    lyrnn_stack_set_state(a->stack, h_0, c_0);
}

void lyrnn_activations_get_state(const lyrnn_activations *a, float *h_n, float *c_n)
{
    lyrnn_stack_get_state(a->stack, h_n, c_n);
}

void lyrnn_activations_get_carried_state(const lyrnn_activations *a, float *h_0, float *c_0)
{
    lyrnn_stack_get_carried_state(a->stack, h_0, c_0);
}
