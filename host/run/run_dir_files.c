/* Paths, errors and whole files in a run's folder. */
#include "run/run_dir_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/remedy.h"

lyrnn_status run_dir_cannot(const char *verb, const char *path)
{
    int error = errno;
    return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot %s: %s; %s", path, verb, strerror(error),
                      lyrnn_remedy(error));
}

bool folder_open(folder_reader *reader, int fd, const char *name)
{
    reader->at = reader->num_bytes = 0;
    reader->fd = openat(fd, name, OPEN_DIR);
    return reader->fd >= 0;
}

const char *folder_next(folder_reader *reader)
{
    if (reader->at == reader->num_bytes) {
        ssize_t num_bytes = getdents64(reader->fd, reader->entries, sizeof reader->entries);
        reader->at = 0;
        reader->num_bytes = num_bytes > 0 ? (size_t)num_bytes : 0;
        if (num_bytes <= 0)
            return NULL;
    }
    const struct dirent64 *entry = (const void *)(reader->entries + reader->at);
    reader->at += entry->d_reclen;
    return entry->d_name;
}

void folder_close(folder_reader *reader)
{
    close(reader->fd);
}

bool run_dir_is_empty(const char *path)
{
    static const char *const no_matter[] = {".", "..", "lock", "owner", ".config.json"};
    folder_reader reader;
    if (!folder_open(&reader, AT_FDCWD, path))
        return false;
    bool empty = true;
    for (const char *name; empty && (name = folder_next(&reader)) != NULL;) {
        empty = false;
        for (size_t i = 0; i < sizeof no_matter / sizeof no_matter[0] && !empty; i++)
            empty = strcmp(name, no_matter[i]) == 0;
    }
    folder_close(&reader);
    return empty;
}

lyrnn_status run_dir_nothing_saved(const char *path)
{
    return lyrnn_fail(LYRNN_ERR_NOTHING,
                      "%s: nothing has been saved in it yet; start again with --out %s --overwrite",
                      path, path);
}

lyrnn_status run_dir_format(char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(path, PATH_MAX, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= PATH_MAX)
        return lyrnn_fail(LYRNN_ERR_IO, "%.40s...: the path is too long; choose a shorter one",
                          path);
    return LYRNN_OK;
}

int run_dir_flush(int fd)
{
    if (fsync(fd) == 0)
        return 0;
    bool has_no_flush = errno == EINVAL || errno == EACCES || errno == EPERM || errno == EBADF ||
                        errno == ENOSYS || errno == EOPNOTSUPP;
    return has_no_flush ? 0 : -1;
}

lyrnn_status run_dir_sync(const char *path)
{
    int fd = open(path, OPEN_DIR);
    if (fd < 0)
        return run_dir_cannot("open", path);
    lyrnn_status status = run_dir_flush(fd) == 0 ? LYRNN_OK : run_dir_cannot("flush", path);
    close(fd);
    return status;
}

lyrnn_status run_dir_replace_file(int fd, const char *path, const char *temporary, const char *name,
                                  const char *text)
{
    char verb[64];
    snprintf(verb, sizeof verb, "write %s", name);
    unlinkat(fd, temporary, 0); /* a killed process may have left one */
    int file = openat(fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *stream = file < 0 ? NULL : fdopen(file, "w");
    if (stream == NULL) {
        lyrnn_status status = run_dir_cannot(verb, path);
        if (file >= 0)
            close(file);
        return status;
    }
    bool written = fputs(text, stream) >= 0 && fflush(stream) == 0 && fsync(file) == 0;
    int reason = errno;
    bool closed = fclose(stream) == 0;
    if (written && closed && renameat(fd, temporary, fd, name) == 0 && run_dir_flush(fd) == 0)
        return LYRNN_OK;
    if (!written)
        errno = reason;
    lyrnn_status status = run_dir_cannot(verb, path);
    unlinkat(fd, temporary, 0);
    return status;
}
