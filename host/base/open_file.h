/* Opens files that a user names, without trusting that the name is a file's. */
#ifndef LYRNN_OPEN_FILE_H
#define LYRNN_OPEN_FILE_H

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

#endif
