/* Which backend a device's name stands for, and the check that its table is whole. */
#include "lyrnn/backend.h"

#include <string.h>

static void check_whole(const lyrnn_backend *backend)
{
#define LYRNN_MEMBER(name) LYRNN_CHECK(backend->name != NULL);
    LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
#define LYRNN_MEMBER(name, result, parameters) LYRNN_CHECK(backend->name != NULL);
    LYRNN_DEVICE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
}

lyrnn_status lyrnn_backend_open(const char *device, int num_threads, lyrnn_backend *backend)
{
    memset(backend, 0, sizeof *backend);
    if (strcmp(device, "cuda") == 0 || strncmp(device, "cuda:", 5) == 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "--device %s: this build has no CUDA backend; use --device cpu", device);
    if (strcmp(device, "auto") != 0 && strcmp(device, "cpu") != 0)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--device %s: must be auto, cpu, cuda or cuda:N",
                          device);
    LYRNN_TRY(lyrnn_cpu_backend_open(num_threads, backend));
    check_whole(backend);
    return LYRNN_OK;
}

void lyrnn_backend_close(lyrnn_backend *backend)
{
    if (backend->close != NULL)
        backend->close(backend);
    memset(backend, 0, sizeof *backend);
}
