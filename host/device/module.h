/* The contract between the program (load.c) and liblyrnn_cuda.so (entry.c). */
#ifndef LYRNN_CUDA_MODULE_H
#define LYRNN_CUDA_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"

/* The program's functions of status.h. The module calls them instead of its own, so that a thread
 * has a single error text, whichever side finds a failure. */
typedef struct {
    lyrnn_status (*fail)(lyrnn_status status, const char *format, ...) LYRNN_PRINTF(2, 3);
    const char *(*error_text)(void);
    LYRNN_NORETURN void (*check_failed)(const char *condition, const char *file, int line);
} lyrnn_cuda_program;

/* LYRNN_SEAM is lyrnn's version and a digest of the headers that both sides share. The module
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

/* What the module exports; its only name is lyrnn_cuda_module. */
typedef struct {
    lyrnn_status (*open)(const lyrnn_cuda_program *program, int device, lyrnn_precision precision,
                         lyrnn_backend *backend);
} lyrnn_cuda_entry;

#endif
