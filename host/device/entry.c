/* The module's side of the CUDA backend: the one name that liblyrnn_cuda.so exports, and its
 * version. The code of cuda/ calls the functions of status.h. The versions here pass each call on
 * to the program, so that a thread has one error text. */
#include <stdarg.h>
#include <stdio.h>

#include "device/module.h"

/* Each call of open_backend stores the same pointer, because a process has only one program. */
static const lyrnn_cuda_program *program;

/* status.h makes lyrnn_fail a macro for Clang's analyzer. This file defines the function. */
#undef lyrnn_fail
lyrnn_status lyrnn_fail(lyrnn_status status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return program->fail(status, "%s", text);
}

const char *lyrnn_error_text(void)
{
    return program->error_text();
}

void lyrnn_check_failed(const char *condition, const char *file, int line)
{
    program->check_failed(condition, file, line);
}

static lyrnn_status open_backend(const lyrnn_cuda_program *opener, int device,
                                 lyrnn_precision precision, lyrnn_backend *backend)
{
    program = opener;
    return lyrnn_cuda_backend_open(device, precision, backend);
}

extern const lyrnn_cuda_entry lyrnn_cuda_module;
__attribute__((visibility("default"))) const lyrnn_cuda_entry lyrnn_cuda_module = {
    .open = open_backend,
};

extern const lyrnn_seam_note lyrnn_seam;
__attribute__((section(LYRNN_SEAM_SECTION), aligned(4), used)) const lyrnn_seam_note lyrnn_seam = {
    .owner_size = sizeof LYRNN_SEAM_OWNER,
    .seam_size = sizeof lyrnn_seam.seam,
    .type = 1,
    .owner = LYRNN_SEAM_OWNER,
    .seam = LYRNN_SEAM,
};
