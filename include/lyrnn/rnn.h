/* The counterpart of torch.nn.RNN, LSTM and GRU for C programs: a recurrent network over host
 * arrays.
 *
 *     lyrnn_rnn_config config = {
 *         .cell = LYRNN_LSTM, .input_size = 64, .hidden_size = 256, .num_layers = 2};
 *     lyrnn_rnn *rnn;
 *     lyrnn_rnn_open(&rnn, &config, false, &backend, seed);
 *     lyrnn_rnn_forward(rnn, &(lyrnn_rnn_forward_args){
 *                                .T = 35, .B = 2, .input = input, .output = output});
 *     lyrnn_rnn_backward(rnn, &(lyrnn_rnn_backward_args){.doutput = doutput, .dinput = dinput});
 *     lyrnn_rnn_get_gradient(rnn, "weight_ih_l0", dweight);
 *
 * The network runs on the backend that lyrnn_rnn_open was given. All arrays are in host memory and
 * belong to the caller. Letters: T steps, B streams, H hidden units, L layers, D directions.
 * Stream: one of the B parallel sequences of a batch. Only the lstm has a cell state c; for other
 * cells its pointers must be NULL. */
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

/* Makes a network with weights drawn from U(-1/sqrt(H), 1/sqrt(H)), as PyTorch does.
 * batch_first puts B before T in input and output. The backend is borrowed. LYRNN_ERR_USAGE: a size
 * is out of range. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_rnn_open(lyrnn_rnn **rnn, const lyrnn_rnn_config *config, bool batch_first,
                            lyrnn_backend *backend, uint64_t seed);
/* NULL is fine. */
void lyrnn_rnn_close(lyrnn_rnn *rnn);

/* The parameters by PyTorch's names (weight_ih_l0, ...) and shapes. The network owns the table. */
const lyrnn_parameters *lyrnn_rnn_parameters(const lyrnn_rnn *rnn);

/* Copies one parameter in or out, in PyTorch's shape. LYRNN_ERR_USAGE: no parameter has that
 * name. */
lyrnn_status lyrnn_rnn_set_parameter(lyrnn_rnn *rnn, const char *name, const float *values);
lyrnn_status lyrnn_rnn_get_parameter(lyrnn_rnn *rnn, const char *name, float *values);

/* Chooses whether the forward pass applies dropout (config.dropout) between layers, like train()
 * and eval() in PyTorch. A new network does. */
void lyrnn_rnn_set_training(lyrnn_rnn *rnn, bool training);

/* T steps of B streams. batch_first puts B before T in input and output. */
typedef struct {
    int T, B;
    const float *input; /* in   (T,B,input_size) */
    const float *h_0;   /* in   (L*D,B,H)  NULL: zeros */
    const float *c_0;   /* in   (L*D,B,H)  NULL: zeros */
    float *output;      /* out  (T,B,D*H)  NULL: not wanted */
    float *h_n;         /* out  (L*D,B,H)  NULL: not wanted */
    float *c_n;         /* out  (L*D,B,H)  NULL: not wanted */
} lyrnn_rnn_forward_args;

/* Forward pass. LYRNN_ERR_USAGE: T or B is below 1, or c_0 or c_n is given for a cell without c.
 * LYRNN_ERR_MEMORY: the activations do not fit. */
lyrnn_status lyrnn_rnn_forward(lyrnn_rnn *rnn, const lyrnn_rnn_forward_args *args);

/* Gradients of the loss. batch_first puts B before T in doutput and dinput. */
typedef struct {
    const float *doutput; /* in   (T,B,D*H)         NULL: zeros */
    const float *dh_n;    /* in   (L*D,B,H)         NULL: zeros */
    const float *dc_n;    /* in   (L*D,B,H)         NULL: zeros */
    float *dinput;        /* out  (T,B,input_size)  NULL: not wanted */
    float *dh_0;          /* out  (L*D,B,H)         NULL: not wanted */
    float *dc_0;          /* out  (L*D,B,H)         NULL: not wanted */
} lyrnn_rnn_backward_args;

/* Backward pass through the latest forward pass; each forward pass allows one. The gradients of the
 * parameters replace those of the previous call. LYRNN_ERR_USAGE: there is no forward pass to go
 * back through, or dc_n or dc_0 is given for a cell without c. */
lyrnn_status lyrnn_rnn_backward(lyrnn_rnn *rnn, const lyrnn_rnn_backward_args *args);

/* Copies out the gradient of one parameter, in PyTorch's shape. LYRNN_ERR_USAGE: no parameter has
 * that name. */
lyrnn_status lyrnn_rnn_get_gradient(lyrnn_rnn *rnn, const char *name, float *values);

#ifdef __cplusplus
}
#endif
#endif
