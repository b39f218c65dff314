/* The recurrent stack of nn.RNN, nn.LSTM and nn.GRU: L layers of D directions, as calls through the seam.
 *
 * Layer l's output (T,B,D*H) is layer l+1's input, dropped out in training where dropout is asked for.
 * Buffers of a layer are its own: backward finds all that forward left. */
#ifndef LYRNN_STACK_H
#define LYRNN_STACK_H

#include "base/arena.h"
#include "lyrnn/backend.h"
#include "lyrnn/model.h"
#include "lyrnn/parameters.h"
#include "model/output_layer.h"

typedef struct {
    float *h; /* (T+D,B,D*H)  the output is slots 1 to T; slot 0 holds the state before the first */
              /*              step, slot T+1 the reverse direction's before its own first */
    float *c; /* (T+D,B,D*H)  lstm: the same of c; else NULL */
    float *dropped;  /* (T,B,D*H)    the output after dropout; NULL where there is none */
    float *gates[2]; /* (T,B,G*H)    a direction's, as are the following */
    float *saved[2]; /* (T,B,H)      gru; else NULL */
} lyrnn_stack_layer;

struct lyrnn_stack {
    lyrnn_rnn_config config;
    lyrnn_backend *backend; /* borrowed */
    int num_lanes;          /* the backend's */
    int T, B;
    lyrnn_stack_layer layers[LYRNN_MAX_LAYERS];
    float *scratch; /* (lanes that layers use,G*H,max(B,H)) */
    float *state_h; /* (L*D,B,H)  room for a state in PyTorch's order */
    float *state_c; /* (L*D,B,H)  lstm; else NULL */
    /* for training alone, else NULL */
    float *doutput;     /* (T,B,D*H)  loss by the last layer's output */
    float *doutput_odd; /* (T,B,D*H)  the layers take turns; NULL where there is one */
    float *dh;          /* (L*D,B,H)  loss by the last state in, by the first state out */
    float *dc;          /* (L*D,B,H)  lstm; else NULL */
};

/* D and H. */
static inline size_t lyrnn_stack_directions(const lyrnn_stack *stack)
{
    return stack->config.bidirectional ? 2 : 1;
}
static inline size_t lyrnn_stack_hidden(const lyrnn_stack *stack)
{
    return (size_t)stack->config.hidden_size;
}

/* Floats of one slot of h or c, (B,D*H), and of a state, (L*D,B,H). */
static inline size_t lyrnn_stack_slot_count(const lyrnn_stack *stack)
{
    return (size_t)stack->B * lyrnn_stack_directions(stack) * lyrnn_stack_hidden(stack);
}
static inline size_t lyrnn_stack_state_count(const lyrnn_stack *stack)
{
    return lyrnn_state_count(&stack->config, stack->B);
}

/* The slots of h or c as a direction counts them: 0 to T, with its own H columns. The reverse direction's
 * stand one slot further, so that both outputs of a time step share a row. */
static inline float *lyrnn_stack_own_slots(const lyrnn_stack *stack, float *slots, int direction)
{
    size_t further = lyrnn_stack_slot_count(stack) + lyrnn_stack_hidden(stack);
    return slots + (size_t)direction * further;
}

/* What layer 0 reads: characters where ids is not NULL, whose one-hot product with weight_ih (then held
 * transposed) is a gather; otherwise rows of floats. */
typedef struct {
    const int32_t *ids; /* (T,B) */
    const float *x;     /* (T,B,input_size) */
} lyrnn_stack_input;

/* Takes the stack's buffers from an arena; the fields above layers are set already. */
void lyrnn_stack_lay_out(lyrnn_stack *stack, lyrnn_arena *arena, bool training);

/* The last layer's output (T,B,D*H). */
float *lyrnn_stack_output(const lyrnn_stack *stack);

/* One pass through the stack: its weights, its input, and where gradients go. */
typedef struct {
    lyrnn_stack *stack;
    const lyrnn_parameters *parameters; /* the table of params and grads */
    const float *params;                /* device, flat (parameters->count) */
    bool batch_invariant;               /* see backend.h; params are then packed; forward only */
    lyrnn_stack_input input;
    lyrnn_dropout dropout;
    const lyrnn_output_layer *output_layer; /* NULL: there is none */
    /* backward only */
    float *grads;     /* device, flat (parameters->count) */
    float *dx;        /* (T,B,input_size); NULL: not wanted */
    int32_t *scratch; /* (2*T*B + V + 1) where the input is characters, else NULL */
} lyrnn_stack_pass;

/* Forward pass. In: the state in the layers' first slots. Out: h, c, and the output layer's logits. */
void lyrnn_stack_forward(const lyrnn_stack_pass *pass);

/* Backward pass. In: dlogits (or doutput if there is no output layer), dh, dc. Out: dh, dc, grads, and dx
 * unless NULL. */
void lyrnn_stack_backward(const lyrnn_stack_pass *pass);

/* The state after the last step becomes the state before the first. */
void lyrnn_stack_carry_state(lyrnn_stack *stack);
/* The state before the first step becomes zero. */
void lyrnn_stack_reset_state(lyrnn_stack *stack);

/* Sets the state before the first step, and reads the state after the last, from and to host arrays
 * (L*D,B,H) in PyTorch's order. NULL: zeros; not wanted. */
void lyrnn_stack_set_state(lyrnn_stack *stack, const float *h_0, const float *c_0);
void lyrnn_stack_get_state(const lyrnn_stack *stack, float *h_n, float *c_n);
/* The same of the state before the first step. */
void lyrnn_stack_get_carried_state(const lyrnn_stack *stack, float *h_0, float *c_0);

#endif
