/* The module's side of the CUDA backend: the one name that liblyrnn_cuda.so exports. */
#include "device/cuda_module.h"

static lyrnn_status open_backend(const lyrnn_module_program *program, int device, bool wraps,
                                 lyrnn_precision precision, lyrnn_backend *backend)
{
    lyrnn_module_begin(program);
    return lyrnn_cuda_backend_open(device, wraps, precision, backend);
}

extern const lyrnn_cuda_entry lyrnn_cuda_module;
__attribute__((visibility("default"))) const lyrnn_cuda_entry lyrnn_cuda_module = {
    .open = open_backend,
};
