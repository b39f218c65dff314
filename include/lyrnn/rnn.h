/* The counterpart of torch.nn.RNN, LSTM and GRU for C programs: a recurrent network over host arrays.
 *
 *     lyrnn_rnn_config config = {
 *         .cell = LYRNN_LSTM, .input_size = 64, .hidden_size = 256, .num_layers = 2};
 *     lyrnn_rnn *rnn;
 *     lyrnn_rnn_open(&rnn, &config, false, &backend, seed);
 *     lyrnn_rnn_forward(rnn, 35, 2, input, NULL, NULL, output, h_n, c_n);
 *     lyrnn_rnn_backward(rnn, doutput, NULL, NULL, dinput, NULL, NULL);
 *     lyrnn_rnn_get_gradient(rnn, "weight_ih_l0", dweight);
 *
 * The network runs on the backend it was opened with; arrays are the caller's, in host memory. Letters: T
 * steps, B streams, H hidden units, L layers, D directions. c belongs to the lstm alone: elsewhere its
 * pointers must be NULL. */
#ifndef LYRNN_RNN_H
#define LYRNN_RNN_H

#include <stdbool.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lyrnn_rnn lyrnn_rnn;

/* Makes a network with weights drawn from U(-1/sqrt(H), 1/sqrt(H)), as PyTorch does. batch_first puts B
 * before T in input and output. The backend is borrowed. LYRNN_ERR_USAGE for a shape out of range. */
lyrnn_status lyrnn_rnn_open(lyrnn_rnn **rnn, const lyrnn_rnn_config *config, bool batch_first,
                            lyrnn_backend *backend, uint64_t seed);
/* NULL is fine. */
void lyrnn_rnn_close(lyrnn_rnn *rnn);

/* The parameters by PyTorch's names (weight_ih_l0, ...) and shapes, borrowed. */
const lyrnn_parameters *lyrnn_rnn_parameters(const lyrnn_rnn *rnn);

/* Copies one parameter in or out, in PyTorch's shape. LYRNN_ERR_USAGE when there is none of that name. */
lyrnn_status lyrnn_rnn_set_parameter(lyrnn_rnn *rnn, const char *name, const float *values);
lyrnn_status lyrnn_rnn_get_parameter(lyrnn_rnn *rnn, const char *name, float *values);

/* Whether forward drops out (config.dropout) between layers, as in PyTorch after train() or eval(). At first
 * it does. */
void lyrnn_rnn_set_training(lyrnn_rnn *rnn, bool training);

/* Runs T steps of B streams.
 *     input     (T,B,input_size)   or (B,T,input_size) where batch_first
 *     h_0, c_0  (L*D,B,H)          NULL: zeros
 *     output    (T,B,D*H)          or (B,T,D*H); NULL: not wanted
 *     h_n, c_n  (L*D,B,H)          NULL: not wanted
 * LYRNN_ERR_USAGE when T or B is not positive or c is not the cell's, LYRNN_ERR_MEMORY when the
 * activations do not fit. */
lyrnn_status lyrnn_rnn_forward(lyrnn_rnn *rnn, int T, int B, const float *input, const float *h_0,
                               const float *c_0, float *output, float *h_n, float *c_n);

/* Back through the latest forward, once: the loss's gradients by the outputs in, by the inputs out.
 *     doutput     (T,B,D*H), or (B,T,D*H); NULL: zeros
 *     dh_n, dc_n  (L*D,B,H)           NULL: zeros
 *     dinput      (T,B,input_size), or (B,T,input_size); NULL: not wanted
 *     dh_0, dc_0  (L*D,B,H)           NULL: not wanted
 * The parameters' gradients replace those of an earlier call. LYRNN_ERR_USAGE when no forward came
 * before, or c is not the cell's. */
lyrnn_status lyrnn_rnn_backward(lyrnn_rnn *rnn, const float *doutput, const float *dh_n,
                                const float *dc_n, float *dinput, float *dh_0, float *dc_0);

/* Copies out the gradient of one parameter, in PyTorch's shape. LYRNN_ERR_USAGE when there is none of that
 * name. */
lyrnn_status lyrnn_rnn_get_gradient(lyrnn_rnn *rnn, const char *name, float *values);

#ifdef __cplusplus
}
#endif
#endif
