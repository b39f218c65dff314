/* What model.safetensors and trainer.safetensors have in common: a network's tensors by PyTorch's names and
 * shapes, of which a file must hold each as it is wanted. */
#ifndef LYRNN_PARAMETER_TENSORS_H
#define LYRNN_PARAMETER_TENSORS_H

#include "lyrnn/parameters.h"
#include "lyrnn/safetensors.h"
#include "lyrnn/status.h"

/* Name, type and shape of a tensor in a file; data is left to be set. */
lyrnn_tensor lyrnn_parameter_tensor(const lyrnn_parameter *parameter);

/* Floats of the tensors that are held otherwise than a file has them. */
size_t lyrnn_parameters_num_transposed(const lyrnn_parameters *parameters);

/* The values of a tensor as a file has them: in their place in flat, or in *room, which then moves on. */
const float *lyrnn_parameter_values(const lyrnn_parameter *parameter, const float *flat,
                                    float **room);

/* The file's tensor of the wanted name. LYRNN_ERR_MODEL_FILE, with what to do, where it is missing, or of
 * another type or shape. */
lyrnn_status lyrnn_find_tensor(const lyrnn_safetensors *file, const char *path,
                               const lyrnn_tensor *wanted, const char *what_to_do,
                               const lyrnn_tensor **tensor);

#endif
