/* What the reader and the writer of safetensors files have in common. */
#ifndef LYRNN_SAFETENSORS_FORMAT_H
#define LYRNN_SAFETENSORS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor data is little-endian");

#define SAFETENSORS_METADATA_KEY "__metadata__"
enum { SAFETENSORS_ALIGNMENT = 8, SAFETENSORS_MAX_HEADER_BYTES = 100000000 };

/* Bytes of one element; 0 for a name that is no dtype of whole bytes. */
size_t safetensors_dtype_bytes(const char *dtype);

/* product(shape) * bytes of an element; false where that overflows. */
bool safetensors_tensor_bytes(const size_t *shape, int num_dims, size_t element_bytes,
                              size_t *num_bytes);

#endif
