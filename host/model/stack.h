/* The recurrent stack of nn.RNN, nn.LSTM and nn.GRU: L layers of D directions, as calls of the
 * backend.
 *
 * The output (T,B,D*H) of layer l is the input of layer l + 1. In training, dropout may lie between
 * them. Each layer has its own buffers, so the backward pass finds everything that the forward pass
 * left there. stack.c has the two passes, stack_dropout.c what training drops, stack_state.c
 * the state before and after a batch.
 *
 * Letters: T steps, B streams, V vocabulary, H hidden units, L layers, D directions, G gates per
 * cell. Stream: one of the B parallel text sequences of a batch. Lane: a queue of work on the
 * device; CUDA calls it a stream. Slot: the h (or c) of all streams and directions at one step,
 * (B,D*H). */
#ifndef LYRNN_STACK_H
#define LYRNN_STACK_H

#include "base/arena.h"
#include "lyrnn/backend.h"
#include "lyrnn/model.h"
#include "lyrnn/parameters.h"
#include "model/output_layer.h"

/* Device buffers of one layer. gates and saved have one buffer per direction. */
typedef struct {
    /* (T+D,B,D*H)  Slots 1 to T are the output. Slot 0 holds the state before the first step. Slot
     * T+1 exists if there is a reverse direction, and holds its state before its first step. */
    float *h;
    float *c;        /* (T+D,B,D*H)  the same for c; NULL unless the cell is lstm */
    float *dropped;  /* (T,B,D*H)    the output after dropout; NULL if there is no dropout */
    float *gates[2]; /* (T,B,G*H)    the input projection, then the gates, then their gradient */
    float *saved[2]; /* (T,B,H)      what recurrence_backward needs of gru; NULL for other cells */
    float *w_hh[2];  /* (G*H,H)      W_hh after dropout; NULL: training drops no weights */
} lyrnn_stack_layer;

struct lyrnn_stack {
    lyrnn_rnn_config config;
    lyrnn_backend *backend; /* borrowed */
    int num_lanes;          /* that of the backend */
    int T, B;
    lyrnn_stack_layer layers[LYRNN_MAX_LAYERS];
    float *scratch; /* (lanes that the layers use,lyrnn_recurrence_scratch) */
    /* (L*D,B,H)  a copy of the state in PyTorch's order, on its way to or from the host */
    float *state_h;
    float *state_c; /* (L*D,B,H)  the same for c; NULL unless the cell is lstm */
    /* for training only, else NULL */
    float *doutput;     /* (T,B,D*H)  gradient of the last layer's output */
    float *doutput_odd; /* (T,B,D*H)  layers take turns with the two; NULL if there is one layer */
    float *dh;          /* (L*D,B,H)  in: gradient of the state after the batch; out: before it */
    float *dc;          /* (L*D,B,H)  the same for c; NULL unless the cell is lstm */
};

/* D and H. */
static inline size_t lyrnn_stack_directions(const lyrnn_stack *stack)
{
    return (size_t)lyrnn_num_directions(&stack->config);
}
static inline size_t lyrnn_stack_hidden(const lyrnn_stack *stack)
{
    return (size_t)stack->config.hidden_size;
}

/* G*H, the columns of the gates, and the number of floats in W_hh. */
static inline size_t lyrnn_stack_gates_width(const lyrnn_stack *stack)
{
    return (size_t)lyrnn_num_gates(stack->config.cell) * lyrnn_stack_hidden(stack);
}
static inline size_t lyrnn_stack_w_hh_count(const lyrnn_stack *stack)
{
    return lyrnn_stack_gates_width(stack) * lyrnn_stack_hidden(stack);
}

/* Number of floats in one slot (B,D*H), and in a state (L*D,B,H). */
static inline size_t lyrnn_stack_slot_count(const lyrnn_stack *stack)
{
    return (size_t)stack->B * lyrnn_stack_directions(stack) * lyrnn_stack_hidden(stack);
}
static inline size_t lyrnn_stack_state_count(const lyrnn_stack *stack)
{
    return lyrnn_state_count(&stack->config, stack->B);
}

/* The last two lanes are for the output layer, where ranks also sum, and for the gradients of the
 * weights. */
static inline int lyrnn_stack_output_lane(const lyrnn_stack *stack)
{
    return lyrnn_all_reduce_lane(stack->num_lanes);
}
static inline int lyrnn_stack_weights_lane(const lyrnn_stack *stack)
{
    return stack->num_lanes - 1;
}

/* Returns slot 0 of a direction's own count: its H columns of h or c at slots 0 to T. The reverse
 * direction starts one slot later, so that both directions write the output of a time step to the
 * same slot. */
