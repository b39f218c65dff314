/* The output layer over a stack's outputs:  logits = h W^T + b.
 * It is called for parts of the sequence, so that it can work on those that the stack has finished. */
#ifndef LYRNN_OUTPUT_LAYER_H
#define LYRNN_OUTPUT_LAYER_H

#include "lyrnn/backend.h"

typedef struct {
    int B, in, out; /* streams, D*H, V */
    bool batch_invariant;
    const float *weight; /* (V,D*H)  where batch_invariant, packed */
    const float *bias;   /* (V) */
    float *logits;       /* (T,B,V)  backward: their gradient */
    float *dweight;      /* (V,D*H)  backward alone, else NULL */
    float *dbias;        /* (V) */
} lyrnn_output_layer;

/* Time steps [first, end) of outputs (T,B,D*H) -> logits. */
void lyrnn_output_layer_forward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                int end, const float *outputs);

/* Where logits hold their gradient: time steps [first, end) of doutputs (T,B,D*H). */
void lyrnn_output_layer_backward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                 int end, float *doutputs);

/* The same: dweight and dbias, of all T time steps of outputs (T,B,D*H). */
void lyrnn_output_layer_backward_weights(const lyrnn_output_layer *layer, lyrnn_backend *backend,
                                         int T, const float *outputs);

#endif
