/* Infers the shape of a network from the tensors of a bare state_dict. */
#ifndef LYRNN_INFER_CONFIG_H
#define LYRNN_INFER_CONFIG_H

#include "lyrnn/parameters.h"
#include "lyrnn/safetensors.h"
#include "lyrnn/status.h"

/* Sets config from the names and shapes of the tensors: layers and directions from the names, sizes
 * from the weights of layer 0 and from embedding.weight, the cell from the number of its gates. A
 * cell of one gate becomes rnn_tanh, and each dropout 0. A network with embedding.weight is tied if
 * dense.weight is missing or equal to it in every bit. The caller checks that all other tensors
 * agree. LYRNN_ERR_MODEL_FILE names path. */
lyrnn_status lyrnn_infer_config(const lyrnn_safetensors *file, const char *path,
                                lyrnn_rnn_config *config);

#endif
