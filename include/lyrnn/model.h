/* The article's RNNModel on a device: one-hot lookup, recurrence, output layer.
 *
 *     H_t = phi(W_ih onehot(x_t) + b_ih + W_hh H_{t-1} + b_hh),   O_t = W_hq H_t + b_q
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
void lyrnn_model_randomise(lyrnn_model *model, uint64_t seed);

/* Copies all parameters from or to a flat host buffer (parameters.count). */
void lyrnn_model_upload(lyrnn_model *model, const float *flat);
void lyrnn_model_download(const lyrnn_model *model, float *flat);

/* Device buffers of one batch shape. gates_x is overwritten by its gradient, logits by theirs. */
typedef struct {
    int T, B;
    lyrnn_backend *backend; /* borrowed */
    void *memory;           /* the one allocation */
    int32_t *inputs;        /* (T,B) */
    float *gates_x;         /* (T,B,G*H) */
    float *h;               /* (T+1,B,H)  slot 0: the state before the batch */
    float *logits;          /* (T,B,V) */
    float *w_hh_scratch;    /* (G*H,H) */
    /* for training alone, else NULL */
    int32_t *targets; /* (T,B) */
    float *losses;    /* (T,B)  nats */
    float *doutput;   /* (T,B,H) */
    float *dh;        /* (B,H) */
    int32_t *scratch; /* (2*T*B + V + 1) */
} lyrnn_activations;

/* Device memory that they take. */
size_t lyrnn_activations_bytes(const lyrnn_rnn_config *config, int T, int B, bool training);

/* Allocates for T steps of B streams, h zero. LYRNN_ERR_MEMORY names the bytes and the options that
 * drive them. */
lyrnn_status lyrnn_activations_init(lyrnn_activations *activations, const lyrnn_model *model, int T,
                                    int B, bool training);
/* Zeroed activations are fine. */
void lyrnn_activations_free(lyrnn_activations *activations);

/* inputs, h slot 0 -> h, logits. */
void lyrnn_model_forward(const lyrnn_model *model, lyrnn_activations *activations);

/* Where logits hold their gradient: -> grads, a flat device buffer (parameters.count). */
void lyrnn_model_backward(const lyrnn_model *model, lyrnn_activations *activations, float *grads);

/* Slot T of h becomes slot 0: the state goes on, its history is forgotten (detach). */
void lyrnn_activations_carry_state(lyrnn_activations *activations, const lyrnn_model *model);

/* Slot 0 of h becomes zero. */
void lyrnn_activations_reset_state(lyrnn_activations *activations, const lyrnn_model *model);

#ifdef __cplusplus
}
#endif
#endif
