/* The program's side of the CUDA backend: loads liblyrnn_cuda.so when a CUDA device is requested.
 * It searches the program's run path.
 *
 * If the backend were linked in, every command would load cuBLAS, on the CPU too: 200 MB and 0.2 s.
 * And the program would not start where the CUDA libraries are missing. */
#include <dlfcn.h>
#include <string.h>

#include "device/module.h"

static const char library_name[] = "liblyrnn_cuda.so";

/* The libraries stay open: CUDA's leave threads and exit handlers behind, whose code must stay
 * loaded. */
lyrnn_status lyrnn_cuda_backend_open(int device, lyrnn_precision precision, lyrnn_backend *backend)
{
    static const lyrnn_cuda_program program = {lyrnn_fail, lyrnn_error_text, lyrnn_check_failed};
    /* The CUDA runtime would say so too, but only after cuBLAS was loaded. */
    if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) == NULL)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: there is no NVIDIA driver here; use --device cpu");
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: %s cannot be loaded (%s); install the CUDA libraries and a lyrnn "
                          "built with nvcc, or use --device cpu",
                          library_name, dlerror());
    const lyrnn_cuda_entry *module = dlsym(library, "lyrnn_cuda_module");
    const char *seam = module != NULL ? module->seam : "unknown";
    if (strcmp(seam, LYRNN_SEAM) != 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: %s is of version %s and this program of %s; install both from the "
                          "same build, or use --device cpu",
                          library_name, seam, LYRNN_SEAM);
    return module->open(&program, device, precision, backend);
}
