/* The state of the recurrent stack: h and c before the first step of a batch and after the last
 * one. They are slots of the layers' buffers (stack.h). The host sees them as (L*D,B,H), in
 * PyTorch's order. */
#include "model/stack.h"

/* One direction's h or c (B,H) before its first step, and after its last step. */
static float *first_state(const lyrnn_stack *stack, float *slots, int direction)
{
    int slot = direction == 0 ? 0 : stack->T;
    return lyrnn_stack_own_slots(stack, slots, direction) +
           (size_t)slot * lyrnn_stack_slot_count(stack);
}

static float *last_state(const lyrnn_stack *stack, float *slots, int direction)
{
    int slot = direction == 0 ? stack->T : 0;
    return lyrnn_stack_own_slots(stack, slots, direction) +
           (size_t)slot * lyrnn_stack_slot_count(stack);
}

/* Copies `num` rows of H floats. The strides are in floats. */
static void copy_states(const lyrnn_stack *stack, float *to, size_t to_stride, const float *from,
                        size_t from_stride, int num)
{
    stack->backend->copy_rows(stack->backend, to, to_stride * sizeof *to, from,
                              from_stride * sizeof *from, lyrnn_stack_hidden(stack) * sizeof *to,
                              (size_t)num);
}

static void copy_state(const lyrnn_stack *stack, float *to, size_t to_stride, const float *from,
                       size_t from_stride)
{
    copy_states(stack, to, to_stride, from, from_stride, stack->B);
}

void lyrnn_stack_carry_state(lyrnn_stack *stack)
{
    size_t stride = lyrnn_stack_directions(stack) * lyrnn_stack_hidden(stack);
    for (int layer = 0; layer < stack->config.num_layers; layer++) {
        float *const both[] = {stack->layers[layer].h, stack->layers[layer].c};
        for (int i = 0; i < 2 && both[i] != NULL; i++)
            for (int direction = 0; direction < (int)lyrnn_stack_directions(stack); direction++)
                copy_state(stack, first_state(stack, both[i], direction), stride,
                           last_state(stack, both[i], direction), stride);
    }
}

void lyrnn_stack_reset_state(lyrnn_stack *stack)
{
    size_t slot = lyrnn_stack_slot_count(stack), D = lyrnn_stack_directions(stack);
    for (int layer = 0; layer < stack->config.num_layers; layer++) {
        float *const both[] = {stack->layers[layer].h, stack->layers[layer].c};
        for (int i = 0; i < 2 && both[i] != NULL; i++)
            for (size_t d = 0; d < D; d++)
                stack->backend->zero(stack->backend, both[i] + d * ((size_t)stack->T + 1) * slot,
                                     slot * sizeof(float));
    }
}

void lyrnn_stack_continue(lyrnn_stack *stack, const lyrnn_stack *from)
{
    LYRNN_CHECK(stack->B <= from->B);
    size_t stride = lyrnn_stack_directions(stack) * lyrnn_stack_hidden(stack);
    for (int layer = 0; layer < stack->config.num_layers; layer++) {
        float *const both[] = {stack->layers[layer].h, stack->layers[layer].c};
        float *const theirs[] = {from->layers[layer].h, from->layers[layer].c};
        for (int i = 0; i < 2 && both[i] != NULL; i++)
            for (int direction = 0; direction < (int)lyrnn_stack_directions(stack); direction++) {
                float *to = first_state(stack, both[i], direction);
                const float *first = first_state(from, theirs[i], direction);
                copy_states(stack, to, stride, first, stride, stack->B);
                copy_states(stack, to, stride, first + (size_t)(from->B - 1) * stride, stride, 1);
            }
    }
}

void lyrnn_stack_begin_streams(lyrnn_stack *stack, const int32_t *from_zero)
{
    lyrnn_zero_rows_args args = {.B = stack->B,
                                 .H = stack->config.hidden_size,
                                 .stride = lyrnn_num_directions(&stack->config) *
                                           stack->config.hidden_size,
                                 .chosen = from_zero};
    for (int layer = 0; layer < stack->config.num_layers; layer++) {
        float *const both[] = {stack->layers[layer].h, stack->layers[layer].c};
        for (int i = 0; i < 2 && both[i] != NULL; i++)
            for (int direction = 0; direction < (int)lyrnn_stack_directions(stack); direction++) {
                args.rows = first_state(stack, both[i], direction);
                stack->backend->zero_rows(stack->backend, &args);
            }
    }
}

/* first_state or last_state. */
typedef float *state_place(const lyrnn_stack *stack, float *slots, int direction);

/* Copies h or c of every layer and direction between the slots and a packed state (L*D,B,H). */
static void pack_state(const lyrnn_stack *stack, state_place *place, float *packed, bool is_c,
                       bool into_slots)
{
    size_t H = lyrnn_stack_hidden(stack), D = lyrnn_stack_directions(stack), stride = D * H;
    for (size_t i = 0; i < (size_t)stack->config.num_layers * D; i++) {
        const lyrnn_stack_layer *layer = &stack->layers[i / D];
        float *slots = place(stack, is_c ? layer->c : layer->h, (int)(i % D));
        float *own = packed + i * (size_t)stack->B * H;
        if (into_slots)
            copy_state(stack, slots, stride, own, H);
        else
            copy_state(stack, own, H, slots, stride);
    }
}

static void set_state(lyrnn_stack *stack, float *packed, const float *host, bool is_c)
{
    lyrnn_backend *backend = stack->backend;
    size_t num_bytes = lyrnn_stack_state_count(stack) * sizeof *packed;
    if (packed == NULL)
        return;
    if (host != NULL)
        backend->upload(backend, packed, host, num_bytes);
    else
        backend->zero(backend, packed, num_bytes);
    pack_state(stack, first_state, packed, is_c, true);
}

void lyrnn_stack_set_state(lyrnn_stack *stack, const float *h_0, const float *c_0)
{
    set_state(stack, stack->state_h, h_0, false);
    set_state(stack, stack->state_c, c_0, true);
}

static void get_state(const lyrnn_stack *stack, state_place *place, float *packed, float *host,
                      bool is_c)
{
    if (host == NULL)
        return;
    LYRNN_CHECK(packed != NULL);
    pack_state(stack, place, packed, is_c, false);
    stack->backend->download(stack->backend, host, packed,
                             lyrnn_stack_state_count(stack) * sizeof *packed);
}

void lyrnn_stack_get_state(const lyrnn_stack *stack, float *h_n, float *c_n)
{
    get_state(stack, last_state, stack->state_h, h_n, false);
    get_state(stack, last_state, stack->state_c, c_n, true);
}

void lyrnn_stack_get_carried_state(const lyrnn_stack *stack, float *h_0, float *c_0)
{
    get_state(stack, first_state, stack->state_h, h_0, false);
    get_state(stack, first_state, stack->state_c, c_0, true);
}
