/* What lyrnn computes, said a second time: every numeric operation and the article's whole model in
 * double precision and plain loops. Nothing here is shared with a backend, so that a mistake would have to
 * be made twice to go unseen. Shapes and letters are those of lyrnn/backend.h; all arrays are dense
 * but for h and doutput, whose rows stand h_stride apart. */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"

/* out[m] = table[ids[m]] + bias.   table (V,F), bias (F), out (M,F) */
void oracle_embedding_forward(int M, int F, const int32_t *ids, const double *table,
                              const double *bias, double *out);

/* dtable[v] = sum of dout[m] where ids[m] = v, dbias = sum of dout.   dtable (V,F), dbias (F) */
void oracle_embedding_backward(int M, int V, int F, const int32_t *ids, const double *dout,
                               double *dtable, double *dbias);

/* y = x weight^T + bias.   x (M,in), weight (out,in), bias (out), y (M,out) */
void oracle_linear_forward(int M, int in, int out, const double *x, const double *weight,
                           const double *bias, double *y);

/* dx = dy weight, dweight = dy^T x, dbias = column sums of dy. */
void oracle_linear_backward(int M, int in, int out, const double *x, const double *weight,
                            const double *dy, double *dx, double *dweight, double *dbias);

typedef struct {
    int T, B, H, h_stride;
    lyrnn_cell cell;
    bool reverse;
} oracle_recurrence;

/* h_t = phi(gates_x_t + w_hh h_{t-1} + b_hh); slot 0 of h (reverse: slot T) holds the first state. */
void oracle_recurrence_forward(const oracle_recurrence *shape, const double *gates_x,
                               const double *w_hh, const double *b_hh, double *h);

/* dh (B,H): the last state's gradient in, the first state's out. */
void oracle_recurrence_backward(const oracle_recurrence *shape, const double *w_hh, const double *h,
                                const double *doutput, double *dh, double *dgates_x, double *dw_hh,
                                double *db_hh);

/* losses[m] = -log softmax(logits[m])[targets[m]]; dlogits = (softmax - onehot) / M. Returns the mean
 * loss. */
double oracle_softmax_cross_entropy(int M, int V, const int32_t *targets, const double *logits,
                                    double *losses, double *dlogits);

typedef struct {
    int64_t step; /* t of this step, from 1 */
    double learning_rate, clip_norm, beta1, beta2, epsilon;
} oracle_adam;

/* One optimiser step; grads are left as they are. Returns their norm before clipping. */
double oracle_clip_and_adam(const oracle_adam *adam, size_t count, double *params,
                            const double *grads, double *m, double *v);

/* The article's RNNModel. Its parameters are one flat array: PyTorch's tensors in PyTorch's layout, one
 * after the other in the order below. */
typedef struct {
    lyrnn_cell cell;
    int V, H;
} oracle_model;

typedef struct {
    double *weight_ih;    /* (H,V) */
    double *weight_hh;    /* (H,H) */
    double *bias_ih;      /* (H) */
    double *bias_hh;      /* (H) */
    double *dense_weight; /* (V,H) */
    double *dense_bias;   /* (V) */
} oracle_tensors;

size_t oracle_model_count(const oracle_model *model);
oracle_tensors oracle_model_tensors(const oracle_model *model, double *flat);

typedef struct {
    int T, B;
    const int32_t *inputs;  /* (T,B) */
    const int32_t *targets; /* (T,B) */
    const double *h_0;      /* (B,H), NULL: zeros */
} oracle_batch;

/* The mean cross-entropy of a batch. Each of h_n (B,H), logits (T,B,V) and grads (count) may be NULL;
 * h_n may be h_0. */
double oracle_model_loss(const oracle_model *model, double *params, const oracle_batch *batch,
                         double *h_n, double *logits, double *grads);

/* text (prefix_length + length): the ids after the prefix become the likeliest ones, one by one. Returns
 * the smallest lead that a winner had over the runner-up, so that a caller can tell a close call. */
double oracle_model_generate(const oracle_model *model, double *params, int32_t *text,
                             int prefix_length, int length);

#endif
