/* A trained model as a file: model.safetensors, which PyTorch loads as it is.
 *
 * Tensors carry the article's RNNModel names and shapes; __metadata__ holds "format": "pt", "config" (the
 * network as JSON) and "vocab" (a JSON array of one-character strings in id order). */
#ifndef LYRNN_CHECKPOINT_H
#define LYRNN_CHECKPOINT_H

#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    lyrnn_rnn_config config;
    lyrnn_vocab vocab;
    float *params; /* flat, by lyrnn_parameters_of_model(config); owned */
} lyrnn_checkpoint;

/* Writes a new file; see lyrnn_safetensors_write. params as above. */
lyrnn_status lyrnn_checkpoint_write(const char *path, const lyrnn_rnn_config *config,
                                    const lyrnn_vocab *vocab, const float *params);

/* Reads a model file. LYRNN_ERR_IO: it cannot be read. LYRNN_ERR_MODEL_FILE: not safetensors, no or bad
 * config or vocab, a tensor missing, of another shape or type, too many, or not finite. */
lyrnn_status lyrnn_checkpoint_read(lyrnn_checkpoint *checkpoint, const char *path);

/* A zeroed checkpoint is fine. */
void lyrnn_checkpoint_free(lyrnn_checkpoint *checkpoint);

#ifdef __cplusplus
}
#endif
#endif
