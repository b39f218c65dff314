/* The tutorial's RNNModel as calls of the backend: the embedding if there is one, the recurrent
 * stack (stack.c) and the output layer (output_layer.c). The packed copy for generation runs the
 * same forward pass with other weights. activations.c has the buffers that a batch needs. Read
 * stack.c next, then trainer.c. */
#include "lyrnn/model.h"

#include <string.h>

#include "lyrnn/philox.h"
#include "model/device_memory.h"
#include "model/plan_probe.h"
#include "model/stack.h"

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

static bool is_tied(const lyrnn_parameters *parameters)
{
    return lyrnn_parameters_output_weight(parameters) == lyrnn_parameters_embedding(parameters);
}

size_t lyrnn_packed_model_bytes(const lyrnn_parameters *parameters)
{
    size_t own =
        is_tied(parameters) ? lyrnn_parameter_count(lyrnn_parameters_output_weight(parameters)) : 0;
    return (parameters->count + own) * sizeof(float);
}

lyrnn_status lyrnn_packed_model_init(lyrnn_packed_model *packed, const lyrnn_model *model)
{
    const lyrnn_parameters *parameters = &model->parameters;
    *packed = (lyrnn_packed_model){.model = model};
    void *memory;
    LYRNN_TRY(lyrnn_device_alloc(model->backend, lyrnn_packed_model_bytes(parameters),
                                 "the parameters", "lower --hidden-size", &memory));
    packed->params = (float *)memory;
    packed->output_weight =
        packed->params + (is_tied(parameters) ? parameters->count
                                              : lyrnn_parameters_output_weight(parameters)->offset);
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
static void pack_to(lyrnn_packed_model *packed, const lyrnn_parameter *parameter, int num,
                    float *to)
{
    const lyrnn_model *model = packed->model;
    const lyrnn_pack_weights_args args = {
        .num = num,
        .N = parameter->rows / num,
        .K = parameter->cols,
        .weight = model->params + parameter->offset,
        .packed = to,
    };
    model->backend->pack_weights(model->backend, &args);
}

static void pack(lyrnn_packed_model *packed, const lyrnn_parameter *parameter, int num)
{
    pack_to(packed, parameter, num, packed->params + parameter->offset);
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
            /* Without an embedding, layer 0 has no product with weight_ih: it looks rows up. */
            if (layer > 0 || config->embedding_size > 0)
                pack(packed,
                     lyrnn_parameters_of_layer(table, config, layer, direction, LYRNN_WEIGHT_IH),
                     1);
            pack(packed,
                 lyrnn_parameters_of_layer(table, config, layer, direction, LYRNN_WEIGHT_HH),
                 lyrnn_num_gates(config->cell));
        }
    if (lyrnn_parameters_projection(table) != NULL)
        pack(packed, lyrnn_parameters_projection(table), 1);
    pack_to(packed, lyrnn_parameters_output_weight(table), 1, packed->output_weight);
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

/* One pass: the model, the weights that it reads, and the buffers. */
typedef struct {
    const lyrnn_model *model;
    const float *params;        /* those of the model, or packed */
    const float *output_weight; /* in params, or after them */
    bool batch_invariant;       /* the weights are packed */
    lyrnn_activations *a;
} model_pass;

/* The place of a tensor in a flat buffer. NULL: there is no such tensor. */
static float *place(const lyrnn_parameter *parameter, const float *flat)
{
    return parameter == NULL ? NULL : (float *)flat + parameter->offset;
}

static lyrnn_output_layer output_layer(const model_pass *pass)
{
    const lyrnn_parameters *table = &pass->model->parameters;
    const lyrnn_rnn_config *config = &pass->model->config;
    const lyrnn_activations *a = pass->a;
    return (lyrnn_output_layer){
        .B = a->B,
        .in = lyrnn_num_directions(config) * config->hidden_size,
        .out = config->input_size,
        .width = lyrnn_parameters_output_weight(table)->cols,
        .logits_stride = a->logits_stride,
        .batch_invariant = pass->batch_invariant,
        .weight = pass->output_weight,
        .bias = place(lyrnn_parameters_output_bias(table), pass->params),
        .logits = a->logits,
        .projection = place(lyrnn_parameters_projection(table), pass->params),
        .projected = a->projected,
        .p = config->dropout_output,
        .dropout = a->dropout,
        .dropped = a->dropped,
        .dprojected = a->dprojected,
    };
}

static lyrnn_stack_pass stack_pass(const model_pass *pass, const lyrnn_output_layer *output)
{
    const lyrnn_activations *a = pass->a;
    bool is_embedded = a->embedded != NULL;
    return (lyrnn_stack_pass){
        .stack = a->stack,
        .parameters = &pass->model->parameters,
        .params = pass->params,
        .batch_invariant = pass->batch_invariant,
        .input = {.ids = is_embedded ? NULL : a->inputs, .x = a->embedded},
        .dropout = a->dropout,
        .output_layer = output,
    };
}

/* Applies this step's mask to the embedding's output (T,B,E), or to its gradient. Only activations
 * for training drop. */
static void drop_embedded(const model_pass *pass, float *x)
{
    lyrnn_backend *backend = pass->model->backend;
    const lyrnn_dropout *dropout = &pass->a->dropout;
    uint64_t E = (uint64_t)pass->model->config.embedding_size;
    if (dropout->counters == NULL || pass->a->dembedded == NULL ||
        pass->model->config.dropout_input == 0.0f)
        return;
    lyrnn_dropout_args args = {
        .T = pass->a->T,
        .count = (size_t)pass->a->B * E,
        .p = pass->model->config.dropout_input,
        .seed = dropout->seed,
        .purpose = LYRNN_PURPOSE_DROPOUT_INPUT,
        .per_step = (uint64_t)dropout->num_streams * E,
        .position = (uint64_t)dropout->first_stream * E,
        .counters = dropout->counters,
        .x = x,
        .y = x,
    };
    backend->dropout(backend, &args);
}

static void embed(const model_pass *pass)
{
    lyrnn_backend *backend = pass->model->backend;
    lyrnn_activations *a = pass->a;
    lyrnn_embedding_forward_args args = {
        .M = a->T * a->B,
        .V = pass->model->config.input_size,
        .F = pass->model->config.embedding_size,
        .ids = a->inputs,
        .table = place(lyrnn_parameters_embedding(&pass->model->parameters), pass->params),
        .out = a->embedded,
    };
    backend->embedding_forward(backend, &args);
    drop_embedded(pass, a->embedded);
}

/* Prepares the gradient of the embedding, in the lane of the weights' gradients. In a tied model,
 * the output layer puts its part there. */
static void begin_embed_backward(const model_pass *pass, float *grads)
{
    lyrnn_backend *backend = pass->model->backend;
    lyrnn_activations *a = pass->a;
    const lyrnn_parameter *table = lyrnn_parameters_embedding(&pass->model->parameters);
    const lyrnn_group_ids_args args = {.M = a->T * a->B, .ids = a->inputs, .groups = a->groups};
    backend->lane_use(backend, lyrnn_stack_weights_lane(a->stack));
    backend->lane_wait(backend, 0);
    backend->group_ids(backend, &args);
    if (!pass->model->config.tied)
        backend->zero(backend, place(table, grads), lyrnn_parameter_count(table) * sizeof(float));
    backend->lane_use(backend, 0);
}

/* Adds the gradient of the embedding to what is there. */
static void embed_backward(const model_pass *pass, float *grads)
{
    lyrnn_backend *backend = pass->model->backend;
    lyrnn_activations *a = pass->a;
    drop_embedded(pass, a->dembedded);
    lyrnn_embedding_backward_args args = {
        .M = a->T * a->B,
        .V = pass->model->config.input_size,
        .F = pass->model->config.embedding_size,
        .ids = a->inputs,
        .groups = a->groups,
        .dout = a->dembedded,
        .dtable = place(lyrnn_parameters_embedding(&pass->model->parameters), grads),
    };
    backend->embedding_backward(backend, &args);
}

static void forward(const model_pass *pass)
{
    const lyrnn_output_layer output = output_layer(pass);
    const lyrnn_stack_pass stack = stack_pass(pass, &output);
    if (pass->a->embedded != NULL)
        embed(pass);
    lyrnn_stack_forward(&stack);
}

static model_pass pass_of(const lyrnn_model *model, lyrnn_activations *a)
{
    return (model_pass){
        .model = model,
        .params = model->params,
        .output_weight = place(lyrnn_parameters_output_weight(&model->parameters), model->params),
        .a = a,
    };
}

void lyrnn_model_forward(const lyrnn_model *model, lyrnn_activations *a)
{
    const model_pass pass = pass_of(model, a);
    forward(&pass);
}

void lyrnn_packed_model_forward(const lyrnn_packed_model *packed, lyrnn_activations *a)
{
    const model_pass pass = {
        .model = packed->model,
        .params = packed->params,
        .output_weight = packed->output_weight,
        .batch_invariant = true,
        .a = a,
    };
    forward(&pass);
}

lyrnn_plan_probe lyrnn_model_probe(const lyrnn_model *model, lyrnn_activations *a,
                                   const lyrnn_recurrence_shape *shape)
{
    const model_pass pass = pass_of(model, a);
    const lyrnn_stack_pass stack = stack_pass(&pass, NULL);
    if (a->embedded != NULL)
        embed(&pass);
    return (lyrnn_plan_probe){
        .shape = *shape,
        .gates = lyrnn_stack_project_first(&stack, shape->T),
        .w_hh = lyrnn_stack_tensor(&stack, model->params, 0, 0, LYRNN_WEIGHT_HH),
        .b_hh = lyrnn_stack_tensor(&stack, model->params, 0, 0, LYRNN_BIAS_HH),
    };
}

/* Adds up the losses in the lane of the weights' gradients, so that a backward pass can begin. */
static void count_losses(lyrnn_backend *backend, const lyrnn_activations *a,
                         lyrnn_counters *counters)
{
    const lyrnn_count_losses_args args = {.M = a->T * a->B,
                                          .targets = a->targets,
                                          .losses = a->losses,
                                          .counters = counters,
                                          .parts = a->loss_parts};
    bool is_waited_for = a->stack->doutput != NULL;
    backend->lane_use(backend, lyrnn_stack_weights_lane(a->stack));
    backend->lane_wait(backend, 0);
    backend->count_losses(backend, &args);
    backend->lane_use(backend, 0);
    if (!is_waited_for)
        backend->lane_wait(backend, lyrnn_stack_weights_lane(a->stack));
}

void lyrnn_model_loss(const lyrnn_model *model, lyrnn_activations *a, lyrnn_counters *counters)
{
    const lyrnn_softmax_cross_entropy_args args = {
        .M = a->T * a->B,
        .V = model->config.input_size,
        .logits_stride = a->logits_stride,
        .targets = a->targets,
        .logits = a->logits,
        .losses = a->losses,
        .counters = counters,
    };
    model->backend->softmax_cross_entropy(model->backend, &args);
    count_losses(model->backend, a, counters);
}

void lyrnn_model_backward(const lyrnn_model *model, lyrnn_activations *a, float *grads)
{
    const lyrnn_parameters *table = &model->parameters;
    const model_pass pass = pass_of(model, a);
    LYRNN_CHECK(a->stack->doutput != NULL);
    lyrnn_output_layer output = output_layer(&pass);
    output.dweight = place(lyrnn_parameters_output_weight(table), grads);
    output.dbias = place(lyrnn_parameters_output_bias(table), grads);
    output.dprojection = place(lyrnn_parameters_projection(table), grads);
    output.sum = a->output_sum;
    lyrnn_stack_pass recurrent = stack_pass(&pass, &output);
    recurrent.grads = grads;
    recurrent.dx = a->dembedded;
    recurrent.groups = a->groups;
    /* Truncated back-propagation: no gradient comes from later batches. */
    recurrent.zero_dstate = true;
    if (a->embedded != NULL)
        begin_embed_backward(&pass, grads);
    lyrnn_stack_backward(&recurrent);
    if (a->embedded != NULL)
        embed_backward(&pass, grads);
}
