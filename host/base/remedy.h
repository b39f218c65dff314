/* The last part of an error about a file: what the user can do about errno's reason. */
#ifndef LYRNN_REMEDY_H
#define LYRNN_REMEDY_H

#include <errno.h>

static inline const char *lyrnn_remedy(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "free some space there";
    case EIO:
        return "check the disk";
    case EACCES:
    case EPERM:
    case EROFS:
        return "change the permissions, or choose another place";
    case ENOENT:
    case ENOTDIR:
        return "check the path";
    default:
        return "fix the cause";
    }
}

#endif
