/* torch.nn.RNN's counterpart for C programs: a recurrent network over host arrays of floats.
 *
 *     lyrnn_rnn_config config = {
 *         .cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = 256, .num_layers = 1};
 *     lyrnn_rnn *rnn;
 *     lyrnn_rnn_open(&rnn, &config, false, &backend, seed);
 *     lyrnn_rnn_forward(rnn, 35, 2, input, NULL, output, h_n);
 *
 * The network runs on the backend it was opened with; arrays are the caller's, in host memory. */
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

/* Runs T steps of B streams.
 *     input   (T,B,input_size)   or (B,T,input_size) where batch_first
 *     h_0     (1,B,H)            NULL: zeros
 *     output  (T,B,H)            or (B,T,H); NULL: not wanted
 *     h_n     (1,B,H)            NULL: not wanted
 * LYRNN_ERR_USAGE when T or B is not positive, LYRNN_ERR_MEMORY when the activations do not fit. */
lyrnn_status lyrnn_rnn_forward(lyrnn_rnn *rnn, int T, int B, const float *input, const float *h_0,
                               float *output, float *h_n);

#ifdef __cplusplus
}
#endif
#endif
