/* Reads safetensors files; lyrnn/safetensors.h describes the format.
 *
 * The reader holds the file's bytes once and its header as jansson's tree. It checks every rule of
 * the format before it uses a number from the header, so a hostile file can make it neither
 * allocate nor read more than the file's own size justifies. Tensors and strings point into those
 * two. */
#include "lyrnn/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/open_file.h"
#include "base/remedy.h"
#include "base/untrusted_json.h"
#include "base/xxh128.h"
#include "files/other_formats.h"
#include "files/safetensors_format.h"

enum { LENGTH_BYTES = 8 };

typedef struct {
    char text[64];
} shown_name;

/* Truncates a string of the file to what fits into a one-line message. */
static shown_name shown(const char *name)
{
    shown_name result = {{0}};
    size_t length = strnlen(name, sizeof result.text - 1);
    while (length > 0 && ((unsigned char)name[length] & 0xC0) == 0x80)
        length--;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        result.text[i] = (char)(c < 0x20 || c == 0x7F ? '?' : c);
    }
    return result;
}

#define REMEDY "give an undamaged safetensors file"

/* Fails with "OBJECT: tensor 'NAME' PROBLEM; REMEDY". */
static lyrnn_status bad_tensor(const char *object, const char *name, const char *problem)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: tensor '%s' %s; " REMEDY, object, shown(name).text,
                      problem);
}

static bool read_size(const json_t *value, size_t *size)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *size = (size_t)json_integer_value(value);
    return true;
}

static lyrnn_status read_shape(const char *object, const json_t *shape, lyrnn_tensor *tensor)
{
    if (!json_is_array(shape))
        return bad_tensor(object, tensor->name, "has no shape");
    size_t num_dims = json_array_size(shape);
    if (num_dims > LYRNN_TENSOR_MAX_DIMS)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: tensor '%s' has %zu dimensions; lyrnn reads up to %d", object,
                          shown(tensor->name).text, num_dims, LYRNN_TENSOR_MAX_DIMS);
    tensor->num_dims = (int)num_dims;
    for (size_t i = 0; i < num_dims; i++)
        if (!read_size(json_array_get(shape, i), &tensor->shape[i]))
            return bad_tensor(object, tensor->name, "has a shape that is not whole numbers");
    return LYRNN_OK;
}

/* Reads one entry of the header. The data section has num_data_bytes. It starts at byte data_start
 * of the file, and in memory at `data`. */
static lyrnn_status read_tensor(const char *object, const json_t *entry, const unsigned char *data,
                                size_t data_start, size_t num_data_bytes, lyrnn_tensor *tensor)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t begin, end, num_bytes;

    if (dtype == NULL)
        return bad_tensor(object, tensor->name, "has no dtype");
    size_t element_bytes = safetensors_dtype_bytes(dtype);
    if (element_bytes == 0)
        return bad_tensor(object, tensor->name, "has an unknown dtype");
    tensor->dtype = dtype;
    LYRNN_TRY(read_shape(object, json_object_get(entry, "shape"), tensor));
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end))
        return bad_tensor(object, tensor->name, "has data_offsets that are not two whole numbers");
    if (end < begin)
        return bad_tensor(object, tensor->name, "ends before it begins");
    if (end > num_data_bytes)
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE,
            "%s: tensor '%s' ends at byte %zu but the file has %zu; the file is truncated, copy "
            "it again",
            object, shown(tensor->name).text, data_start + end, data_start + num_data_bytes);
    if (!safetensors_tensor_bytes(tensor->shape, tensor->num_dims, element_bytes, &num_bytes))
        return bad_tensor(object, tensor->name, "has a shape whose size overflows");
    if (num_bytes != end - begin)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: tensor '%s' has %zu bytes where its shape takes %zu; " REMEDY,
                          object, shown(tensor->name).text, end - begin, num_bytes);
    tensor->data = data + begin;
    tensor->num_bytes = num_bytes;
    return LYRNN_OK;
}

/* Orders tensors by position. An empty tensor comes before the one that begins at the same byte. */
static int compare_tensors(const void *left, const void *right)
{
    const lyrnn_tensor *a = left, *b = right;
    uintptr_t a_begin = (uintptr_t)a->data, b_begin = (uintptr_t)b->data;
    if (a_begin != b_begin)
        return a_begin < b_begin ? -1 : 1;
    if (a->num_bytes != b->num_bytes)
        return a->num_bytes < b->num_bytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Sorts the tensors and checks that they cover the data section without gaps or overlaps. */
static lyrnn_status check_contiguous(const char *object, lyrnn_safetensors *file,
                                     size_t num_data_bytes)
{
    const unsigned char *expected = file->bytes, *data_end = expected + num_data_bytes;
    if (file->num_tensors > 0)
        qsort(file->tensors, file->num_tensors, sizeof *file->tensors, compare_tensors);
    for (size_t i = 0; i < file->num_tensors; i++) {
        const lyrnn_tensor *tensor = &file->tensors[i];
        if (tensor->data != expected)
            return bad_tensor(object, tensor->name,
                              "does not begin where the tensor before it ends");
        expected += tensor->num_bytes;
    }
    if (expected != data_end)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: %zu bytes after the last tensor belong to no tensor; the file is "
                          "damaged, copy it again",
                          object, (size_t)(data_end - expected));
    return LYRNN_OK;
}

