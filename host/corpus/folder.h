/* The texts of a folder and its subfolders. */
#ifndef LYRNN_FOLDER_H
#define LYRNN_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/open_file.h"
#include "lyrnn/status.h"

/* A zeroed struct lists nothing. */
typedef struct {
    /* (num) FOLDER/NAME each, in the code-point order of NAME, which is a path itself; owned. */
    char **paths;
    size_t num;
    size_t name_offset; /* where NAME begins in a path */
    int fd;             /* the folder, if there are any names */
} folder_names;

/* Whether path names a folder; a link to one counts. */
bool folder_is(const char *path);

/* Lists the texts in the folder `path` and in its subfolders, and the archives, if this build reads
 * them (file_names.h). Files with other names, hidden ones, links, pipes and devices are left out;
 * `log` gets a line about them, unless it is NULL. The caller frees names, on failure too.
 * LYRNN_ERR_IO: the folder or a subfolder cannot be read, or holds too much. LYRNN_ERR_CORPUS: it
 * holds no text. LYRNN_ERR_MEMORY. */
lyrnn_status folder_list(const char *path, FILE *log, folder_names *names);

/* Reads file i of the list. It follows no link, even if one has replaced a part of the path since.
 * Otherwise as lyrnn_input_read. */
lyrnn_status folder_read(const folder_names *names, size_t i, size_t max_bytes, lyrnn_bytes *bytes);

void folder_free(folder_names *names);

#endif
