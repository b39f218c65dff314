/* The last part of an error about a file: what the user can do about errno's reason. */
#ifndef LYRNN_REMEDY_H
#define LYRNN_REMEDY_H

#include <errno.h>

static inline const char *lyrnn_remedy(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "free some space there";
    case EFBIG:
        return "raise the limit of file sizes (ulimit -f), or choose another place";
    case EMFILE:
    case ENFILE:
        return "close other programs, or raise the limit of open files (ulimit -n)";
    case ENOMEM:
        return "close other programs";
    case EIO:
        return "check the disk";
    case ENXIO:
    case ENODEV:
    case ESTALE:
    case ENOTCONN:
    case ETIMEDOUT:
        return "check the disk and that it is mounted";
    case EACCES:
    case EPERM:
        return "change the permissions, or choose another place";
    case EROFS:
        return "make the file system writable, or choose another place";
    case EBUSY:
    case ETXTBSY:
    case EAGAIN:
        return "wait until no other program uses it";
    case ENAMETOOLONG:
        return "choose a shorter name";
    case ELOOP:
        return "correct the symbolic links";
    case EINVAL:
    case EILSEQ:
    case ENOSYS:
    case EOPNOTSUPP:
        return "choose a place on another file system";
    case EEXIST:
        return "move it away, or choose another name";
    case EISDIR:
        return "name a file, not a folder";
    case ENOENT:
    case ENOTDIR:
        return "check the path";
    default:
        return "fix the cause";
    }
}

#endif
