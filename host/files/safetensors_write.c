/* Writes safetensors files. jansson writes the header, in the caller's order and with non-ASCII
 * characters unescaped. The caller's arrays follow the header. The checksum is over bytes that are
 * all in memory, so it is known before the first one is written. The writer never replaces an
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
#include "base/xxh128.h"
#include "files/json_build.h"
#include "files/safetensors_format.h"

/* Adds `value` under `key`, which must not exist yet. Takes over the reference to `value`. */
static void put_new(json_t **object, const char *key, json_t *value)
{
    LYRNN_CHECK(json_object_get(*object, key) == NULL);
    json_put(object, key, value);
}

static json_t *tensor_entry(const lyrnn_tensor *tensor, size_t begin)
{
    size_t num_bytes = 0;
    LYRNN_CHECK(tensor->num_dims >= 0 && tensor->num_dims <= LYRNN_TENSOR_MAX_DIMS);
    LYRNN_CHECK(safetensors_tensor_bytes(tensor->shape, tensor->num_dims,
                                         safetensors_dtype_bytes(tensor->dtype), &num_bytes) &&
                num_bytes == tensor->num_bytes);
    json_t *shape = json_array();
    for (int i = 0; i < tensor->num_dims; i++)
        json_add(&shape, json_integer((json_int_t)tensor->shape[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", tensor->dtype, "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)begin + (json_int_t)num_bytes);
}

/* Returns the metadata as a new JSON object, or NULL if memory runs out. The last entry is the
 * checksum, whose digits are still 0. */
static json_t *metadata_to_json(const lyrnn_metadata *metadata, size_t num)
{
    json_t *strings = json_object();
    for (size_t i = 0; i < num; i++)
        if (strcmp(metadata[i].key, SAFETENSORS_CHECKSUM_KEY) != 0)
            put_new(&strings, metadata[i].key, json_string(metadata[i].value));
    put_new(&strings, SAFETENSORS_CHECKSUM_KEY,
            json_string(SAFETENSORS_CHECKSUM_PREFIX SAFETENSORS_CHECKSUM_ZEROS));
    return strings;
}

/* Returns the header as a string that the caller frees, or NULL if memory runs out. */
static char *header_to_json(const lyrnn_metadata *metadata, size_t num_metadata,
                            const lyrnn_tensor *tensors, size_t num_tensors)
{
    json_t *header = json_object();
    size_t begin = 0;
    put_new(&header, SAFETENSORS_METADATA_KEY, metadata_to_json(metadata, num_metadata));
    for (size_t i = 0; i < num_tensors; i++) {
        put_new(&header, tensors[i].name, tensor_entry(&tensors[i], begin));
        begin += tensors[i].num_bytes;
    }
    char *text = json_to_text(header, JSON_COMPACT);
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

/* The parts of the file in their order: N, the header, its padding and the tensors' data. */
enum { NUM_HEADER_PARTS = 3 };

typedef struct {
    uint64_t N;
    char *header;            /* owned */
    lyrnn_byte_range *parts; /* (num_parts), owned */
    size_t num_parts;
} file_content;

/* Lays out the parts. The content has a header, and is freed by the caller. Returns false if memory
 * runs out. */
static bool lay_out(file_content *content, const lyrnn_tensor *tensors, size_t num_tensors)
{
    static const char spaces[SAFETENSORS_ALIGNMENT] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    size_t length = strlen(content->header);
    size_t padding =
        (SAFETENSORS_ALIGNMENT - length % SAFETENSORS_ALIGNMENT) % SAFETENSORS_ALIGNMENT;
    content->N = length + padding;
    LYRNN_CHECK(content->N <= SAFETENSORS_MAX_HEADER_BYTES);
    content->num_parts = NUM_HEADER_PARTS + num_tensors;
    lyrnn_byte_range *parts = content->parts = calloc(content->num_parts, sizeof *parts);
    if (parts == NULL)
        return false;
    parts[0] = (lyrnn_byte_range){&content->N, sizeof content->N};
    parts[1] = (lyrnn_byte_range){content->header, length};
    parts[2] = (lyrnn_byte_range){spaces, padding};
    for (size_t i = 0; i < num_tensors; i++)
        parts[NUM_HEADER_PARTS + i] = (lyrnn_byte_range){tensors[i].data, tensors[i].num_bytes};
    return true;
}

/* Replaces the zeros of the checksum by its digits. */
static void set_checksum(file_content *content)
{
    static const char entry[] = "\"" SAFETENSORS_CHECKSUM_KEY "\":\"" SAFETENSORS_CHECKSUM_PREFIX;
    char digits[LYRNN_XXH128_DIGITS + 1];
    char *found = strstr(content->header, entry);
    LYRNN_CHECK(found != NULL);
    lyrnn_xxh128(content->parts, content->num_parts, digits);
    memcpy(found + sizeof entry - 1, digits, LYRNN_XXH128_DIGITS);
}

static bool write_content(int fd, const file_content *content)
{
    for (size_t i = 0; i < content->num_parts; i++)
        if (!write_all(fd, content->parts[i].data, content->parts[i].num_bytes))
            return false;
    return fsync(fd) == 0;
}

static lyrnn_status cannot(const char *what, const char *path, int error)
{
    return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot %s: %s; %s", path, what, strerror(error),
                      lyrnn_remedy(error));
}

static lyrnn_status write_file(const char *path, const file_content *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return cannot("create", path, errno);
    int error = write_content(fd, content) ? 0 : errno;
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
    file_content content = {.header = header_to_json(metadata, num_metadata, tensors, num_tensors)};
    lyrnn_status status;
    if (content.header != NULL && lay_out(&content, tensors, num_tensors)) {
        set_checksum(&content);
        status = write_file(path, &content);
    } else {
        status = lyrnn_out_of_memory(path, 0, "close other programs");
    }
    free(content.parts);
    free(content.header);
    return status;
}
