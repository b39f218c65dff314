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

/* out[m] = table[ids[m]] + bias.   table (V,F), bias (F) or NULL, out (M,F) */
void oracle_embedding_forward(int M, int F, const int32_t *ids, const double *table,
                              const double *bias, double *out);

/* dtable[v] = sum of dout[m] where ids[m] = v.   dtable (V,F) */
void oracle_embedding_backward(int M, int V, int F, const int32_t *ids, const double *dout,
                               double *dtable);

/* y = x weight^T + bias.   x (M,in), weight (out,in), bias (out) or NULL, y (M,out) */
void oracle_linear_forward(int M, int in, int out, const double *x, const double *weight,
                           const double *bias, double *y);

/* dx = dy weight, dweight = dy^T x, dbias = column sums of dy. dbias may be NULL. */
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
    double weight_decay;
    const unsigned char *decays; /* (count)  nonzero: weight decay acts on it; NULL: on none */
    double *average;             /* (count)  the moving average of params; NULL: none */
    double average_decay;
} oracle_adam;

/* One step of torch.optim.AdamW, then of the moving average. Does not change grads. Returns their
 * norm before clipping. */
double oracle_clip_and_adam(const oracle_adam *adam, size_t count, double *params,
                            const double *grads, double *m, double *v);

typedef struct {
    double rate;
    int64_t warmup_steps;
    int64_t num_steps; /* half a cosine ends after so many steps; 0: the rate is constant */
    int num_halvings;
} oracle_schedule;

/* The learning rate of a step, counted from 0. */
double oracle_learning_rate(const oracle_schedule *schedule, int64_t step);

/* The tutorial's RNNModel, with any nn.RNN, nn.LSTM or nn.GRU. Its parameters are one flat array of
 * PyTorch's tensors in PyTorch's layout and order: for each layer and direction weight_ih (G*H,in),
 * weight_hh (G*H,H), bias_ih (G*H), bias_hh (G*H); then dense.weight (V,D*H), dense.bias (V).
 * If E is not 0, embedding.weight (V,E) comes first, and layer 0 has E inputs. A tied model has no
 * dense.weight; if E is not D*H, it has projection.weight (E,D*H) before dense.bias. */
typedef struct {
    lyrnn_cell cell;
    int V, H, num_layers;
    bool bidirectional;
    int E; /* 0: the input is one-hot */
    bool tied;
} oracle_model;

size_t oracle_model_count(const oracle_model *model);

/* Sets decays (count) to 1 where AdamW's weight decay acts: on matrices that are no embedding. The
 * weight_ih of layer 0 is one if the input is one-hot. */
void oracle_model_decays(const oracle_model *model, unsigned char *decays);

/* Returns the length of a state, L*D*B*H. */
int oracle_state_count(const oracle_model *model, int B);

/* The factors of dropout, 0 or 1 / (1 - p). NULL: no dropout at that place. */
typedef struct {
    const double *layers;  /* (L-1,T,B,D*H)  for the output of each layer but the last */
    const double *input;   /* (B,E)          for the embedding's output at every step */
    const double *output;  /* (B,D*H)        for the last layer's output at every step */
    const double *weights; /* (L*D,G*H,H)    for weight_hh */
} oracle_masks;

typedef struct {
    int T, B;
    const int32_t *inputs;  /* (T,B) */
    const int32_t *targets; /* (T,B) */
    const double *h_0;      /* (L*D,B,H); NULL: zeros */
    const double *c_0;      /* the same, lstm only */
    oracle_masks masks;
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
