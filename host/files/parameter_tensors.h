/* What model.safetensors and trainer.safetensors share: tensors with the names and shapes of
 * PyTorch, one for each parameter of a network. */
#ifndef LYRNN_PARAMETER_TENSORS_H
#define LYRNN_PARAMETER_TENSORS_H

#include <stdbool.h>

#include "lyrnn/parameters.h"
#include "lyrnn/safetensors.h"
#include "lyrnn/status.h"

/* Returns the name, type and shape that a parameter has in a file. The caller sets data. */
lyrnn_tensor lyrnn_parameter_tensor(const lyrnn_parameter *parameter);

/* Returns the number of floats in the tensors that the flat buffer holds transposed. */
size_t lyrnn_parameters_num_transposed(const lyrnn_parameters *parameters);

/* Returns the values of a parameter in PyTorch's layout. They are in flat, or, if flat holds them
 * transposed, they are copied to *transposed, which then advances past them. */
const float *lyrnn_parameter_values(const lyrnn_parameter *parameter, const float *flat,
                                    float **transposed);

/* Finds the file's tensor that has the name of `wanted`; *tensor is borrowed. wanted->dtype NULL
 * stands for each type that lyrnn_tensor_to_floats converts. LYRNN_ERR_MODEL_FILE: it is missing,
 * or has another type or shape. The error ends with what_to_do. */
lyrnn_status lyrnn_find_tensor(const lyrnn_safetensors *file, const char *path,
                               const lyrnn_tensor *wanted, const char *what_to_do,
                               const lyrnn_tensor **tensor);

/* Whether two tensors have the same type, shape and bytes. */
bool lyrnn_tensors_are_equal(const lyrnn_tensor *a, const lyrnn_tensor *b);

/* Converts the values of an F32, F16, BF16 or F64 tensor, which need not be aligned. F64 is rounded
 * to nearest; the others are exact. Returns their number, or the index of the first one that is
 * finite and too large for a float. */
size_t lyrnn_tensor_to_floats(const lyrnn_tensor *tensor, float *values);

#endif
