/* A trained model as a file: model.safetensors, which PyTorch loads without conversion.
 *
 * The tensors have the names and shapes of the tutorial's RNNModel; a network with an embedding has
 * those of lyrnn_parameters_of_model. "__metadata__" has "format": "pt", "config" (the network's
 * shape as JSON), "vocab" (a JSON array of one-character strings in id order) and "learned" (a JSON
 * array with an object for each text that the model learned, the oldest first: its hash and how it
 * was read). A state_dict that PyTorch saved has only the tensors. */
#ifndef LYRNN_CHECKPOINT_H
#define LYRNN_CHECKPOINT_H

#include <stdbool.h>

#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    lyrnn_rnn_config config;
    /* The tensors fit both rnn_tanh and rnn_relu, and the file does not say which; config says
     * rnn_tanh. */
    bool is_tanh_or_relu;
    lyrnn_vocab vocab; /* V is 0 if the file has none */
    char dtype[8];     /* of the weights in the file; "mixed": not all are of one type */
    float *params;     /* flat, laid out by lyrnn_parameters_of_model(config); owned */
    char *learned;     /* "learned" as the file has it, unchecked; NULL if it has none; owned */
} lyrnn_checkpoint;

/* Writes a new file; see lyrnn_safetensors_write. params is flat, laid out by
 * lyrnn_parameters_of_model(config), and vocab->V is config->input_size. learned may be NULL.
 * LYRNN_ERR_IO, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_checkpoint_write(const char *path, const lyrnn_rnn_config *config,
                                    const lyrnn_vocab *vocab, const float *params,
                                    const char *learned);

/* Reads a model file once and completely: shape, vocabulary and weights. The caller frees
 * checkpoint; on failure it is zeroed. LYRNN_ERR_IO: the file cannot be read. LYRNN_ERR_MODEL_FILE:
 * it is not safetensors; its config is bad; its vocabulary is missing or bad; a tensor is missing,
 * has another shape or type, is one too many, or is not finite. LYRNN_ERR_MEMORY.
 *
 * Apart from what lyrnn writes, it reads weights of F16, BF16 and F64, which become float32; a
 * "vocab" that is an object, {"a": 0, "b": 1}; names that begin with "module." or "_orig_mod.", as
 * DataParallel and torch.compile write them; and a tied network whose dense.weight is a second copy
 * of embedding.weight, or that safetensors.torch.save_model wrote. */
lyrnn_status lyrnn_checkpoint_read(lyrnn_checkpoint *checkpoint, const char *path);

/* Does the same for a file that may lack the metadata, as
 *     safetensors.torch.save_file(model.state_dict(), path)
 * writes it. The shape then comes from the tensors, each dropout is 0, and vocab.V is 0. A network
 * with an embedding is tied if dense.weight is missing, or if it equals embedding.weight in every
 * bit. */
lyrnn_status lyrnn_checkpoint_read_state_dict(lyrnn_checkpoint *checkpoint, const char *path);

/* Sets the cell to `cell` if that is rnn_tanh or rnn_relu and checkpoint->is_tanh_or_relu; else
 * does nothing. */
void lyrnn_checkpoint_choose_rnn(lyrnn_checkpoint *checkpoint, lyrnn_cell cell);

/* Copies the weights to a model with another vocabulary and otherwise the same shape. params is
 * flat, laid out by lyrnn_parameters_of_model for the checkpoint's config with input_size vocab->V.
 * A character that both vocabularies have keeps its weights: its column of weight_ih in the first
 * layer (and in the reverse one) or its row of embedding.weight, and its row of dense.weight and
 * dense.bias. A new character keeps the weights that params has for it. All other weights are
 * copied. checkpoint->vocab must not be empty. */
void lyrnn_checkpoint_remap(const lyrnn_checkpoint *checkpoint, const lyrnn_vocab *vocab,
                            float *params);

/* Accepts a zeroed checkpoint. */
void lyrnn_checkpoint_free(lyrnn_checkpoint *checkpoint);

#ifdef __cplusplus
}
#endif
#endif