static lyrnn_status read_tensor_entries(const char *object, lyrnn_safetensors *file,
                                        size_t data_start, size_t num_data_bytes)
{
    json_t *header = file->header, *entry;
    const char *name;
    size_t max_num = json_object_size(header) + 1;
    file->tensors = calloc(max_num, sizeof *file->tensors);
    if (file->tensors == NULL)
        return lyrnn_out_of_memory(object, max_num * sizeof *file->tensors, "close other programs");
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, SAFETENSORS_METADATA_KEY) == 0)
            continue;
        lyrnn_tensor *tensor = &file->tensors[file->num_tensors++];
        tensor->name = name;
        LYRNN_TRY(read_tensor(object, entry, file->bytes, data_start, num_data_bytes, tensor));
    }
    return check_contiguous(object, file, num_data_bytes);
}

static lyrnn_status read_metadata_entries(const char *object, lyrnn_safetensors *file)
{
    json_t *metadata = json_object_get(file->header, SAFETENSORS_METADATA_KEY), *value;
    const char *key;
    if (metadata == NULL)
        return LYRNN_OK;
    if (!json_is_object(metadata))
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: __metadata__ is not an object; " REMEDY,
                          object);
    size_t max_num = json_object_size(metadata) + 1;
    file->metadata = calloc(max_num, sizeof *file->metadata);
    if (file->metadata == NULL)
        return lyrnn_out_of_memory(object, max_num * sizeof *file->metadata,
                                   "close other programs");
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                              "%s: __metadata__ '%s' is not a string; " REMEDY, object,
                              shown(key).text);
        file->metadata[file->num_metadata++] = (lyrnn_metadata){key, json_string_value(value)};
    }
    return LYRNN_OK;
}

static lyrnn_status parse_header(const char *object, lyrnn_safetensors *file, const char *json,
                                 size_t num_bytes)
{
    untrusted_json_error error;
    file->header = untrusted_json_parse(json, num_bytes, &error);
    if (file->header != NULL)
        return LYRNN_OK;
    if (error.problem == NULL)
        return lyrnn_out_of_memory(object, 0, "close other programs");
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: the header %s (byte %d); " REMEDY, object,
                      error.problem, LENGTH_BYTES + error.byte);
}

/* Checks the length of the header, N, and its first byte. */
static lyrnn_status check_header_length(const char *object, const unsigned char *bytes,
                                        size_t num_bytes, uint64_t N)
{
    if (N > SAFETENSORS_MAX_HEADER_BYTES)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: is not a safetensors file, or is damaged: its header claims %llu "
                          "bytes, and the format allows %d; " REMEDY,
                          object, (unsigned long long)N, SAFETENSORS_MAX_HEADER_BYTES);
    if (N > num_bytes - LENGTH_BYTES)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: the header ends at byte %zu but the file has %zu; the file is "
                          "truncated, copy it again",
                          object, (size_t)N + LENGTH_BYTES, num_bytes);
    if (N == 0 || bytes[LENGTH_BYTES] != '{')
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE, "%s: the header does not begin with '{'; " REMEDY,
                          object);
    return LYRNN_OK;
}

/* Returns the value of the metadata's checksum, or NULL if there is none. It is found by its key or
 * by its value, so that a flipped bit in either does not hide it. All values are strings. */
static const char *find_checksum(const lyrnn_safetensors *file)
{
    json_t *value;
    const char *key;
    json_object_foreach(json_object_get(file->header, SAFETENSORS_METADATA_KEY), key, value)
    {
        const char *text = json_string_value(value);
        if (strcmp(key, SAFETENSORS_CHECKSUM_KEY) == 0 ||
            strncmp(text, SAFETENSORS_CHECKSUM_PREFIX, strlen(SAFETENSORS_CHECKSUM_PREFIX)) == 0)
            return text;
    }
    return NULL;
}

/* Whether a checksum is that of the num_bytes in file->bytes, whose header is still in place. */
static bool is_checksum_right(const lyrnn_safetensors *file, const char *checksum, size_t num_bytes)
{
    const size_t prefix = strlen(SAFETENSORS_CHECKSUM_PREFIX);
    char digits[LYRNN_XXH128_DIGITS + 1];
    if (strlen(checksum) != prefix + LYRNN_XXH128_DIGITS ||
        strncmp(checksum, SAFETENSORS_CHECKSUM_PREFIX, prefix) != 0)
        return false;
    checksum += prefix;
    const char *bytes = file->bytes, *end = bytes + num_bytes;
    const char *found = memmem(bytes, num_bytes, checksum, LYRNN_XXH128_DIGITS);
    if (found == NULL)
        return false;
    const char *rest = found + LYRNN_XXH128_DIGITS;
    const lyrnn_byte_range ranges[] = {{bytes, (size_t)(found - bytes)},
                                       {SAFETENSORS_CHECKSUM_ZEROS, LYRNN_XXH128_DIGITS},
                                       {rest, (size_t)(end - rest)}};
    lyrnn_xxh128(ranges, sizeof ranges / sizeof ranges[0], digits);
    return strcmp(digits, checksum) == 0;
}

