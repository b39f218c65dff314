/* What liblyrnn_cuda.so exports: the contract between load.c, the program's side, and entry.c, the
 * module's side. */
#ifndef LYRNN_DEVICE_CUDA_MODULE_H
#define LYRNN_DEVICE_CUDA_MODULE_H

#include "lyrnn/backend.h"
#include "module/module.h"

/* The only name that the module exports is lyrnn_cuda_module. */
typedef struct {
    lyrnn_status (*open)(const lyrnn_module_program *program, int device, bool wraps,
                         lyrnn_precision precision, lyrnn_backend *backend);
} lyrnn_cuda_entry;

#endif
