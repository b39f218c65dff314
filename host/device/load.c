/* The CUDA backend from the program's side: liblyrnn_cuda.so, loaded when a CUDA device is asked for. Linked in,
 * it would bring cuBLAS with it: 200 MB and 0.2 s for every command, on the CPU too, and a program that does not
 * start where the CUDA libraries are missing. It is looked for along the program's run path. */
#include <dlfcn.h>
#include <string.h>

#include "device/module.h"

static const char library_name[] = "liblyrnn_cuda.so";

/* Nothing is closed again: CUDA's libraries leave threads and exit handlers behind, whose code must stay. */
lyrnn_status lyrnn_cuda_backend_open(int device, lyrnn_precision precision, lyrnn_backend *backend)
{
    static const lyrnn_cuda_program program = {lyrnn_fail, lyrnn_error_text, lyrnn_check_failed};
    /* The CUDA runtime says so as well, but only once cuBLAS has been loaded. */
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
