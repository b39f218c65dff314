/* Writes and reads the "vocab" of a model.safetensors. */
#ifndef LYRNN_VOCAB_JSON_H
#define LYRNN_VOCAB_JSON_H

#include <jansson.h>

#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

/* Returns a string that the caller frees, or NULL if memory runs out. */
char *lyrnn_vocab_to_json(const lyrnn_vocab *vocab);

/* Makes the vocabulary of a network with input_size characters; the caller frees it.
 * LYRNN_ERR_MODEL_FILE names path. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_vocab_from_json(json_t *json, const char *path, int input_size,
                                   lyrnn_vocab *vocab);

#endif
