/* What the fuzz targets need: files, memory and error texts. AddressSanitizer's hooks count the
 * memory, in requested bytes. */
#include "fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/allocator_interface.h>
#include <utf8proc.h>

#include "base/plain_text.h"
#include "lyrnn/status.h"

/* The hooks take no argument, so the state is global. Targets run on one thread. */
static struct {
    size_t now, most;
} memory;

static void count_malloc(const volatile void *pointer, size_t num_bytes)
{
    (void)pointer;
    memory.now += num_bytes;
    if (memory.now > memory.most)
        memory.most = memory.now;
}

static void count_free(const volatile void *pointer)
{
    size_t num_bytes = __sanitizer_get_allocated_size((const void *)pointer);
    memory.now -= num_bytes < memory.now ? num_bytes : memory.now;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    LYRNN_CHECK(__sanitizer_install_malloc_and_free_hooks(count_malloc, count_free) != 0);
    /* Makes each run of an input take the same path. */
    json_object_seed(1);
    return 0;
}

void fuzz_watch_memory(void)
{
    memory.now = memory.most = 0;
}

void fuzz_check_memory(size_t num_bytes, size_t multiple, size_t constant)
{
    if (memory.most <= multiple * num_bytes + constant)
        return;
    fprintf(stderr, "%zu bytes of input took %zu bytes of memory, more than %zu * %zu + %zu\n",
            num_bytes, memory.most, multiple, num_bytes, constant);
    abort();
}

void fuzz_write_file(const char *path, const void *bytes, size_t num_bytes)
{
    FILE *file = fopen(path, "wb");
    LYRNN_CHECK(file != NULL);
    LYRNN_CHECK(fwrite(bytes, 1, num_bytes, file) == num_bytes);
    LYRNN_CHECK(fclose(file) == 0);
}

uint8_t *fuzz_frame_safetensors(const void *header, size_t header_bytes, const void *data,
                                size_t data_bytes, size_t *num_bytes)
{
    uint64_t N = header_bytes;
    *num_bytes = sizeof N + header_bytes + data_bytes;
    uint8_t *file = malloc(*num_bytes);
    LYRNN_CHECK(file != NULL);
    memcpy(file, &N, sizeof N);
    memcpy(file + sizeof N, header, header_bytes);
    if (data_bytes > 0)
        memcpy(file + sizeof N + header_bytes, data, data_bytes);
    return file;
}

void fuzz_check_error_line(void)
{
    const char *text = lyrnn_error_text();
    LYRNN_CHECK(*text != '\0');
    while (*text != '\0') {
        utf8proc_int32_t c;
        utf8proc_ssize_t num_bytes = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &c);
        LYRNN_CHECK(num_bytes > 0 && lyrnn_is_plain((uint32_t)c));
        text += num_bytes;
    }
}

void fuzz_check_error_text(const char *object)
{
    const char *text = lyrnn_error_text();
    size_t length = strlen(object);
    LYRNN_CHECK(strncmp(text, object, length) == 0 && strncmp(text + length, ": ", 2) == 0);
    fuzz_check_error_line();
}
