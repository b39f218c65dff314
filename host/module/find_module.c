/* The program's side of its modules: finds one in the program's run path, checks its version, and
 * loads it. */
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module/module.h"

const lyrnn_module_program lyrnn_this_program = {lyrnn_fail, lyrnn_error_text, lyrnn_check_failed};

/* A handle of the program, or of the shared library, that this file was linked into. */
static void *own_handle(void)
{
    Dl_info info;
    struct link_map *map;
    if (dladdr1(&lyrnn_this_program, &info, (void **)&map, RTLD_DL_LINKMAP) == 0)
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
static bool find_module(const char *name, char *path, size_t size)
{
    bool found = false;
    void *handle = own_handle();
    Dl_serinfo *folders = search_folders(handle);
    for (unsigned i = 0; folders != NULL && i < folders->dls_cnt && !found; i++) {
        const char *folder = folders->dls_serpath[i].dls_name;
        int length = snprintf(path, size, "%s/%s", folder, name);
        found = folder[0] == '/' && length < (int)size && access(path, F_OK) == 0;
    }
    free(folders);
    if (handle != NULL)
        dlclose(handle);
    return found;
}

static lyrnn_status cannot_load(const lyrnn_module *module, const char *reason)
{
    return lyrnn_fail(LYRNN_ERR_UNSUPPORTED, "%s: %s cannot be loaded (%s); install %s, or %s",
                      module->object, module->name, reason, module->needs, module->instead);
}

lyrnn_status lyrnn_module_load(const lyrnn_module *module, const void **entry)
{
    char path[PATH_MAX], seam[64];
    if (!find_module(module->name, path, sizeof path)) {
        snprintf(path, sizeof path, "%s: is not in the folders that lyrnn searches", module->name);
        return cannot_load(module, path);
    }
    lyrnn_module_seam(path, seam, sizeof seam);
    if (strcmp(seam, LYRNN_SEAM) != 0)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "%s: %s is of version %s and this program of %s; install both from the "
                          "same build, or %s",
                          module->object, module->name, seam, LYRNN_SEAM, module->instead);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    *entry = library != NULL ? dlsym(library, module->entry) : NULL;
    return *entry != NULL ? LYRNN_OK : cannot_load(module, dlerror());
}
