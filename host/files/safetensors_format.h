/* What the reader and the writer of safetensors files share: the sizes that the format fixes, and
 * the names of the checksum. */
#ifndef LYRNN_SAFETENSORS_FORMAT_H
#define LYRNN_SAFETENSORS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor data is little-endian");

#define SAFETENSORS_METADATA_KEY "__metadata__"

/* lyrnn/safetensors.h defines the checksum. Its value begins with a prefix that no other value has,
 * so that a flipped bit in the key does not hide it. */
#define SAFETENSORS_CHECKSUM_KEY    "lyrnn_checksum"
#define SAFETENSORS_CHECKSUM_PREFIX "xxh128:"
#define SAFETENSORS_CHECKSUM_ZEROS  "00000000000000000000000000000000"
enum { SAFETENSORS_ALIGNMENT = 8, SAFETENSORS_MAX_HEADER_BYTES = 100000000 };

/* Returns the bytes of one element, or 0 if the name is not a dtype of whole bytes. */
size_t safetensors_dtype_bytes(const char *dtype);

/* Sets *num_bytes to product(shape) * element_bytes; false if that overflows. */
bool safetensors_tensor_bytes(const size_t *shape, int num_dims, size_t element_bytes,
                              size_t *num_bytes);

#endif
