/* Opens and reads files, without trusting that a name is a file's. Every input of lyrnn passes
 * through here. */
#ifndef LYRNN_OPEN_FILE_H
#define LYRNN_OPEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lyrnn/status.h"

/* Opens the regular file `name` in the folder folder_fd (AT_FDCWD: the working directory) with
 * openat's flags; a new file gets mode 0666. It never waits: the name of a pipe or a device is an
 * error. `path` names the file in errors. The caller closes *fd, which is -1 on failure.
 * LYRNN_ERR_IO: the file cannot be opened, and errno keeps the reason; or it is not regular, and
 * errno is 0. */
lyrnn_status lyrnn_open_file_at(int folder_fd, const char *name, int flags, const char *path,
                                int *fd);

/* Opens the regular file `path` for reading, by the same rules. */
lyrnn_status lyrnn_open_file(const char *path, int *fd);

/* An input to read whole. Everything in it is borrowed. */
typedef struct {
    const char *path;
    /* The command line names the path. It may then be "-" for standard input, or a pipe, whose
     * other end it waits for. A path that comes from a file may only be a regular file. */
    bool is_named_by_user;
    size_t max_bytes;
    const char *remedy; /* the end of an error's text, for example "name a text file" */
    FILE *log;          /* gets a line if a terminal is read; NULL: none */
} lyrnn_input;

/* The name of an input for errors: its path, or "standard input". */
const char *lyrnn_input_name(const lyrnn_input *input);

typedef struct {
    char *data; /* (num + 1)  a NUL follows the bytes; owned */
    size_t num;
} lyrnn_bytes;

/* Reads an input. The caller frees bytes->data, on failure too. LYRNN_ERR_IO: it cannot be read, is
 * of another kind, or has more than max_bytes. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_input_read(const lyrnn_input *input, lyrnn_bytes *bytes);

/* Reads an input that the caller has opened as fd and closes afterwards. *bytes must be zeroed. */
lyrnn_status lyrnn_input_read_open(const lyrnn_input *input, int fd, lyrnn_bytes *bytes);

#endif
