/* Replaces the code of cuda/ in a liblyrnn_cuda.so, without a device: only what a backend answers
 * before the first operation. Device 0 opens, but has no memory. Device 1 does not open. Device 2
 * finds a defect in lyrnn. */
#include <stdio.h>
#include <string.h>

#include "lyrnn/backend.h"

/* The code of a module that does not fit must not run, not even to load it. */
__attribute__((constructor)) static void announce(void)
{
    if (strcmp(LYRNN_SEAM, "0.0.9-other") == 0)
        fputs("a module of another version was loaded\n", stderr);
}

static lyrnn_status memory_alloc(lyrnn_backend *self, size_t bytes, void **memory)
{
    (void)self;
    (void)memory;
    return lyrnn_fail(LYRNN_ERR_MEMORY, "device memory: %zu bytes requested, 0 free", bytes);
}

static void memory_free(lyrnn_backend *self, void *memory)
{
    (void)self;
    LYRNN_CHECK(memory == NULL);
}

static void describe(lyrnn_backend *self, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "the stand-in");
}

static void close_backend(lyrnn_backend *self)
{
    (void)self;
}

/* Fills the other entries of the table. Nothing calls it. */
static void unused(void)
{
    LYRNN_CHECK(false);
}

lyrnn_status lyrnn_cuda_backend_open(int device, bool wraps, lyrnn_precision precision,
                                     lyrnn_backend *backend)
{
    (void)wraps;
    (void)precision;
    LYRNN_CHECK(device != 2);
    if (device != 0) {
        lyrnn_fail(LYRNN_ERR_UNSUPPORTED, "the stand-in has no such device");
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED, "cuda:%d: %s; use another", device,
                          lyrnn_error_text());
    }
    memset(backend, 0, sizeof *backend);
    backend->name = "cuda";
    backend->num_lanes = 1;
    backend->row_multiple = 1;
#define LYRNN_MEMBER(name)                                                                         \
    backend->name = (void (*)(lyrnn_backend *, const lyrnn_##name##_args *))unused;
    LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
#define LYRNN_MEMBER(name, result, parameters) backend->name = (result(*) parameters)unused;
    LYRNN_DEVICE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
    backend->memory_alloc = memory_alloc;
    backend->memory_free = memory_free;
    backend->describe = describe;
    backend->close = close_backend;
    return LYRNN_OK;
}
