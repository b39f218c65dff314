/* The last part of an error about a file: what can be done about errno's reason. */
#ifndef LYRNN_REMEDY_H
#define LYRNN_REMEDY_H

#include <errno.h>

static inline const char *remedy_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "make room there";
    case EIO:
        return "see to the disk";
    case EACCES:
    case EPERM:
    case EROFS:
        return "allow it, or choose another place";
    case ENOENT:
    case ENOTDIR:
        return "see whether it is there";
    default:
        return "put that right";
    }
}

#endif
