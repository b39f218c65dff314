/* The tutorial's RNNModel on a device: nn.RNN, nn.LSTM or nn.GRU over one-hot characters, and an
 * output layer over the outputs of the recurrent stack (T,B,D*H):  O_t = W_hq H_t + b_q. There may
 * be an embedding (V,E) before the stack, as in AWD-LSTM (Merity et al. 2018), and the output layer
 * may share its weights (Press and Wolf 2017).
 *
 * A lyrnn_model owns the parameters. A lyrnn_activations owns the buffers for batches of one shape.
 * One training step is gather, forward, loss, backward, then the optimizer: read lyrnn/trainer.h
 * next.
 *
 * Letters: T steps, B streams, V vocabulary, H hidden units, L layers, D directions. Stream: one of
 * the B parallel text sequences of a batch. Lane: a queue of work on the device; CUDA calls it a
 * stream. */
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

/* Makes a model whose parameters are all zero. LYRNN_ERR_USAGE, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_model_init(lyrnn_model *model, const lyrnn_rnn_config *config,
                              lyrnn_backend *backend);
/* A zeroed model is fine. */
void lyrnn_model_free(lyrnn_model *model);

/* Draws all parameters from PyTorch's initial distributions, on the device. */
void lyrnn_model_randomize(lyrnn_model *model, uint64_t seed);

/* Copies all parameters from or to a flat host buffer (parameters.count). */
void lyrnn_model_upload(lyrnn_model *model, const float *flat);
void lyrnn_model_download(const lyrnn_model *model, float *flat);

/* The source of the dropout masks. Each layer has its own mask at each value of counters->step. The
 * streams may be a part of a batch of num_streams: the masks are those of the whole batch. */
typedef struct {
    uint64_t seed;
    const lyrnn_counters *counters; /* device, borrowed; NULL: no dropout, as in evaluation */
    int num_streams, first_stream;
} lyrnn_dropout;

typedef struct lyrnn_stack lyrnn_stack;

/* Device buffers for batches of T steps and B streams. */
typedef struct {
    int T, B;
    lyrnn_backend *backend; /* borrowed */
    void *memory;           /* the one allocation that holds all buffers */
    lyrnn_stack *stack;     /* buffers and state of the recurrent layers */
    int32_t *inputs;        /* (T,B) */
    int32_t *targets;       /* (T,B) */
    int32_t *from_zero;     /* (B)  which streams of the batch begin at the zero state */
    float *embedded;        /* (T,B,E)  the input of the stack; NULL: characters are one-hot */
    float *projected;       /* (T,B,E)  the input of dense; NULL: there is no projection */
    /* (T,B,V)  Rows are logits_stride floats apart. lyrnn_model_loss replaces them by their
     * gradient. */
    float *logits;
    int logits_stride;
    float *losses; /* (T,B)  nats */
    /* for training only, else NULL */
    float *dropped;    /* (T,B,D*H)  the output of the stack after dropout; NULL: there is none */
    float *dembedded;  /* (T,B,E) */
    float *dprojected; /* (T,B,E) */
    int32_t *groups;   /* (T*B)  the ids of the batch, grouped for the gradient of their lookup */
    lyrnn_dropout dropout; /* the trainer sets it; at first there is no dropout */
    /* (LYRNN_LOSS_PARTS) borrowed: where lyrnn_model_loss writes the sum of the losses, instead of
     * adding it to the counters. The trainer sets it; NULL: nowhere. */
    float *loss_parts;
    /* What the ranks sum once the output layer's gradients are complete. The trainer sets it;
     * length 0: nothing. */
    lyrnn_all_reduce_args output_sum;
} lyrnn_activations;

/* Bytes of device memory that the activations take. */
size_t lyrnn_activations_bytes(const lyrnn_backend *backend, const lyrnn_rnn_config *config, int T,
                               int B, bool training);

/* Allocates the buffers and sets the state to zero. LYRNN_ERR_USAGE if T or B is out of range.
 * LYRNN_ERR_MEMORY names the bytes and the options that determine them. */
lyrnn_status lyrnn_activations_init(lyrnn_activations *activations, const lyrnn_model *model, int T,
                                    int B, bool training);
/* Zeroed activations are fine. */
void lyrnn_activations_free(lyrnn_activations *activations);

/* The warning for those who train a bidirectional model or generate with one. */
#define LYRNN_BIDIRECTIONAL_WARNING                                                                \
    "a bidirectional model sees the characters that it predicts: its perplexity means nothing, "   \
    "and its texts are poor"

