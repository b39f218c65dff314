/* Writes safetensors files. jansson writes the header, in the caller's order and with non-ASCII
 * characters unescaped. The caller's arrays follow the header. The writer never replaces an
 * existing file, and it removes a file that it could not complete. */
#include "lyrnn/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/remedy.h"
#include "files/safetensors_format.h"

/* Adds `value` under `key`, which must not exist yet. Takes over the reference to `value`. */
static bool put(json_t *object, const char *key, json_t *value)
{
    LYRNN_CHECK(json_object_get(object, key) == NULL);
    return json_object_set_new(object, key, value) == 0;
}

static json_t *tensor_entry(const lyrnn_tensor *tensor, size_t begin)
{
    size_t num_bytes = 0;
    LYRNN_CHECK(tensor->num_dims >= 0 && tensor->num_dims <= LYRNN_TENSOR_MAX_DIMS);
    LYRNN_CHECK(safetensors_tensor_bytes(tensor->shape, tensor->num_dims,
                                         safetensors_dtype_bytes(tensor->dtype), &num_bytes) &&
                num_bytes == tensor->num_bytes);
    json_t *shape = json_array();
    for (int i = 0; i < tensor->num_dims; i++) {
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", tensor->dtype, "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)begin + (json_int_t)num_bytes);
}

/* Returns the metadata as a new JSON object, or NULL if memory runs out. */
static json_t *metadata_to_json(const lyrnn_metadata *metadata, size_t num)
{
    json_t *strings = json_object();
    for (size_t i = 0; i < num; i++) {
        if (!put(strings, metadata[i].key, json_string(metadata[i].value))) {
            json_decref(strings);
            return NULL;
        }
    }
    return strings;
}

static bool put_tensors(json_t *header, const lyrnn_tensor *tensors, size_t num)
{
    size_t begin = 0;
    for (size_t i = 0; i < num; i++) {
        if (!put(header, tensors[i].name, tensor_entry(&tensors[i], begin)))
            return false;
        begin += tensors[i].num_bytes;
    }
    return true;
}

/* Returns the header as a string that the caller frees, or NULL if memory runs out. */
static char *header_to_json(const lyrnn_metadata *metadata, size_t num_metadata,
                            const lyrnn_tensor *tensors, size_t num_tensors)
{
    json_t *header = json_object();
    bool is_complete = (num_metadata == 0 || put(header, SAFETENSORS_METADATA_KEY,
                                                 metadata_to_json(metadata, num_metadata))) &&
                       put_tensors(header, tensors, num_tensors);
    char *text = is_complete ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

static bool write_all(int fd, const void *bytes, size_t num_bytes)
{
    for (size_t done = 0; done < num_bytes;) {
        ssize_t n = write(fd, (const unsigned char *)bytes + done, num_bytes - done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n < 0 ? 0 : (size_t)n;
    }
    return true;
}

static bool write_content(int fd, const char *header, const lyrnn_tensor *tensors,
                          size_t num_tensors)
{
    static const char spaces[SAFETENSORS_ALIGNMENT] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    size_t length = strlen(header);
    size_t padding =
        (SAFETENSORS_ALIGNMENT - length % SAFETENSORS_ALIGNMENT) % SAFETENSORS_ALIGNMENT;
    uint64_t N = length + padding;
    LYRNN_CHECK(N <= SAFETENSORS_MAX_HEADER_BYTES);
    if (!write_all(fd, &N, sizeof N) || !write_all(fd, header, length) ||
        !write_all(fd, spaces, padding))
        return false;
    for (size_t i = 0; i < num_tensors; i++)
        if (!write_all(fd, tensors[i].data, tensors[i].num_bytes))
            return false;
    return fsync(fd) == 0;
}

static lyrnn_status cannot(const char *what, const char *path, int error)
{
    return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot %s: %s; %s", path, what, strerror(error),
                      lyrnn_remedy(error));
}

static lyrnn_status write_file(const char *path, const char *header, const lyrnn_tensor *tensors,
                               size_t num_tensors)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return cannot("create", path, errno);
    int error = write_content(fd, header, tensors, num_tensors) ? 0 : errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0)
        return LYRNN_OK;
    unlink(path);
    return cannot("write", path, error);
}

lyrnn_status lyrnn_safetensors_write(const char *path, const lyrnn_metadata *metadata,
                                     size_t num_metadata, const lyrnn_tensor *tensors,
                                     size_t num_tensors)
{
    char *header = header_to_json(metadata, num_metadata, tensors, num_tensors);
    if (header == NULL)
        return lyrnn_out_of_memory(path, 0, "close other programs");
    lyrnn_status status = write_file(path, header, tensors, num_tensors);
    free(header);
    return status;
}
