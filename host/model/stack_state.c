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

/* Copies h and c of every layer and direction between the slots and a part of a packed state. */
static void pack_state(const lyrnn_stack *stack, state_place *place, const lyrnn_state_part *part,
                       bool into_slots)
{
    size_t H = lyrnn_stack_hidden(stack), D = lyrnn_stack_directions(stack), stride = D * H;
    for (size_t i = 0; i < (size_t)stack->config.num_layers * D; i++) {
        const lyrnn_stack_layer *layer = &stack->layers[i / D];
        size_t row = i * (size_t)part->num_streams + (size_t)part->first_stream;
        float *const slots[] = {layer->h, layer->c}, *const packed[] = {part->h, part->c};
        for (int k = 0; k < 2; k++) {
            if (packed[k] == NULL)
                continue;
            float *own = place(stack, slots[k], (int)(i % D)), *other = packed[k] + row * H;
            if (into_slots)
                copy_state(stack, own, stride, other, H);
            else
                copy_state(stack, other, H, own, stride);
        }
    }
}

void lyrnn_stack_store_state(const lyrnn_stack *stack, const lyrnn_state_part *part)
{
    pack_state(stack, first_state, part, false);
}

void lyrnn_stack_load_state(lyrnn_stack *stack, const lyrnn_state_part *part)
{
    pack_state(stack, first_state, part, true);
}

void lyrnn_stack_continue_state(lyrnn_stack *stack, const lyrnn_state_part *whole)
{
    LYRNN_CHECK(stack->B <= whole->num_streams);
    size_t H = lyrnn_stack_hidden(stack), D = lyrnn_stack_directions(stack);
    size_t last = (size_t)(whole->num_streams - 1) * H;
    pack_state(stack, first_state, whole, true);
    for (size_t i = 0; i < (size_t)stack->config.num_layers * D; i++) {
        const lyrnn_stack_layer *layer = &stack->layers[i / D];
        size_t row = i * (size_t)whole->num_streams * H;
        float *const slots[] = {layer->h, layer->c}, *const packed[] = {whole->h, whole->c};
        for (int k = 0; k < 2; k++)
            if (packed[k] != NULL)
                copy_states(stack, first_state(stack, slots[k], (int)(i % D)), D * H,
                            packed[k] + row + last, H, 1);
    }
}

static void upload_state(lyrnn_stack *stack, float *packed, const float *host)
{
    lyrnn_backend *backend = stack->backend;
    size_t num_bytes = lyrnn_stack_state_count(stack) * sizeof *packed;
    if (packed == NULL)
        return;
    if (host != NULL)
        backend->upload(backend, packed, host, num_bytes);
    else
        backend->zero(backend, packed, num_bytes);
}

static lyrnn_state_part whole_state(const lyrnn_stack *stack)
{
    return (lyrnn_state_part){stack->state_h, stack->state_c, stack->B, 0};
}

void lyrnn_stack_set_state(lyrnn_stack *stack, const float *h_0, const float *c_0)
{
    const lyrnn_state_part whole = whole_state(stack);
    upload_state(stack, stack->state_h, h_0);
    upload_state(stack, stack->state_c, c_0);
    pack_state(stack, first_state, &whole, true);
}

static void download_state(const lyrnn_stack *stack, const float *packed, float *host)
{
    if (host == NULL)
        return;
    LYRNN_CHECK(packed != NULL);
    stack->backend->download(stack->backend, host, packed,
                             lyrnn_stack_state_count(stack) * sizeof *packed);
}

static void get_state(const lyrnn_stack *stack, state_place *place, float *h, float *c)
{
    const lyrnn_state_part whole = whole_state(stack);
    if (h != NULL || c != NULL)
        pack_state(stack, place, &whole, false);
    download_state(stack, stack->state_h, h);
    download_state(stack, stack->state_c, c);
}

void lyrnn_stack_get_state(const lyrnn_stack *stack, float *h_n, float *c_n)
{
    get_state(stack, last_state, h_n, c_n);
}

void lyrnn_stack_get_carried_state(const lyrnn_stack *stack, float *h_0, float *c_0)
{
    get_state(stack, first_state, h_0, c_0);
}
