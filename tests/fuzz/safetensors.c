/* Fuzzes the reader and the writer of safetensors files. Any bytes are refused in one line or read,
 * with memory bounded by their number. What was read can be written, and is equal when it is read
 * back.
 *
 * An input is a file or, if it begins with '{', a line with a header followed by the data. The
 * header's length is put before it, so that changes to a header pass the first rule. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "lyrnn/safetensors.h"

enum { MEMORY_MULTIPLE = 48, MEMORY_CONSTANT = 4096 };

static void check_equal_tensors(const lyrnn_tensor *a, const lyrnn_tensor *b)
{
    LYRNN_CHECK(strcmp(a->name, b->name) == 0);
    LYRNN_CHECK(strcmp(a->dtype, b->dtype) == 0);
    LYRNN_CHECK(a->num_dims == b->num_dims);
    LYRNN_CHECK(memcmp(a->shape, b->shape, sizeof a->shape) == 0);
    LYRNN_CHECK(a->num_bytes == b->num_bytes);
    LYRNN_CHECK(memcmp(a->data, b->data, a->num_bytes) == 0);
}

/* b was written with the content of a, and has its own checksum as the last of its metadata. */
static void check_equal(const lyrnn_safetensors *a, const lyrnn_safetensors *b)
{
    size_t num = 0;
    for (size_t i = 0; i < a->num_metadata; i++) {
        if (strcmp(a->metadata[i].key, "lyrnn_checksum") == 0)
            continue;
        LYRNN_CHECK(num < b->num_metadata);
        LYRNN_CHECK(strcmp(a->metadata[i].key, b->metadata[num].key) == 0);
        LYRNN_CHECK(strcmp(a->metadata[i].value, b->metadata[num++].value) == 0);
    }
    LYRNN_CHECK(b->num_metadata == num + 1);
    LYRNN_CHECK(a->num_tensors == b->num_tensors);
    for (size_t i = 0; i < a->num_tensors; i++)
        check_equal_tensors(&a->tensors[i], &b->tensors[i]);
}

static void check_lookups(const lyrnn_safetensors *file)
{
    for (size_t i = 0; i < file->num_tensors; i++)
        LYRNN_CHECK(lyrnn_safetensors_tensor(file, file->tensors[i].name) == &file->tensors[i]);
    for (size_t i = 0; i < file->num_metadata; i++)
        LYRNN_CHECK(lyrnn_safetensors_metadata(file, file->metadata[i].key) ==
                    file->metadata[i].value);
}

static void write_and_read_again(const lyrnn_safetensors *file)
{
    lyrnn_safetensors again;
    unlink("written");
    LYRNN_CHECK(lyrnn_safetensors_write("written", file->metadata, file->num_metadata,
                                        file->tensors, file->num_tensors) == LYRNN_OK);
    LYRNN_CHECK(lyrnn_safetensors_open(&again, "written") == LYRNN_OK);
    check_equal(file, &again);
    lyrnn_safetensors_close(&again);
}

static void read_file(const uint8_t *bytes, size_t num_bytes)
{
    lyrnn_safetensors file;
    fuzz_watch_memory();
    lyrnn_status status = lyrnn_safetensors_parse(&file, "input", bytes, num_bytes);
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    if (status == LYRNN_OK) {
        check_lookups(&file);
        write_and_read_again(&file);
    } else {
        LYRNN_CHECK(status == LYRNN_ERR_MODEL_FILE || status == LYRNN_ERR_DAMAGED);
        fuzz_check_error_text("input");
    }
    lyrnn_safetensors_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    if (num_bytes == 0 || bytes[0] != '{') {
        read_file(bytes, num_bytes);
        return 0;
    }
    const uint8_t *newline = memchr(bytes, '\n', num_bytes);
    size_t header_bytes = newline != NULL ? (size_t)(newline - bytes) : num_bytes;
    size_t data_start = newline != NULL ? header_bytes + 1 : num_bytes;
    size_t file_bytes;
    uint8_t *file = fuzz_frame_safetensors(bytes, header_bytes, bytes + data_start,
                                           num_bytes - data_start, &file_bytes);
    read_file(file, file_bytes);
    free(file);
    return 0;
}
