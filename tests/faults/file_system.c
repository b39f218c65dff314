/* Lets a training meet a file system that lacks something. It is linked into a third lyrnn, whose
 * calls come here instead of libc.
 *
 *     LYRNN_LACKS="WORD..."   what the file system lacks:
 *         links          symbolic links (exFAT, some SMB shares)
 *         flush          fsync of a folder
 *         exchange       renameat2 with flags (NFS)
 *         folder-flock   flock of a folder (NFS)
 *         flock          flock
 *         ofd            fcntl's locks of open files */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool lacks(const char *word)
{
    const char *words = getenv("LYRNN_LACKS");
    for (size_t length = strlen(word); words != NULL; words = strchr(words, ' ')) {
        words += *words == ' ';
        if (strncmp(words, word, length) == 0 && (words[length] == ' ' || words[length] == '\0'))
            return true;
    }
    return false;
}

static bool is_folder(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

int symlinkat(const char *from, int tofd, const char *to)
{
    return lacks("links") ? refuse(EPERM) : (int)syscall(SYS_symlinkat, from, tofd, to);
}

int fsync(int fd)
{
    return lacks("flush") && is_folder(fd) ? refuse(EINVAL) : (int)syscall(SYS_fsync, fd);
}

int renameat2(int oldfd, const char *old, int newfd, const char *new, unsigned flags)
{
    return lacks("exchange") && flags != 0
               ? refuse(EINVAL)
               : (int)syscall(SYS_renameat2, oldfd, old, newfd, new, flags);
}

int flock(int fd, int operation)
{
    if (lacks("flock"))
        return refuse(ENOSYS);
    return lacks("folder-flock") && is_folder(fd) ? refuse(EBADF)
                                                  : (int)syscall(SYS_flock, fd, operation);
}

int fcntl(int fd, int cmd, ...)
{
    va_list arguments;
    va_start(arguments, cmd);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return lacks("ofd") && cmd == F_OFD_SETLK ? refuse(ENOLCK)
                                              : (int)syscall(SYS_fcntl, fd, cmd, argument);
}
