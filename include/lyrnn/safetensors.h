/* Reads and writes the safetensors format, trusting no file.
 *
 *     u64 little-endian N | N bytes of JSON, '{' first, padded with spaces to a multiple of 8 | data
 *
 * The JSON maps a tensor's name to {"dtype","shape","data_offsets":[begin,end]}, and "__metadata__" to
 * an object of strings. Reading holds no more memory than a small multiple of the file's size. */
#ifndef LYRNN_SAFETENSORS_H
#define LYRNN_SAFETENSORS_H

#include <stddef.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LYRNN_TENSOR_MAX_DIMS = 8 };

typedef struct {
    const char *name;  /* UTF-8 */
    const char *dtype; /* "F32", "BF16", ... */
    int num_dims;
    size_t shape[LYRNN_TENSOR_MAX_DIMS];
    const void *data; /* num_bytes; those read stand without gaps, the first aligned for any type */
    size_t num_bytes;
} lyrnn_tensor;

typedef struct {
    const char *key, *value; /* UTF-8 */
} lyrnn_metadata;

/* An open file; everything it points to lives until close. */
typedef struct {
    lyrnn_tensor *tensors; /* in the order of their data */
    size_t num_tensors;
    lyrnn_metadata *metadata;
    size_t num_metadata;
    void *header; /* the parsed JSON that the strings stand in */
    void *bytes;  /* the file's content */
} lyrnn_safetensors;

/* Reads a whole file. LYRNN_ERR_IO: it cannot be read. LYRNN_ERR_MODEL_FILE names the rule it breaks:
 * N over 100,000,000 or beyond the file; not UTF-8, not JSON, duplicate keys, not an object; metadata
 * that is not strings; an unknown dtype; more than LYRNN_TENSOR_MAX_DIMS dimensions; offsets not
 * contiguous from 0; a size that is not product(shape) * bytes, or overflows; trailing or missing bytes. */
lyrnn_status lyrnn_safetensors_open(lyrnn_safetensors *file, const char *path);
/* The same for bytes (copied) that object names in errors. */
lyrnn_status lyrnn_safetensors_parse(lyrnn_safetensors *file, const char *object, const void *bytes,
                                     size_t num_bytes);
/* A zeroed file is fine. */
void lyrnn_safetensors_close(lyrnn_safetensors *file);

/* The tensor or metadata value of a name, borrowed, or NULL. */
const lyrnn_tensor *lyrnn_safetensors_tensor(const lyrnn_safetensors *file, const char *name);
const char *lyrnn_safetensors_metadata(const lyrnn_safetensors *file, const char *key);

/* Writes a new file, flushed to the disk. The same arguments give the same bytes. LYRNN_ERR_IO when it
 * exists or cannot be written whole; the partial file is then removed. */
lyrnn_status lyrnn_safetensors_write(const char *path, const lyrnn_metadata *metadata,
                                     size_t num_metadata, const lyrnn_tensor *tensors,
                                     size_t num_tensors);

#ifdef __cplusplus
}
#endif
#endif