static lyrnn_status refuse_checksum(const char *object)
{
    return lyrnn_fail(LYRNN_ERR_DAMAGED,
                      "%s: its bytes do not match its checksum, so it is damaged; use another copy "
                      "or checkpoint (or, if a program changed it on purpose, remove "
                      "\"" SAFETENSORS_CHECKSUM_KEY "\" from its __metadata__)",
                      object);
}

/* Parses the num_bytes of content in file->bytes. The data section moves to the start of that
 * buffer, so that its alignment does not depend on the length of the header. */
static lyrnn_status parse_content(lyrnn_safetensors *file, const char *object, size_t num_bytes)
{
    unsigned char *bytes = file->bytes;
    uint64_t N = 0;
    if (num_bytes >= LENGTH_BYTES)
        memcpy(&N, bytes, LENGTH_BYTES);
    if (num_bytes <= LENGTH_BYTES || N > num_bytes - LENGTH_BYTES || bytes[LENGTH_BYTES] != '{')
        LYRNN_TRY(refuse_other_format(object, bytes, num_bytes));
    if (num_bytes < LENGTH_BYTES)
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE,
            "%s: the file has %zu bytes, fewer than the %d of the header's length; the "
            "file is truncated, copy it again",
            object, num_bytes, LENGTH_BYTES);
    LYRNN_TRY(check_header_length(object, bytes, num_bytes, N));
    LYRNN_TRY(parse_header(object, file, (const char *)bytes + LENGTH_BYTES, (size_t)N));

    LYRNN_TRY(read_metadata_entries(object, file));
    const char *checksum = find_checksum(file);
    bool is_right = checksum == NULL || is_checksum_right(file, checksum, num_bytes);

    size_t data_start = LENGTH_BYTES + (size_t)N, num_data_bytes = num_bytes - data_start;
    memmove(bytes, bytes + data_start, num_data_bytes);
    /* A rule of the format that is broken says more than a wrong checksum, so it comes first. */
    LYRNN_TRY(read_tensor_entries(object, file, data_start, num_data_bytes));
    return is_right ? LYRNN_OK : refuse_checksum(object);
}

static lyrnn_status read_all(const char *path, int fd, void *bytes, size_t num_bytes)
{
    for (size_t done = 0; done < num_bytes;) {
        ssize_t n = read(fd, (unsigned char *)bytes + done, num_bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot read: %s; %s", path, strerror(errno),
                              lyrnn_remedy(errno));
        if (n == 0)
            return lyrnn_fail(LYRNN_ERR_IO, "%s: it shrank while it was read; try again", path);
        done += (size_t)n;
    }
    return LYRNN_OK;
}

static lyrnn_status allocate_bytes(lyrnn_safetensors *file, const char *object, size_t num_bytes)
{
    LYRNN_TRY(lyrnn_require_memory(object, num_bytes + 1, "close other programs"));
    file->bytes = malloc(num_bytes + 1);
    if (file->bytes == NULL)
        return lyrnn_out_of_memory(object, num_bytes, "close other programs");
    return LYRNN_OK;
}

static lyrnn_status read_and_parse(lyrnn_safetensors *file, const char *path, int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot read: %s; %s", path, strerror(errno),
                          lyrnn_remedy(errno));
    size_t num_bytes = (size_t)info.st_size;
    LYRNN_TRY(allocate_bytes(file, path, num_bytes));
    LYRNN_TRY(read_all(path, fd, file->bytes, num_bytes));
    return parse_content(file, path, num_bytes);
}

lyrnn_status lyrnn_safetensors_open(lyrnn_safetensors *file, const char *path)
{
    int fd;
    memset(file, 0, sizeof *file);
    LYRNN_TRY(lyrnn_open_file(path, &fd));
    lyrnn_status status = read_and_parse(file, path, fd);
    close(fd);
    if (status != LYRNN_OK)
        lyrnn_safetensors_close(file);
    return status;
}

lyrnn_status lyrnn_safetensors_parse(lyrnn_safetensors *file, const char *object, const void *bytes,
                                     size_t num_bytes)
{
    memset(file, 0, sizeof *file);
    LYRNN_TRY(allocate_bytes(file, object, num_bytes));
    if (num_bytes > 0)
        memcpy(file->bytes, bytes, num_bytes);
    lyrnn_status status = parse_content(file, object, num_bytes);
    if (status != LYRNN_OK)
        lyrnn_safetensors_close(file);
    return status;
}

void lyrnn_safetensors_close(lyrnn_safetensors *file)
{
    free(file->tensors);
    free(file->metadata);
    json_decref(file->header);
    free(file->bytes);
    memset(file, 0, sizeof *file);
}

const lyrnn_tensor *lyrnn_safetensors_tensor(const lyrnn_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->num_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *lyrnn_safetensors_metadata(const lyrnn_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->num_metadata; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}
