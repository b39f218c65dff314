/* The program's side of the CUDA backend: loads liblyrnn_cuda.so when a CUDA device is requested.
 * It searches the program's run path.
 *
 * If the backend were linked in, every command would load cuBLAS, on the CPU too: 200 MB and 0.2 s.
 * And the program would not start where the CUDA libraries are missing. */
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/module.h"

static const char library_name[] = "liblyrnn_cuda.so";

/* A handle of the program, or of the shared library, that this file was linked into. */
static void *own_handle(void)
{
    Dl_info info;
    struct link_map *map;
    if (dladdr1(library_name, &info, (void **)&map, RTLD_DL_LINKMAP) == 0)
        return NULL;
    return dlopen(map->l_name[0] != '\0' ? map->l_name : NULL, RTLD_LAZY | RTLD_NOLOAD);
}

/* The folders in which the loader looks for libraries of this program; free() them. NULL: none. */
static Dl_serinfo *search_folders(void *handle)
{
    Dl_serinfo size, *folders;
    if (handle == NULL || dlinfo(handle, RTLD_DI_SERINFOSIZE, &size) != 0)
        return NULL;
    folders = (Dl_serinfo *)malloc(size.dls_size);
    if (folders == NULL)
        return NULL;
    folders->dls_size = size.dls_size;
    folders->dls_cnt = size.dls_cnt;
    if (dlinfo(handle, RTLD_DI_SERINFO, folders) == 0)
        return folders;
    free(folders);
    return NULL;
}

/* Finds the module where the loader would, but never relative to the current directory. */
static bool find_module(char *path, size_t size)
{
    bool found = false;
    void *handle = own_handle();
    Dl_serinfo *folders = search_folders(handle);
    for (unsigned i = 0; folders != NULL && i < folders->dls_cnt && !found; i++) {
        const char *folder = folders->dls_serpath[i].dls_name;
        int length = snprintf(path, size, "%s/%s", folder, library_name);
        found = folder[0] == '/' && length < (int)size && access(path, F_OK) == 0;
    }
    free(folders);
    if (handle != NULL)
        dlclose(handle);
    return found;
}

static lyrnn_status cannot_load(const char *reason)
{
    return lyrnn_fail(
        LYRNN_ERR_UNSUPPORTED,
        "cuda: %s cannot be loaded (%s); install the CUDA libraries and a lyrnn built "
        "with nvcc, or use --device cpu",
        library_name, reason);
}

/* The libraries stay open: CUDA's leave threads and exit handlers behind, whose code must stay
 * loaded. */
lyrnn_status lyrnn_cuda_backend_open(int device, lyrnn_precision precision, lyrnn_backend *backend)
{
    static const lyrnn_cuda_program program = {lyrnn_fail, lyrnn_error_text, lyrnn_check_failed};
    /* The CUDA runtime would say so too, but only after cuBLAS was loaded. */
    if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) == NULL)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: there is no NVIDIA driver here; use --device cpu");
    char path[PATH_MAX], seam[64];
    if (!find_module(path, sizeof path))
        return cannot_load("liblyrnn_cuda.so: is not in the folders that lyrnn searches");
    lyrnn_module_seam(path, seam, sizeof seam);
    if (strcmp(seam, LYRNN_SEAM) != 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "cuda: %s is of version %s and this program of %s; install both from the "
                          "same build, or use --device cpu",
                          library_name, seam, LYRNN_SEAM);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const lyrnn_cuda_entry *module =
        library != NULL ? (const lyrnn_cuda_entry *)dlsym(library, "lyrnn_cuda_module") : NULL;
    if (module == NULL)
        return cannot_load(dlerror());
    return module->open(&program, device, precision, backend);
}
