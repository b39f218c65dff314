/* The shape of a network, and the offset table: where each tensor is in a flat buffer of floats.
 *
 * Parameters, gradients and Adam's two moments are four buffers with this one table. Gradient
 * clipping, the optimizer and the checkpoint each read flat memory. Names and shapes are those of
 * PyTorch.
 *
 * Letters: V vocabulary, H hidden units, L layers, D directions, G gates per cell (lyrnn/cell.h), B
 * streams. Stream: one of the B parallel text sequences of a batch. */
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
    int input_size; /* V in a character model */
    int hidden_size;
    int num_layers;
    bool bidirectional;
    float dropout; /* probability; training applies it to the outputs of all layers but the last */
    /* What follows is for character models. lyrnn_rnn_open takes only dropout_weight of it. */
    int embedding_size; /* E: layer 0 reads embedding.weight[id]; 0: it reads one-hot rows (V) */
    bool tied;          /* the output layer's weight is embedding.weight */
    /* Probabilities; only training drops. The input is the embedding's output, the output is the
     * last layer's: each has one mask per stream for all T steps of a batch (locked dropout). The
     * weights are those of W_hh, with one mask per step (DropConnect). */
    float dropout_input, dropout_output, dropout_weight;
} lyrnn_rnn_config;

/* Limits that keep every row count and byte total far from overflow. */
enum { LYRNN_MAX_HIDDEN_SIZE = 65536, LYRNN_MAX_INPUT_SIZE = 1114112, LYRNN_MAX_LAYERS = 16 };

/* LYRNN_ERR_USAGE if a size is out of range. The text names the option: "--hidden-size 0: ...". */
lyrnn_status lyrnn_rnn_config_check(const lyrnn_rnn_config *config);

/* D: 2 if the network is bidirectional, else 1. */
int lyrnn_num_directions(const lyrnn_rnn_config *config);

/* Number of floats in a state h (or c of an lstm) of B streams, which has PyTorch's shape
 * (L*D,B,H). */
size_t lyrnn_state_count(const lyrnn_rnn_config *config, int B);

typedef struct {
    char name[32];       /* "rnn.weight_ih_l0" */
    size_t offset;       /* floats from the start of the buffer, a multiple of 64 */
    int rows, cols;      /* PyTorch's shape (rows,cols); cols 0: a vector (rows) */
    bool transposed;     /* the buffer holds it as (cols,rows) */
    bool has_row_per_id; /* the buffer has one row per character of the vocabulary */
    bool decays;         /* weight decay acts on it: a matrix that is no embedding */
    float bound;         /* its initial values are drawn from U(-bound, bound) */
} lyrnn_parameter;

/* The tensors of one layer in one direction, in this order. */
typedef enum {
    LYRNN_WEIGHT_IH, /* (G*H,input_size); in upper layers (G*H,D*H) */
    LYRNN_WEIGHT_HH, /* (G*H,H) */
    LYRNN_BIAS_IH,   /* (G*H) */
    LYRNN_BIAS_HH,   /* (G*H) */
    LYRNN_NUM_KINDS
} lyrnn_parameter_kind;

enum { LYRNN_MAX_PARAMETERS = 2 * LYRNN_MAX_LAYERS * LYRNN_NUM_KINDS + 4 };

/* The offset table. */
typedef struct {
    lyrnn_parameter items[LYRNN_MAX_PARAMETERS];
    int num;      /* tensors */
    size_t count; /* floats of the flat buffer; this includes padding, which is always zero */
} lyrnn_parameters;

/* Makes the table of torch.nn.RNN, LSTM or GRU, in PyTorch's order: weight_ih_l0, weight_hh_l0,
 * bias_ih_l0, bias_hh_l0, the same with _reverse if the network is bidirectional, then _l1 and so
 * on. */
void lyrnn_parameters_of_rnn(lyrnn_parameters *parameters, const lyrnn_rnn_config *config);

/* Makes the table of the tutorial's RNNModel: the tensors of the recurrent stack under "rnn.", then
 * dense.weight (V,D*H) and dense.bias (V). weight_ih of layer 0 is transposed, so that the product
 * with a one-hot row is the lookup of a row. The bound of the output layer is 1/sqrt(D*H).
 *
 * A network with an embedding begins with embedding.weight (V,E), and its layer 0 has E inputs. If
 * it is tied, dense.weight is missing, and if E is not D*H, projection.weight (E,D*H) leads from
 * the stack to dense; the bound of dense.bias is then 1/sqrt(E). The bound of the embedding is 0.1,
 * as in PyTorch's word_language_model. */
void lyrnn_parameters_of_model(lyrnn_parameters *parameters, const lyrnn_rnn_config *config);

/* The tensors of such a table outside the recurrent stack. NULL: it has none. output_weight is
 * embedding.weight in a tied network. */
const lyrnn_parameter *lyrnn_parameters_embedding(const lyrnn_parameters *parameters);
const lyrnn_parameter *lyrnn_parameters_projection(const lyrnn_parameters *parameters);
const lyrnn_parameter *lyrnn_parameters_output_weight(const lyrnn_parameters *parameters);
const lyrnn_parameter *lyrnn_parameters_output_bias(const lyrnn_parameters *parameters);

/* Finds a tensor of the recurrent stack. Direction 1 is the reverse direction. */
const lyrnn_parameter *lyrnn_parameters_of_layer(const lyrnn_parameters *parameters,
                                                 const lyrnn_rnn_config *config, int layer,
                                                 int direction, lyrnn_parameter_kind kind);

/* Number of floats in a tensor. */
size_t lyrnn_parameter_count(const lyrnn_parameter *parameter);

/* Number of weights and biases in all tensors, without padding. */
size_t lyrnn_parameters_total(const lyrnn_parameters *parameters);

/* Copies a tensor between PyTorch's layout (values) and its place in a flat buffer, both in host
 * memory. */
void lyrnn_parameter_pack(const lyrnn_parameter *parameter, const float *values, float *flat);
void lyrnn_parameter_unpack(const lyrnn_parameter *parameter, const float *flat, float *values);

/* Draws every tensor from U(-bound, bound) into a flat device buffer (parameters->count), as
 * PyTorch does. Each random number is keyed by (seed, offset of the float). */
void lyrnn_parameters_randomize(const lyrnn_parameters *parameters, lyrnn_backend *backend,
                                uint64_t seed, float *flat);

#ifdef __cplusplus
}
#endif
#endif
