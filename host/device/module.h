/* What the two sides of liblyrnn_cuda.so agree on: load.c in the program, entry.c in the module. */
#ifndef LYRNN_CUDA_MODULE_H
#define LYRNN_CUDA_MODULE_H

#include "lyrnn/backend.h"

/* The program's functions of status.h, which the module calls in place of its own: a thread then has one
 * error text, on whichever side a failure is found. */
typedef struct {
    lyrnn_status (*fail)(lyrnn_status status, const char *format, ...) LYRNN_PRINTF(2, 3);
    const char *(*error_text)(void);
    LYRNN_NORETURN void (*check_failed)(const char *condition, const char *file, int line);
} lyrnn_cuda_program;

/* What the module exports, under the name lyrnn_cuda_module and no other. The seam is the LYRNN_SEAM that it was
 * compiled with, lyrnn's version and a digest of the headers that both sides share; before anything else is
 * touched, it has to be found equal to the program's. */
typedef struct {
    const char *seam;
    lyrnn_status (*open)(const lyrnn_cuda_program *program, int device, lyrnn_precision precision,
                         lyrnn_backend *backend);
} lyrnn_cuda_entry;

#endif
