/* The output layer over the outputs of the recurrent stack, torch.nn.Linear:  logits = h W^T + b.
 * In training, locked dropout may come before it. A tied layer has the shape of the embedding, so
 * that a projection P (E,D*H) may come before it:  logits = h P^T W^T + b.
 *
 * It works on parts of the sequence, so that it can start while the stack is still busy with the
 * rest. Letters: T steps, B streams (parallel text sequences of a batch), V vocabulary, E columns
 * of the embedding, H hidden units, D directions. */
#ifndef LYRNN_OUTPUT_LAYER_H
#define LYRNN_OUTPUT_LAYER_H

#include "lyrnn/backend.h"
#include "lyrnn/model.h"

typedef struct {
    int B, in, out;       /* streams, D*H, V */
    int width;            /* columns of weight: D*H, or E if there is a projection */
    int logits_stride;    /* floats from one row of logits to the next */
    bool batch_invariant; /* see lyrnn/backend.h; weight and projection are then packed */
    const float *weight;  /* (V,width) */
    const float *bias;    /* (V) */
    float *logits;        /* (T,B,V)  in the backward pass, their gradient */
    /* The projection; NULL if there is none. */
    const float *projection; /* (E,D*H) */
    float *projected;        /* (T,B,E) */
    /* Dropout; dropped is NULL if there is none. */
    float p; /* probability */
    lyrnn_dropout dropout;
    float *dropped; /* (T,B,D*H) */
    /* backward only, else NULL */
    float *dweight;     /* (V,width) */
    float *dbias;       /* (V) */
    float *dprojection; /* (E,D*H) */
    float *dprojected;  /* (T,B,E) */
    /* What the ranks sum once dweight and dbias are complete; length 0: nothing. */
    lyrnn_all_reduce_args sum;
} lyrnn_output_layer;

/* Writes the logits of the time steps [first, end). outputs is (T,B,D*H). */
void lyrnn_output_layer_forward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                int end, const float *outputs);

/* Writes the gradients of the outputs, doutputs (T,B,D*H), of the time steps [first, end). */
void lyrnn_output_layer_backward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                 int end, float *doutputs);

/* Writes dweight, dbias and dprojection from all T time steps. outputs is (T,B,D*H). */
void lyrnn_output_layer_backward_weights(const lyrnn_output_layer *layer, lyrnn_backend *backend,
                                         int T, const float *outputs);

#endif