/* Where batches come from, in device memory: see batch_gather in lyrnn/backend.h. */
typedef struct {
    const int32_t *ids;        /* (N) */
    const lyrnn_chunk *chunks; /* (K,num_streams) */
    lyrnn_counters *counters;  /* (1) */
    int num_streams, first_stream;
    bool is_last;
} lyrnn_batch_source;

/* Copies the batch at counters->batch into inputs, targets and from_zero. */
void lyrnn_activations_gather(lyrnn_activations *activations, const lyrnn_batch_source *source);

/* Forward pass. In: inputs and the state before the batch. Out: logits and the state after the
 * batch. */
void lyrnn_model_forward(const lyrnn_model *model, lyrnn_activations *activations);

/* Cross-entropy. In: logits and targets. Out: losses, and over the logits the gradient of the mean
 * loss. The sum of the losses is added to the counters, which are in device memory, or goes to
 * loss_parts. If the activations are for training, only the backward pass waits for that sum. */
void lyrnn_model_loss(const lyrnn_model *model, lyrnn_activations *activations,
                      lyrnn_counters *counters);

/* Backward pass after lyrnn_model_loss. Out: grads, a flat device buffer (parameters.count). The
 * activations must be for training. */
void lyrnn_model_backward(const lyrnn_model *model, lyrnn_activations *activations, float *grads);

/* A copy of a model's parameters for generation. Its forward pass is batch-invariant: the bits of a
 * stream's logits do not depend on the other streams. It has no backward pass. */
typedef struct {
    const lyrnn_model *model; /* borrowed */
    float *params;            /* device (model->parameters.count), packed by pack_weights */
    /* The packed weight of the output layer. A tied one has a place of its own after params,
     * because the embedding is needed as it is. */
    float *output_weight;
} lyrnn_packed_model;

/* Bytes of device memory that a packed model takes. */
size_t lyrnn_packed_model_bytes(const lyrnn_parameters *parameters);

/* Packs the parameters that the model has now. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_packed_model_init(lyrnn_packed_model *packed, const lyrnn_model *model);
/* A zeroed packed model is fine. */
void lyrnn_packed_model_free(lyrnn_packed_model *packed);
/* Packs the model's parameters again, after they have changed. */
void lyrnn_packed_model_update(lyrnn_packed_model *packed);
/* The same forward pass as lyrnn_model_forward, up to rounding. */
void lyrnn_packed_model_forward(const lyrnn_packed_model *packed, lyrnn_activations *activations);

/* Makes the state after the batch the state before the next one. No gradient flows back
 * (detach). */
void lyrnn_activations_carry_state(lyrnn_activations *activations);
/* Sets the state before the batch to zero in the streams that from_zero names. */
void lyrnn_activations_begin_streams(lyrnn_activations *activations);
/* Sets the state before the batch to zero in all streams. */
void lyrnn_activations_reset_state(lyrnn_activations *activations);

/* Copies the state before the next batch to or from columns [first_stream, first_stream + B) of
 * device arrays h and c (L*D,num_streams,H). c is for the lstm only. */
void lyrnn_activations_store_state(const lyrnn_activations *activations, float *h, float *c,
                                   int num_streams, int first_stream);
void lyrnn_activations_load_state(lyrnn_activations *activations, const float *h, const float *c,
                                  int num_streams, int first_stream);

/* Takes the state before the next batch of `from`, of the same network on the same device and with
 * at least as many streams. Stream 0 takes that of the last stream, which has read the end of a
 * text; the others take those of other streams. */
void lyrnn_activations_continue(lyrnn_activations *activations, const lyrnn_activations *from);
/* The same, but from device arrays h and c (L*D,num_streams,H). c is for the lstm only. */
void lyrnn_activations_continue_state(lyrnn_activations *activations, const float *h,
                                      const float *c, int num_streams);

/* Sets the state before the batch from host arrays (L*D,B,H) in PyTorch's order. c_0 is for the
 * lstm only. NULL: zeros. */
void lyrnn_activations_set_state(lyrnn_activations *activations, const float *h_0,
                                 const float *c_0);
/* Copies the state after the batch to host arrays of the same shape. NULL: not wanted. */
void lyrnn_activations_get_state(const lyrnn_activations *activations, float *h_n, float *c_n);
/* Copies the state before the next batch to host arrays of the same shape. NULL: not wanted. */
void lyrnn_activations_get_carried_state(const lyrnn_activations *activations, float *h_0,
                                         float *c_0);

#ifdef __cplusplus
}
#endif
#endif
