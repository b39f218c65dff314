/* The offset table: which tensor stands where in a flat buffer of floats.
 *
 * Parameters, gradients and Adam's two moments are four buffers under this one table, so that the
 * norm, the optimizer and a checkpoint each walk flat memory. Names and shapes are PyTorch's. */
#ifndef LYRNN_PARAMETERS_H
#define LYRNN_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lyrnn/backend.h"
#include "lyrnn/cell.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The arguments of torch.nn.RNN, LSTM and GRU. */
typedef struct {
    lyrnn_cell cell;
    int input_size; /* of a character model: V */
    int hidden_size;
    int num_layers;
    bool bidirectional;
    float dropout; /* of the outputs of all layers but the last, in training */
} lyrnn_rnn_config;

/* Sizes that keep every row count and byte total far from overflow. */
enum { LYRNN_MAX_HIDDEN_SIZE = 65536, LYRNN_MAX_INPUT_SIZE = 1114112, LYRNN_MAX_LAYERS = 16 };

/* D: 2 where the network is bidirectional, else 1. */
int lyrnn_num_directions(const lyrnn_rnn_config *config);

/* Floats of a state h, or c of an lstm, in PyTorch's order: (L*D,B,H). */
size_t lyrnn_state_count(const lyrnn_rnn_config *config, int B);

/* LYRNN_ERR_USAGE for a size out of range; the text names the field by its option ("--hidden-size 0: ..."). */
lyrnn_status lyrnn_rnn_config_check(const lyrnn_rnn_config *config);

typedef struct {
    char name[32];   /* "rnn.weight_ih_l0" */
    size_t offset;   /* floats from the buffer's start, a multiple of 64 */
    int rows, cols;  /* PyTorch's shape (rows, cols); cols 0: the vector (rows) */
    bool transposed; /* held as (cols, rows) */
    float bound;     /* initialised from U(-bound, bound) */
} lyrnn_parameter;

/* The tensors of one layer in one direction, in this order. */
typedef enum {
    LYRNN_WEIGHT_IH, /* (G*H, input_size), in upper layers (G*H, D*H) */
    LYRNN_WEIGHT_HH, /* (G*H, H) */
    LYRNN_BIAS_IH,   /* (G*H) */
    LYRNN_BIAS_HH,   /* (G*H) */
    LYRNN_NUM_KINDS
} lyrnn_parameter_kind;

enum { LYRNN_MAX_PARAMETERS = 2 * LYRNN_MAX_LAYERS * LYRNN_NUM_KINDS + 2 };

typedef struct {
    lyrnn_parameter items[LYRNN_MAX_PARAMETERS];
    int num;      /* tensors */
    size_t count; /* floats of the flat buffer, padding (always zero) included */
} lyrnn_parameters;

/* torch.nn.RNN's tensors in its order: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, the same with
 * _reverse where there are two directions, then _l1 and so on. */
void lyrnn_parameters_of_rnn(lyrnn_parameters *parameters, const lyrnn_rnn_config *config);

/* The article's RNNModel: the same under "rnn.", with weight_ih held transposed for the gather of
 * one-hot rows, then dense.weight (V,D*H) and dense.bias (V), bound 1/sqrt(D*H), V = input_size. */
void lyrnn_parameters_of_model(lyrnn_parameters *parameters, const lyrnn_rnn_config *config);

/* A tensor of the recurrent stack; direction 1 is the reverse one. */
const lyrnn_parameter *lyrnn_parameters_of_layer(const lyrnn_parameters *parameters,
                                                 const lyrnn_rnn_config *config, int layer,
                                                 int direction, lyrnn_parameter_kind kind);

/* Floats of a tensor. */
size_t lyrnn_parameter_count(const lyrnn_parameter *parameter);

/* Weights and biases as users count them: without padding. */
size_t lyrnn_parameters_total(const lyrnn_parameters *parameters);

/* Copies a tensor between PyTorch's layout (values) and its place in a flat buffer on the host. */
void lyrnn_parameter_pack(const lyrnn_parameter *parameter, const float *values, float *flat);
void lyrnn_parameter_unpack(const lyrnn_parameter *parameter, const float *flat, float *values);

/* Draws every tensor from U(-bound, bound) into a flat device buffer, each number keyed by its offset. */
void lyrnn_parameters_randomize(const lyrnn_parameters *parameters, lyrnn_backend *backend,
                                uint64_t seed, float *flat);

#ifdef __cplusplus
}
#endif
#endif
