/* The article's RNNModel on a device: nn.RNN, nn.LSTM or nn.GRU over one-hot characters, and an output layer
 * over its outputs (T,B,D*H):  O_t = W_hq H_t + b_q.
 *
 * A model owns its parameters; a lyrnn_activations owns what one shape of batch needs besides. */
#ifndef LYRNN_MODEL_H
#define LYRNN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    lyrnn_rnn_config config; /* input_size is V */
    lyrnn_parameters parameters;
    lyrnn_backend *backend; /* borrowed */
    float *params;          /* device (parameters.count) */
} lyrnn_model;

/* Makes a model with all parameters zero. LYRNN_ERR_USAGE, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_model_init(lyrnn_model *model, const lyrnn_rnn_config *config,
                              lyrnn_backend *backend);
/* A zeroed model is fine. */
void lyrnn_model_free(lyrnn_model *model);

/* PyTorch's initial distributions, drawn on the device. */
void lyrnn_model_randomize(lyrnn_model *model, uint64_t seed);

/* Copies all parameters from or to a flat host buffer (parameters.count). */
void lyrnn_model_upload(lyrnn_model *model, const float *flat);
void lyrnn_model_download(const lyrnn_model *model, float *flat);

/* Where the masks of dropout come from: a step of the counters has its own, on every layer. */
typedef struct {
    uint64_t seed;
    const lyrnn_counters *counters; /* device, borrowed; NULL: no dropout, as in evaluation */
} lyrnn_dropout;

typedef struct lyrnn_stack lyrnn_stack;

/* Device buffers of one batch shape. */
typedef struct {
    int T, B;
    lyrnn_backend *backend; /* borrowed */
    void *memory;           /* the one allocation */
    lyrnn_stack *stack;     /* the recurrent layers' buffers and state */
    int32_t *inputs;        /* (T,B) */
    int32_t *targets;       /* (T,B) */
    float *logits;          /* (T,B,V)  overwritten by their gradient */
    float *losses;          /* (T,B)  nats */
    int32_t *scratch;       /* (2*T*B + V + 1)  for training alone, else NULL */
    lyrnn_dropout dropout;  /* set by who trains; at first there is none */
} lyrnn_activations;

/* Device memory that they take. num_lanes is the backend's. */
size_t lyrnn_activations_bytes(const lyrnn_rnn_config *config, int num_lanes, int T, int B,
                               bool training);

/* Allocates for T steps of B streams, the state zero. LYRNN_ERR_MEMORY names the bytes and the options that
 * drive them. */
lyrnn_status lyrnn_activations_init(lyrnn_activations *activations, const lyrnn_model *model, int T,
                                    int B, bool training);
/* Zeroed activations are fine. */
void lyrnn_activations_free(lyrnn_activations *activations);

/* What whoever trains a bidirectional model, or writes with one, should know. */
#define LYRNN_BIDIRECTIONAL_WARNING                                                                \
    "a bidirectional model has seen the characters that it is asked to predict: its perplexity "   \
    "says "                                                                                        \
    "nothing, and its texts are poor"

/* Takes the batch that the counters' cursor points to into inputs and targets, and moves it on: see batch_gather
 * in backend.h. ids (N), starts (K,B) and counters are the device's. */
void lyrnn_activations_gather(lyrnn_activations *activations, const int32_t *ids,
                              const int64_t *starts, lyrnn_counters *counters);

/* inputs, state -> logits, the state after the batch. */
void lyrnn_model_forward(const lyrnn_model *model, lyrnn_activations *activations);

/* A copy of a model's parameters for generation. Its forward pass is batch-invariant: the bits of a stream's
 * logits do not depend on the other streams. It has no backward pass. */
typedef struct {
    const lyrnn_model *model; /* borrowed */
    float *params; /* device (model->parameters.count), weights as pack_weights leaves them */
} lyrnn_packed_model;

/* Packs the parameters that the model has now. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_packed_model_init(lyrnn_packed_model *packed, const lyrnn_model *model);
/* A zeroed packed model is fine. */
void lyrnn_packed_model_free(lyrnn_packed_model *packed);
/* Packs the model's parameters again, after they have changed. */
void lyrnn_packed_model_update(lyrnn_packed_model *packed);
/* Forward pass. In: inputs and the state. Out: logits and the state after the batch. */
void lyrnn_packed_model_forward(const lyrnn_packed_model *packed, lyrnn_activations *activations);

/* logits, targets -> losses, the gradient of their mean over the logits; their sum is added to the counters (the
 * device's). */
void lyrnn_model_loss(const lyrnn_model *model, lyrnn_activations *activations,
                      lyrnn_counters *counters);

/* Where logits hold their gradient: -> grads, a flat device buffer (parameters.count). */
void lyrnn_model_backward(const lyrnn_model *model, lyrnn_activations *activations, float *grads);

/* The state after the batch goes on into the next, its history forgotten (detach). */
void lyrnn_activations_carry_state(lyrnn_activations *activations);
/* The state before the batch becomes zero. */
void lyrnn_activations_reset_state(lyrnn_activations *activations);

/* Sets the state before the batch, and reads the state after it: host arrays (L*D,B,H) in PyTorch's order,
 * c for lstm alone. NULL: zeros; not wanted. */
void lyrnn_activations_set_state(lyrnn_activations *activations, const float *h_0,
                                 const float *c_0);
void lyrnn_activations_get_state(const lyrnn_activations *activations, float *h_n, float *c_n);
/* Reads the state before the batch to come, in the same way. */
void lyrnn_activations_get_carried_state(const lyrnn_activations *activations, float *h_0,
                                         float *c_0);

#ifdef __cplusplus
}
#endif
#endif
