/* The tutorial's RNNModel as calls of the backend: the recurrent stack (stack.c) and the output
 * layer. The packed copy for generation runs the same forward pass with other weights.
 * activations.c has the buffers that a batch needs. Read stack.c next, then trainer.c. */
#include "lyrnn/model.h"

#include <string.h>

#include "model/device_memory.h"
#include "model/stack.h"

/* The tensors of the output layer are the last two of the table. */
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

/* Packs a weight as num matrices with the same number of rows. */
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
            /* Layer 0 has no product with weight_ih: it looks rows up. */
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

/* The output layer. params are the model's parameters or the packed copy. */
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
    /* Truncated back-propagation: no gradient comes from later batches. */
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
