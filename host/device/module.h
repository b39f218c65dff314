/* The contract between the program (load.c) and liblyrnn_cuda.so (entry.c). */
#ifndef LYRNN_CUDA_MODULE_H
#define LYRNN_CUDA_MODULE_H

#include "lyrnn/backend.h"

/* The program's functions of status.h. The module calls them instead of its own, so that a thread
 * has a single error text, whichever side finds a failure. */
typedef struct {
    lyrnn_status (*fail)(lyrnn_status status, const char *format, ...) LYRNN_PRINTF(2, 3);
    const char *(*error_text)(void);
    LYRNN_NORETURN void (*check_failed)(const char *condition, const char *file, int line);
} lyrnn_cuda_program;

/* What the module exports; its only name is lyrnn_cuda_module. `seam` is the LYRNN_SEAM that the
 * module was compiled with: lyrnn's version and a digest of the headers that both sides share. The
 * program compares it with its own before it uses anything else. */
typedef struct {
    const char *seam;
    lyrnn_status (*open)(const lyrnn_cuda_program *program, int device, lyrnn_precision precision,
                         lyrnn_backend *backend);
} lyrnn_cuda_entry;

#endif
