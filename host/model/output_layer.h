/* The output layer over the outputs of the recurrent stack, torch.nn.Linear:  logits = h W^T + b.
 *
 * It works on parts of the sequence, so that it can start while the stack is still busy with the
 * rest. Letters: T steps, B streams (parallel text sequences of a batch), V vocabulary, H hidden
 * units, D directions. */
#ifndef LYRNN_OUTPUT_LAYER_H
#define LYRNN_OUTPUT_LAYER_H

#include "lyrnn/backend.h"

typedef struct {
    int B, in, out;       /* streams, D*H, V */
    bool batch_invariant; /* see lyrnn/backend.h; weight is then packed */
    const float *weight;  /* (V,D*H) */
    const float *bias;    /* (V) */
    float *logits;        /* (T,B,V)  in the backward pass, their gradient */
    /* backward only, else NULL */
    float *dweight; /* (V,D*H) */
    float *dbias;   /* (V) */
} lyrnn_output_layer;

/* Writes the logits of the time steps [first, end). outputs is (T,B,D*H). */
void lyrnn_output_layer_forward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                int end, const float *outputs);

/* Writes the gradients of the outputs, doutputs (T,B,D*H), of the time steps [first, end). */
void lyrnn_output_layer_backward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                 int end, float *doutputs);

/* Writes dweight and dbias from all T time steps. outputs is (T,B,D*H). */
void lyrnn_output_layer_backward_weights(const lyrnn_output_layer *layer, lyrnn_backend *backend,
                                         int T, const float *outputs);

#endif
