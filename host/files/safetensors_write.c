/* Writes safetensors files: a header that jansson prints in the order given, non-ASCII characters as
 * they are, then the caller's arrays. Nothing that exists is touched, and nothing half-written stays. */
#include "lyrnn/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/remedy.h"
#include "files/safetensors_format.h"

/* Appends a new reference under a key that must be new. */
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

/* The header as a string to free, or NULL where memory does not suffice. */
static char *print_header(const lyrnn_metadata *metadata, size_t num_metadata,
                          const lyrnn_tensor *tensors, size_t num_tensors)
{
    char *text = NULL;
    json_t *header = json_object();
    json_t *strings = json_object();
    if (num_metadata > 0 && !put(header, SAFETENSORS_METADATA_KEY, json_incref(strings)))
        goto done;
    for (size_t i = 0; i < num_metadata; i++)
        if (!put(strings, metadata[i].key, json_string(metadata[i].value)))
            goto done;
    size_t begin = 0;
    for (size_t i = 0; i < num_tensors; i++) {
        if (!put(header, tensors[i].name, tensor_entry(&tensors[i], begin)))
            goto done;
        begin += tensors[i].num_bytes;
    }
    text = json_dumps(header, JSON_COMPACT);
done:
    json_decref(strings);
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

static bool write_file(int fd, const char *header, const lyrnn_tensor *tensors, size_t num_tensors)
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

lyrnn_status lyrnn_safetensors_write(const char *path, const lyrnn_metadata *metadata,
                                     size_t num_metadata, const lyrnn_tensor *tensors,
                                     size_t num_tensors)
{
    lyrnn_status status = LYRNN_OK;
    char *header = print_header(metadata, num_metadata, tensors, num_tensors);
    if (header == NULL)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "%s: not enough memory for its header", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        int error = errno;
        status = lyrnn_fail(LYRNN_ERR_IO, "%s: cannot create: %s; %s", path, strerror(error),
                            lyrnn_remedy(error));
        goto done;
    }
    bool written = write_file(fd, header, tensors, num_tensors);
    int reason = written ? 0 : errno;
    if (close(fd) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (!written) {
        unlink(path);
        status = lyrnn_fail(LYRNN_ERR_IO, "%s: cannot write: %s; %s", path, strerror(reason),
                            lyrnn_remedy(reason));
    }
done:
    free(header);
    return status;
}
