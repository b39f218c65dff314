/* The oracle: every numeric operation and the tutorial's whole model, computed a second time in
 * double precision with plain loops. It shares no code with a backend, so an error would have to be
 * made twice to stay hidden. Shapes and letters are those of lyrnn/backend.h. All arrays are dense,
 * except that the rows of h, c and doutput are h_stride apart. */
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

/* G */
int oracle_num_gates(lyrnn_cell cell);

/* The cells of torch.nn.RNN, LSTM and GRU. gates_x (T,B,G*H) is the input projection with its bias.
 * Slot 0 of h and c (reverse: slot T) holds the initial state. c is NULL except for lstm. */
void oracle_recurrence_forward(const oracle_recurrence *shape, const double *gates_x,
                               const double *w_hh, const double *b_hh, double *h, double *c);

typedef struct {
    /* (B,H) In: the gradient of the last state. Out: that of the initial state. dc: lstm only. */
    double *dh, *dc;
    double *dgates_x; /* (T,B,G*H) */
    double *dprime;   /* (T,B,G*H)  gradient of h' = h w_hh^T + b_hh */
    double *dw_hh;    /* (G*H,H) */
    double *db_hh;    /* (G*H) */
} oracle_recurrence_grads;

/* Takes h and c as forward left them, and computes the gates again from them. */
void oracle_recurrence_backward(const oracle_recurrence *shape, const double *gates_x,
                                const double *w_hh, const double *b_hh, const double *h,
                                const double *c, const double *doutput,
                                const oracle_recurrence_grads *d);

/* losses[m] = -log softmax(logits[m])[targets[m]]; dlogits = (softmax - onehot) / M. Returns the
 * mean loss. */
double oracle_softmax_cross_entropy(int M, int V, const int32_t *targets, const double *logits,
                                    double *losses, double *dlogits);

typedef struct {
    int64_t step; /* number of this step, from 1 */
    double learning_rate, clip_norm, beta1, beta2, epsilon;
} oracle_adam;

/* One optimizer step. Does not change grads. Returns their norm before clipping. */
double oracle_clip_and_adam(const oracle_adam *adam, size_t count, double *params,
                            const double *grads, double *m, double *v);

/* The tutorial's RNNModel, with any nn.RNN, nn.LSTM or nn.GRU. Its parameters are one flat array of
 * PyTorch's tensors in PyTorch's layout and order: for each layer and direction weight_ih (G*H,in),
 * weight_hh (G*H,H), bias_ih (G*H), bias_hh (G*H); then dense.weight (V,D*H), dense.bias (V). */
typedef struct {
    lyrnn_cell cell;
    int V, H, num_layers;
    bool bidirectional;
} oracle_model;

size_t oracle_model_count(const oracle_model *model);

/* Returns the length of a state, L*D*B*H. */
int oracle_state_count(const oracle_model *model, int B);

typedef struct {
    int T, B;
    const int32_t *inputs;  /* (T,B) */
    const int32_t *targets; /* (T,B) */
    const double *h_0;      /* (L*D,B,H); NULL: zeros */
    const double *c_0;      /* the same, lstm only */
    /* (L-1,T,B,D*H) Dropout's factors for each layer's output. NULL: no dropout. */
    const double *keep;
} oracle_batch;

/* The results of a batch. Each may be NULL. h_n may be h_0, and c_n may be c_0. */
typedef struct {
    double *logits;    /* (T,B,V) */
    double *h_n, *c_n; /* (L*D,B,H) */
    double *grads;     /* (count) */
} oracle_results;

/* Returns the mean cross-entropy of a batch. */
double oracle_model_loss(const oracle_model *model, const double *params, const oracle_batch *batch,
                         const oracle_results *results);

/* text (prefix_length + length): fills in the most likely id after the prefix, one by one. Returns
 * the smallest margin between the best and the second-best logit, so that a caller can recognize a
 * near tie. */
double oracle_model_generate(const oracle_model *model, const double *params, int32_t *text,
                             int prefix_length, int length);

/* Computes the probability of each id (V) after all samplers, 0 if it is excluded. logits (V) are
 * -infinity for forbidden ids. text (length) is what the repeat penalty applies to. Returns false
 * if no id remains. */
bool oracle_sampler(const lyrnn_sampler *sampler, int V, const float *logits, const int32_t *text,
                    int length, double *probabilities);

/* Returns the first id at which the cumulative sum of probabilities reaches u. */
int oracle_draw(int V, const double *probabilities, double u);

#endif
