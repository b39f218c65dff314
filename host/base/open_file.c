/* O_NONBLOCK keeps open from waiting for the other end of a pipe. It has no effect on regular
 * files, and the check that follows refuses everything else. read_input.c reads inputs. */
#include "base/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_kind.h"
#include "base/remedy.h"

lyrnn_status lyrnn_open_file_at(int folder_fd, const char *name, int flags, const char *path,
                                int *fd)
{
    struct stat info = {0};
    *fd = openat(folder_fd, name, flags | O_CLOEXEC | O_NONBLOCK, 0666);
    int error = *fd < 0 || fstat(*fd, &info) != 0 ? errno : 0;
    if (error == 0 && S_ISREG(info.st_mode))
        return LYRNN_OK;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    lyrnn_status status =
        error == 0 ? lyrnn_fail(LYRNN_ERR_IO,
                                "%s: is %s, not a regular file; move it away, or name another",
                                path, lyrnn_file_kind(info.st_mode))
                   : lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open: %s; %s", path, strerror(error),
                                lyrnn_remedy(error));
    errno = error;
    return status;
}

lyrnn_status lyrnn_open_file(const char *path, int *fd)
{
    return lyrnn_open_file_at(AT_FDCWD, path, O_RDONLY, path, fd);
}
