/* The offset table: which tensor stands where in a flat buffer of floats.
 *
 * Parameters, gradients and Adam's two moments are four buffers under this one table, so that the
 * norm, the optimiser and a checkpoint each walk flat memory. Names and shapes are PyTorch's. */
#ifndef LYRNN_PARAMETERS_H
#define LYRNN_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lyrnn/backend.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* torch.nn.RNN's constructor. This version builds one layer in one direction without dropout. */
typedef struct {
    lyrnn_cell cell;
    int input_size; /* of a character model: V */
    int hidden_size;
    int num_layers;
    bool bidirectional;
    float dropout;
} lyrnn_rnn_config;

/* Sizes that keep every row count and byte total far from overflow. */
enum { LYRNN_MAX_HIDDEN_SIZE = 65536, LYRNN_MAX_INPUT_SIZE = 1114112 };

/* LYRNN_ERR_USAGE for a size out of range, LYRNN_ERR_UNSUPPORTED for what this version lacks; the text
 * names the field by its option ("--hidden-size 0: ..."). */
lyrnn_status lyrnn_rnn_config_check(const lyrnn_rnn_config *config);

/* "rnn_tanh" and so on, and back; LYRNN_ERR_UNSUPPORTED for another name. */
const char *lyrnn_cell_name(lyrnn_cell cell);
lyrnn_status lyrnn_cell_parse(const char *name, lyrnn_cell *cell);

typedef struct {
    char name[32];   /* "rnn.weight_ih_l0" */
    size_t offset;   /* floats from the buffer's start, a multiple of 64 */
    int rows, cols;  /* PyTorch's shape (rows, cols); cols 0: the vector (rows) */
    bool transposed; /* held as (cols, rows) */
    float bound;     /* initialised from U(-bound, bound) */
} lyrnn_parameter;

enum {
    LYRNN_WEIGHT_IH,    /* (G*H, input_size) */
    LYRNN_WEIGHT_HH,    /* (G*H, H) */
    LYRNN_BIAS_IH,      /* (G*H) */
    LYRNN_BIAS_HH,      /* (G*H) */
    LYRNN_DENSE_WEIGHT, /* (V, H) */
    LYRNN_DENSE_BIAS,   /* (V) */
    LYRNN_MAX_PARAMETERS
};

typedef struct {
    lyrnn_parameter items[LYRNN_MAX_PARAMETERS];
    int num;      /* tensors */
    size_t count; /* floats of the flat buffer, padding (always zero) included */
} lyrnn_parameters;

/* torch.nn.RNN's tensors: weight_ih_l0 (G*H,input_size), weight_hh_l0, bias_ih_l0, bias_hh_l0. */
void lyrnn_parameters_of_rnn(lyrnn_parameters *parameters, const lyrnn_rnn_config *config);

/* The article's RNNModel: the same under "rnn.", with weight_ih held transposed for the gather of
 * one-hot rows, then dense.weight (V,H) and dense.bias (V), bound 1/sqrt(H), V = input_size. */
void lyrnn_parameters_of_model(lyrnn_parameters *parameters, const lyrnn_rnn_config *config);

/* Floats of a tensor. */
size_t lyrnn_parameter_count(const lyrnn_parameter *parameter);

/* Weights and biases as users count them: without padding. */
size_t lyrnn_parameters_total(const lyrnn_parameters *parameters);

/* Copies a tensor between PyTorch's layout (values) and its place in a flat buffer on the host. */
void lyrnn_parameter_pack(const lyrnn_parameter *parameter, const float *values, float *flat);
void lyrnn_parameter_unpack(const lyrnn_parameter *parameter, const float *flat, float *values);

/* Draws every tensor from U(-bound, bound) into a flat device buffer, each number keyed by its offset. */
void lyrnn_parameters_randomise(const lyrnn_parameters *parameters, lyrnn_backend *backend,
                                uint64_t seed, float *flat);

#ifdef __cplusplus
}
#endif
#endif
