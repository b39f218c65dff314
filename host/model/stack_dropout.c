/* Dropout between layers (torch.nn.LSTM's), and DropConnect on W_hh (Wan et al. 2013, as Merity et
 * al. 2018 use it): calls of the backend's one dropout operation. stack_dropout.h describes the
 * functions. */
#include "model/stack_dropout.h"

#include "lyrnn/philox.h"

bool lyrnn_stack_drops_out(const lyrnn_stack_pass *pass, int layer)
{
    return pass->dropout.counters != NULL && pass->stack->layers[layer].dropped != NULL;
}

void lyrnn_stack_drop_out(const lyrnn_stack_pass *pass, int layer, int first, int end,
                          const float *x, float *y)
{
    const lyrnn_stack *stack = pass->stack;
    size_t slot = lyrnn_stack_slot_count(stack), begin = (size_t)first * slot;
    size_t stream = slot / (size_t)stack->B, whole = (size_t)pass->dropout.num_streams * stream;
    size_t per_layer = (size_t)stack->T * whole;
    lyrnn_dropout_args args = {
        .T = end - first,
        .count = slot,
        .mask_stride = whole,
        .p = stack->config.dropout,
        .seed = pass->dropout.seed,
        .purpose = LYRNN_PURPOSE_DROPOUT,
        .per_step = (size_t)(stack->config.num_layers - 1) * per_layer,
        .position = (size_t)layer * per_layer + (size_t)first * whole +
                    (size_t)pass->dropout.first_stream * stream,
        .counters = pass->dropout.counters,
        .x = x + begin,
        .y = y + begin,
    };
    stack->backend->dropout(stack->backend, &args);
}

const float *lyrnn_stack_w_hh(const lyrnn_stack_pass *pass, int layer, int direction)
{
    const float *dropped = pass->stack->layers[layer].w_hh[direction];
    if (pass->dropout.counters != NULL && dropped != NULL)
        return dropped;
    return lyrnn_stack_tensor(pass, pass->params, layer, direction, LYRNN_WEIGHT_HH);
}

void lyrnn_stack_drop_weights(const lyrnn_stack_pass *pass, bool is_gradient)
{
    lyrnn_stack *stack = pass->stack;
    int D = (int)lyrnn_stack_directions(stack), num = stack->config.num_layers * D;
    if (pass->dropout.counters == NULL || stack->layers[0].w_hh[0] == NULL)
        return;
    for (int i = 0; i < num; i++) {
        const float *flat = is_gradient ? pass->grads : pass->params;
        float *w_hh = lyrnn_stack_tensor(pass, flat, i / D, i % D, LYRNN_WEIGHT_HH);
        lyrnn_dropout_args args = {
            .T = 1,
            .count = lyrnn_stack_w_hh_count(stack),
            .p = stack->config.dropout_weight,
            .seed = pass->dropout.seed,
            .purpose = LYRNN_PURPOSE_DROPOUT_WEIGHT,
            .per_step = (size_t)num * lyrnn_stack_w_hh_count(stack),
            .position = (size_t)i * lyrnn_stack_w_hh_count(stack),
            .counters = pass->dropout.counters,
            .x = w_hh,
            .y = is_gradient ? w_hh : stack->layers[i / D].w_hh[i % D],
        };
        stack->backend->dropout(stack->backend, &args);
    }
}
