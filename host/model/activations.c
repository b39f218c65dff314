/* The device buffers for batches of one shape: inputs, targets, logits and losses, and the buffers
 * of the recurrent stack. All of them are one allocation. */
#include "lyrnn/model.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/device_memory.h"
#include "model/stack.h"

static float *take_floats(lyrnn_arena *arena, size_t count)
{
    return (float *)lyrnn_arena_take(arena, count, sizeof(float));
}

/* The stack reads the embedding's output, if there is one. */
static lyrnn_rnn_config stack_config(const lyrnn_rnn_config *model)
{
    lyrnn_rnn_config config = *model;
    if (model->embedding_size > 0)
        config.input_size = model->embedding_size;
    return config;
}

static void lay_out_activations(lyrnn_activations *a, const lyrnn_rnn_config *config,
                                lyrnn_arena *arena, bool training)
{
    size_t M = (size_t)a->T * (size_t)a->B;
    size_t E = (size_t)config->embedding_size;
    size_t features = lyrnn_stack_directions(a->stack) * lyrnn_stack_hidden(a->stack);
    bool has_projection = config->tied && E != features;
    a->inputs = (int32_t *)lyrnn_arena_take(arena, M, sizeof(int32_t));
    a->targets = (int32_t *)lyrnn_arena_take(arena, M, sizeof(int32_t));
    a->from_zero = (int32_t *)lyrnn_arena_take(arena, (size_t)a->B, sizeof(int32_t));
    lyrnn_stack_lay_out(a->stack, arena, training);
    if (E > 0)
        a->embedded = take_floats(arena, M * E);
    if (has_projection)
        a->projected = take_floats(arena, M * E);
    a->logits = take_floats(arena, M * (size_t)a->logits_stride);
    a->losses = take_floats(arena, M);
    if (!training)
        return;
    if (config->dropout_output > 0.0f)
        a->dropped = take_floats(arena, M * features);
    if (E > 0)
        a->dembedded = take_floats(arena, M * E);
    if (has_projection)
        a->dprojected = take_floats(arena, M * E);
    a->groups = (int32_t *)lyrnn_arena_take(arena, M, sizeof(int32_t));
}

static int padded_width(const lyrnn_backend *backend, int width)
{
    return (width + backend->row_multiple - 1) / backend->row_multiple * backend->row_multiple;
}

size_t lyrnn_activations_bytes(const lyrnn_backend *backend, const lyrnn_rnn_config *config, int T,
                               int B, bool training)
{
    lyrnn_stack stack = {
        .config = stack_config(config), .num_lanes = backend->num_lanes, .T = T, .B = B};
    lyrnn_activations activations = {
        .T = T,
        .B = B,
        .stack = &stack,
        .logits_stride = padded_width(backend, config->input_size),
    };
    lyrnn_arena arena = {NULL, 0};
    lay_out_activations(&activations, config, &arena, training);
    return arena.num_bytes;
}

lyrnn_status lyrnn_activations_init(lyrnn_activations *activations, const lyrnn_model *model, int T,
                                    int B, bool training)
{
    memset(activations, 0, sizeof *activations);
    if (T < 1 || B < 1 || T > INT_MAX / 4 / B)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--batch-size %d, --num-steps %d: out of range; each must be at least 1, "
                          "and their product at most %d",
                          B, T, INT_MAX / 4);
    lyrnn_backend *backend = model->backend;
    lyrnn_stack *stack = (lyrnn_stack *)calloc(1, sizeof *stack);
    if (stack == NULL)
        return lyrnn_out_of_memory("activations", sizeof *stack, "close other programs");
    *stack = (lyrnn_stack){.config = stack_config(&model->config),
                           .backend = backend,
                           .num_lanes = backend->num_lanes,
                           .T = T,
                           .B = B};
    *activations = (lyrnn_activations){
        .T = T,
        .B = B,
        .backend = backend,
        .stack = stack,
        .logits_stride = padded_width(backend, model->config.input_size),
    };
    size_t num_bytes = lyrnn_activations_bytes(backend, &model->config, T, B, training);
    lyrnn_status status = lyrnn_device_alloc(backend, num_bytes, "the activations",
                                             "lower --batch-size, --num-steps or --hidden-size",
                                             &activations->memory);
    if (status != LYRNN_OK) {
        lyrnn_activations_free(activations);
        return status;
    }
    lyrnn_arena arena = {(char *)activations->memory, 0};
    lay_out_activations(activations, &model->config, &arena, training);
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

void lyrnn_activations_gather(lyrnn_activations *a, const lyrnn_batch_source *source)
{
    const lyrnn_batch_gather_args args = {
        .T = a->T,
        .B = a->B,
        .num_streams = source->num_streams,
        .first_stream = source->first_stream,
        .is_last = source->is_last,
        .ids = source->ids,
        .chunks = source->chunks,
        .counters = source->counters,
        .inputs = a->inputs,
        .targets = a->targets,
        .from_zero = a->from_zero,
    };
    a->backend->batch_gather(a->backend, &args);
}

void lyrnn_activations_carry_state(lyrnn_activations *a)
{
    lyrnn_stack_carry_state(a->stack);
}

void lyrnn_activations_begin_streams(lyrnn_activations *a)
{
    lyrnn_stack_begin_streams(a->stack, a->from_zero);
}

void lyrnn_activations_reset_state(lyrnn_activations *a)
{
    lyrnn_stack_reset_state(a->stack);
}

void lyrnn_activations_store_state(const lyrnn_activations *a, float *h, float *c, int num_streams,
                                   int first_stream)
{
    const lyrnn_state_part part = {h, c, num_streams, first_stream};
    lyrnn_stack_store_state(a->stack, &part);
}

void lyrnn_activations_load_state(lyrnn_activations *a, const float *h, const float *c,
                                  int num_streams, int first_stream)
{
    const lyrnn_state_part part = {(float *)h, (float *)c, num_streams, first_stream};
    lyrnn_stack_load_state(a->stack, &part);
}

void lyrnn_activations_continue(lyrnn_activations *a, const lyrnn_activations *from)
{
    lyrnn_stack_continue(a->stack, from->stack);
}

void lyrnn_activations_continue_state(lyrnn_activations *a, const float *h, const float *c,
                                      int num_streams)
{
    const lyrnn_state_part whole = {(float *)h, (float *)c, num_streams, 0};
    lyrnn_stack_continue_state(a->stack, &whole);
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
