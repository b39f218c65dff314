/* The contract between the program and its modules. A module is a shared library that the program
 * loads only when it needs it: the CUDA backend (device/cuda_module.h) and MPI
 * (mpi_module/mpi_module.h). find_module.c is the program's side, module_entry.c the module's. */
#ifndef LYRNN_MODULE_MODULE_H
#define LYRNN_MODULE_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The program's functions of status.h. A module calls them instead of its own, so that a thread
 * has a single error text, whichever side finds a failure. */
typedef struct {
    lyrnn_status (*fail)(lyrnn_status status, const char *format, ...) LYRNN_PRINTF(2, 3);
    const char *(*error_text)(void);
    LYRNN_NORETURN void (*check_failed)(const char *condition, const char *file, int line);
} lyrnn_module_program;

/* LYRNN_SEAM is lyrnn's version and a digest of the headers that both sides share. A module
 * carries its own as an ELF note in this section. The program reads the note from the file, because
 * loading a library already runs code of it, its constructors. */
#define LYRNN_SEAM_SECTION ".note.lyrnn"
#define LYRNN_SEAM_OWNER   "lyrnn"

typedef struct {
    uint32_t owner_size, seam_size, type;
    char owner[8];
    char seam[32];
} lyrnn_seam_note;

/* Reads the seam of the module at `path`; "unknown" if the file has none. */
void lyrnn_module_seam(const char *path, char *seam, size_t size);

/* The program's side. A module's errors name the object, what must be installed, and what to do
 * instead: "OBJECT: NAME cannot be loaded (...); install NEEDS, or INSTEAD". */
typedef struct {
    const char *name;   /* "liblyrnn_cuda.so" */
    const char *entry;  /* the one name that it exports */
    const char *object; /* "cuda" */
    const char *needs;  /* "the CUDA libraries and a lyrnn built with nvcc" */
    const char *instead;
} lyrnn_module;

/* Loads a module from the folders in which the loader looks for libraries of this program, but
 * never from the current directory. Sets `entry` to what the module exports. It stays loaded until
 * the process ends: its libraries may leave threads and exit handlers behind.
 * LYRNN_ERR_UNSUPPORTED. */
lyrnn_status lyrnn_module_load(const lyrnn_module *module, const void **entry);

/* What the module gets from the program, which is this process. */
extern const lyrnn_module_program lyrnn_this_program;

/* The module's side. From now on its functions of status.h are those of the program. */
void lyrnn_module_begin(const lyrnn_module_program *program);

#ifdef __cplusplus
}
#endif
#endif
