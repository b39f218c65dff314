/* Reads and writes safetensors files. The reader trusts no file.
 *
 *     u64 N, little-endian | N bytes of JSON, padded with spaces to a multiple of 8 | data
 *
 * The JSON begins with '{'. It maps a tensor's name to
 * {"dtype","shape","data_offsets":[begin,end]}, and "__metadata__" to an object of strings. Reading
 * takes at most a small multiple of the file's size in memory. Source:
 * https://github.com/huggingface/safetensors, section Format.
 *
 * A file that lyrnn writes has a checksum in __metadata__, which lyrnn checks whenever it reads the
 * file: "lyrnn_checksum" is "xxh128:" and 32 digits, the hash XXH3 with 128 bits of the whole file
 * in which these digits are zeros. In Python:
 *
 *     data = open(path, "rb").read()
 *     header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
 *     digits = header["__metadata__"]["lyrnn_checksum"].removeprefix("xxh128:").encode()
 *     zeroed = data.replace(digits, b"0" * 32, 1)
 *     assert xxhash.xxh3_128(zeroed).hexdigest().encode() == digits
 *
 * A file by another program has none, and is read as it is. A program that changes a file of lyrnn
 * must leave the checksum out. */
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
    /* num_bytes. The data of a file that was read has no gaps, and its start is aligned for any
     * type. */
    const void *data;
    size_t num_bytes;
} lyrnn_tensor;

typedef struct {
    const char *key, *value; /* UTF-8 */
} lyrnn_metadata;

/* A file that was read. Everything it points to lives until lyrnn_safetensors_close. */
typedef struct {
    lyrnn_tensor *tensors; /* in the order of their data */
    size_t num_tensors;
    lyrnn_metadata *metadata;
    size_t num_metadata;
    void *header; /* the parsed JSON, which owns the strings */
    void *bytes;  /* the file's content */
} lyrnn_safetensors;

/* Reads a whole file, which the caller closes; on failure it is zeroed. LYRNN_ERR_IO: it cannot be
 * read or is not a regular file. LYRNN_ERR_MEMORY. LYRNN_ERR_MODEL_FILE: it breaks a rule of the
 * format, which the text names:
 *   - N is at most 100,000,000 and the header ends within the file;
 *   - the header is a UTF-8 JSON object, and no key occurs twice;
 *   - the metadata are strings;
 *   - the dtype is known, and a tensor has at most LYRNN_TENSOR_MAX_DIMS dimensions;
 *   - the offsets start at 0 and leave no gaps;
 *   - a tensor's size is product(shape) * bytes per element, which does not overflow;
 *   - the last tensor ends where the file does.
 * LYRNN_ERR_DAMAGED: it keeps these rules, and its checksum is wrong. */
lyrnn_status lyrnn_safetensors_open(lyrnn_safetensors *file, const char *path);

/* Does the same for bytes (num_bytes, copied), which errors call `object`. */
lyrnn_status lyrnn_safetensors_parse(lyrnn_safetensors *file, const char *object, const void *bytes,
                                     size_t num_bytes);

/* Accepts a zeroed file. */
void lyrnn_safetensors_close(lyrnn_safetensors *file);

/* Returns the tensor, or the metadata value, of a name. It is borrowed, and NULL if there is
 * none. */
const lyrnn_tensor *lyrnn_safetensors_tensor(const lyrnn_safetensors *file, const char *name);
const char *lyrnn_safetensors_metadata(const lyrnn_safetensors *file, const char *key);

/* Writes a new file with its checksum and flushes it to the disk. The same arguments give the same
 * bytes. Names and keys occur once, and each num_bytes agrees with its shape and dtype. A checksum
 * among the metadata is left out, because the new file has its own. LYRNN_ERR_IO: the file
 * exists, or cannot be written completely; the incomplete file is removed. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_safetensors_write(const char *path, const lyrnn_metadata *metadata,
                                     size_t num_metadata, const lyrnn_tensor *tensors,
                                     size_t num_tensors);

#ifdef __cplusplus
}
#endif
#endif
