/* A trained model as a file: model.safetensors, which PyTorch loads as it is.
 *
 * Tensors carry the article's RNNModel names and shapes; __metadata__ holds "format": "pt", "config" (the
 * network as JSON) and "vocab" (a JSON array of one-character strings in id order). A state_dict that
 * PyTorch saved has the tensors alone. */
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
    bool is_tanh_or_relu; /* the file leaves open which; config says rnn_tanh */
    lyrnn_vocab vocab;
    float *params; /* flat, by lyrnn_parameters_of_model(config); owned */
} lyrnn_checkpoint;

/* Writes a new file; see lyrnn_safetensors_write. params as above. */
lyrnn_status lyrnn_checkpoint_write(const char *path, const lyrnn_rnn_config *config,
                                    const lyrnn_vocab *vocab, const float *params);

/* Reads a model file. LYRNN_ERR_IO: it cannot be read. LYRNN_ERR_MODEL_FILE: not safetensors, a bad config,
 * no or a bad vocab, a tensor missing, of another shape or type, too many, or not finite. */
lyrnn_status lyrnn_checkpoint_read(lyrnn_checkpoint *checkpoint, const char *path);

/* The same for a file that may lack the metadata, as safetensors.torch.save_file(model.state_dict(), path)
 * leaves it: the shape is then the tensors', dropout 0, and vocab.V 0. */
lyrnn_status lyrnn_checkpoint_read_state_dict(lyrnn_checkpoint *checkpoint, const char *path);

/* Makes the network one of cell where the file leaves that open and cell is rnn_tanh or rnn_relu. */
void lyrnn_checkpoint_choose_rnn(lyrnn_checkpoint *checkpoint, lyrnn_cell cell);

/* Takes the weights to a model of another vocabulary and else the same shape. params is flat, by
 * lyrnn_parameters_of_model of the checkpoint's config with input_size vocab->V. A character that both know
 * brings what is its own, its column of the first layer's weight_ih (and of the reverse one), its row of
 * dense.weight and dense.bias; one that is new keeps what params holds for it. All other weights are
 * copied. checkpoint->vocab must be there. */
void lyrnn_checkpoint_remap(const lyrnn_checkpoint *checkpoint, const lyrnn_vocab *vocab,
                            float *params);

/* A zeroed checkpoint is fine. */
void lyrnn_checkpoint_free(lyrnn_checkpoint *checkpoint);

#ifdef __cplusplus
}
#endif
#endif
