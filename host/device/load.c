/* The program's side of the CUDA backend: loads liblyrnn_cuda.so when a CUDA device is requested.
 *
 * If the backend were linked in, every command would load cuBLAS, on the CPU too: 200 MB and 0.2 s.
 * And the program would not start where the CUDA libraries are missing. */
#include <dlfcn.h>

#include "device/cuda_module.h"

lyrnn_status lyrnn_cuda_backend_open(int device, bool wraps, lyrnn_precision precision,
                                     lyrnn_backend *backend)
{
    static const lyrnn_module module = {.name = "liblyrnn_cuda.so",
                                        .entry = "lyrnn_cuda_module",
                                        .object = "cuda",
                                        .needs = "the CUDA libraries and a lyrnn built with nvcc",
                                        .instead = "use --device cpu"};
    const void *entry;
    /* The CUDA runtime would say so too, but only after cuBLAS was loaded. */
    if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) == NULL)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: there is no NVIDIA driver here; use --device cpu");
    LYRNN_TRY(lyrnn_module_load(&module, &entry));
    return ((const lyrnn_cuda_entry *)entry)
        ->open(&lyrnn_this_program, device, wraps, precision, backend);
}
