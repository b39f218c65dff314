/* The kind of a file in words, for errors. */
#ifndef LYRNN_FILE_KIND_H
#define LYRNN_FILE_KIND_H

#include <sys/stat.h>

static inline const char *lyrnn_file_kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a regular file";
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

#endif
