/* Gives the tensors of a state_dict the names that lyrnn knows. */
#ifndef LYRNN_STATE_DICT_NAMES_H
#define LYRNN_STATE_DICT_NAMES_H

#include "lyrnn/safetensors.h"

/* Takes off the "module." and "_orig_mod." that DataParallel and torch.compile put before each
 * name. safetensors.torch.save_model keeps the weight of a tied network only as dense.weight and
 * notes in the metadata {"embedding.weight": "dense.weight"}; it becomes embedding.weight. */
void lyrnn_state_dict_rename(lyrnn_safetensors *file);

#endif