static inline float *lyrnn_stack_own_slots(const lyrnn_stack *stack, float *slots, int direction)
{
    size_t further = lyrnn_stack_slot_count(stack) + lyrnn_stack_hidden(stack);
    return slots + (size_t)direction * further;
}

/* The input of layer 0. If ids is not NULL, it is characters: the product of a one-hot row with
 * weight_ih is then the lookup of a row, and weight_ih is stored transposed. Otherwise it is rows
 * of floats. */
typedef struct {
    const int32_t *ids; /* (T,B) */
    const float *x;     /* (T,B,input_size) */
} lyrnn_stack_input;

/* One pass through the stack: its weights, its input, and where the gradients go. */
typedef struct {
    lyrnn_stack *stack;
    const lyrnn_parameters *parameters; /* the offset table of params and grads */
    const float *params;                /* device (parameters->count) */
    bool batch_invariant;               /* see lyrnn/backend.h; params are packed; forward only */
    lyrnn_stack_input input;
    lyrnn_dropout dropout;
    const lyrnn_output_layer *output_layer; /* NULL if there is none */
    /* backward only */
    float *grads;     /* device (parameters->count) */
    float *dx;        /* (T,B,input_size)  NULL: not wanted */
    int32_t *groups;  /* (T*B)  for the gradient of the lookup, if the input is characters */
    bool zero_dstate; /* dh and dc come in undefined, and count as zero */
} lyrnn_stack_pass;

/* A tensor of a layer in pass->params or pass->grads. */
static inline float *lyrnn_stack_tensor(const lyrnn_stack_pass *pass, const float *flat, int layer,
                                        int direction, lyrnn_parameter_kind kind)
{
    const lyrnn_parameter *parameter =
        lyrnn_parameters_of_layer(pass->parameters, &pass->stack->config, layer, direction, kind);
    return (float *)flat + parameter->offset;
}

/* Takes the stack's buffers from an arena. The fields above `layers` must be set. */
void lyrnn_stack_lay_out(lyrnn_stack *stack, lyrnn_arena *arena, bool training);

/* Returns the output of the last layer (T,B,D*H). */
float *lyrnn_stack_output(const lyrnn_stack *stack);

/* Computes the input projection of the first layer, forward in time, for the first num_steps steps.
 * Returns its gates (num_steps,B,G*H); the next pass overwrites them. */
const float *lyrnn_stack_project_first(const lyrnn_stack_pass *pass, int num_steps);

/* Forward pass. In: the state before the batch. Out: h, c, and the logits if there is an output
 * layer. */
void lyrnn_stack_forward(const lyrnn_stack_pass *pass);

/* Backward pass. In: dlogits (or doutput if there is no output layer), dh, dc. Out: dh, dc, grads,
 * and dx unless it is NULL. At the end lane 0 has waited for all lanes. */
void lyrnn_stack_backward(const lyrnn_stack_pass *pass);

/* Makes the state after the batch the state before the next one. */
void lyrnn_stack_carry_state(lyrnn_stack *stack);
/* lyrnn_activations_continue. */
void lyrnn_stack_continue(lyrnn_stack *stack, const lyrnn_stack *from);
/* Sets the state before the batch to zero: in the streams b where from_zero[b] is not 0 (device,
 * (B)), or in all. */
void lyrnn_stack_begin_streams(lyrnn_stack *stack, const int32_t *from_zero);
void lyrnn_stack_reset_state(lyrnn_stack *stack);

/* Columns [first_stream, first_stream + B) of a state in PyTorch's order, in device memory. */
typedef struct {
    float *h, *c; /* (L*D,num_streams,H)  c is for the lstm only */
    int num_streams, first_stream;
} lyrnn_state_part;
/* lyrnn_activations_continue_state. */
void lyrnn_stack_continue_state(lyrnn_stack *stack, const lyrnn_state_part *whole);

/* Copies the state before the batch there, or from there. */
void lyrnn_stack_store_state(const lyrnn_stack *stack, const lyrnn_state_part *part);
void lyrnn_stack_load_state(lyrnn_stack *stack, const lyrnn_state_part *part);

/* Sets the state before the batch from host arrays (L*D,B,H) in PyTorch's order. NULL: zeros. */
void lyrnn_stack_set_state(lyrnn_stack *stack, const float *h_0, const float *c_0);
/* Copies the state after the batch to host arrays of the same shape. NULL: not wanted. */
void lyrnn_stack_get_state(const lyrnn_stack *stack, float *h_n, float *c_n);
/* Copies the state before the next batch to host arrays of the same shape. NULL: not wanted. */
void lyrnn_stack_get_carried_state(const lyrnn_stack *stack, float *h_0, float *c_0);

#endif
