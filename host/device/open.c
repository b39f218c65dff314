/* Opens the backend for a device name (auto, cpu, cuda or cuda:N), and checks that its table of
 * operations is complete. This is where "auto" decides whether CUDA is used. */
#include "lyrnn/device.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cpu_check.h"

static void check_table(const lyrnn_backend *backend)
{
#define LYRNN_MEMBER(name) LYRNN_CHECK(backend->name != NULL);
    LYRNN_COMPUTE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
#define LYRNN_MEMBER(name, result, parameters) LYRNN_CHECK(backend->name != NULL);
    LYRNN_DEVICE_OPERATIONS(LYRNN_MEMBER)
#undef LYRNN_MEMBER
}

/* Opens the CUDA device of that name; "cuda" is that of the local rank. */
static lyrnn_status open_cuda(const char *device, int local_rank, lyrnn_precision precision,
                              lyrnn_backend *backend)
{
    char *end = NULL;
    long number = local_rank;
    bool is_named = strncmp(device, "cuda:", 5) == 0;
    if (is_named) {
        number = strtol(device + 5, &end, 10);
        if (end == device + 5 || *end != '\0' || number < 0 || number > INT_MAX)
            return lyrnn_fail(LYRNN_ERR_USAGE,
                              "--device %s: N in cuda:N must be the number of a device", device);
    }
    return lyrnn_cuda_backend_open((int)number, !is_named, precision, backend);
}

/* Why CUDA could not be opened, without the name in front, "cuda: ": the lines that repeat the
 * reason name CUDA themselves. */
static const char *why_not_cuda(void)
{
    const char *text = lyrnn_error_text(), *reason = strstr(text, ": ");
    return strncmp(text, "cuda", 4) == 0 && reason != NULL ? reason + 2 : text;
}

/* Fails because only CUDA has this precision. Repeats `reason` up to its ';': the rest advises
 * another device, which does not help here. `reason` may be empty. */
static lyrnn_status precision_without_cuda(const char *reason)
{
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                      "--precision: the CPU only computes in fp32%s%.*s; use --precision fp32",
                      reason[0] != '\0' ? ", and there is no CUDA device: " : "",
                      (int)strcspn(reason, ";"), reason);
}

lyrnn_status lyrnn_backend_open_local(const char *device, int local_rank, int num_threads,
                                      lyrnn_precision precision, lyrnn_backend *backend)
{
    bool any = strcmp(device, "auto") == 0;
    memset(backend, 0, sizeof *backend);
    if (any || strcmp(device, "cuda") == 0 || strncmp(device, "cuda:", 5) == 0) {
        lyrnn_status status = open_cuda(any ? "cuda" : device, local_rank, precision, backend);
        backend->precision = precision;
        if (status == LYRNN_OK)
            check_table(backend);
        if (status == LYRNN_OK || !any)
            return status;
    } else if (strcmp(device, "cpu") != 0) {
        return lyrnn_fail(LYRNN_ERR_USAGE, "--device %s: must be auto, cpu, cuda or cuda:N",
                          device);
    }
    if (precision != LYRNN_FP32)
        return precision_without_cuda(any ? why_not_cuda() : "");
    LYRNN_TRY(lyrnn_check_cpu());
    LYRNN_TRY(lyrnn_cpu_backend_open(num_threads, backend));
    if (any)
        snprintf(backend->why_not_cuda, sizeof backend->why_not_cuda, "%s", why_not_cuda());
    check_table(backend);
    return LYRNN_OK;
}

lyrnn_status lyrnn_backend_open(const char *device, int num_threads, lyrnn_precision precision,
                                lyrnn_backend *backend)
{
    return lyrnn_backend_open_local(device, 0, num_threads, precision, backend);
}

int lyrnn_default_threads(void)
{
    return lyrnn_cpu_default_threads();
}

void lyrnn_backend_close(lyrnn_backend *backend)
{
    if (backend->close != NULL)
        backend->close(backend);
    memset(backend, 0, sizeof *backend);
}
