/* The network's shape as the tensors of a bare state_dict tell it. */
#ifndef LYRNN_INFER_CONFIG_H
#define LYRNN_INFER_CONFIG_H

#include "lyrnn/parameters.h"
#include "lyrnn/safetensors.h"
#include "lyrnn/status.h"

/* Sets config from the names and shapes of rnn.*: layers and directions from the names, the sizes from layer
 * 0's weights, the cell from the number of its gates (of one gate: rnn_tanh), dropout 0. Whether all other
 * tensors agree is left to be checked. LYRNN_ERR_MODEL_FILE names path. */
lyrnn_status lyrnn_infer_config(const lyrnn_safetensors *file, const char *path,
                                lyrnn_rnn_config *config);

#endif
