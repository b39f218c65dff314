/* A directory for the files of one test, and helpers for whole files. Failures end the test. */
#ifndef TEMP_DIR_H
#define TEMP_DIR_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char path[PATH_MAX];
} temp_path;

/* A cmocka setup: makes a directory and enters it, so that tests can use relative file names. */
static inline int temp_dir_enter(void **state)
{
    temp_path *dir = malloc(sizeof *dir);
    const char *root = getenv("TMPDIR");
    if (dir == NULL)
        return -1;
    snprintf(dir->path, sizeof dir->path, "%s/lyrnn-test-XXXXXX", root != NULL ? root : "/tmp");
    *state = dir;
    return mkdtemp(dir->path) != NULL && chdir(dir->path) == 0 ? 0 : -1;
}

static inline int temp_dir_remove_entry(const char *path, const struct stat *info, int type,
                                        struct FTW *place)
{
    (void)info, (void)type, (void)place;
    return remove(path);
}

/* The teardown: leaves the directory and removes it with its content. */
static inline int temp_dir_leave(void **state)
{
    temp_path *dir = *state;
    int result =
        chdir("/") == 0 ? nftw(dir->path, temp_dir_remove_entry, 16, FTW_DEPTH | FTW_PHYS) : -1;
    free(dir);
    return result;
}

/* Returns the content of a file, or NULL. The caller frees it. */
static inline unsigned char *read_file(const char *path, size_t *num_bytes)
{
    FILE *file = fopen(path, "rb");
    *num_bytes = 0;
    if (file == NULL)
        return NULL;
    size_t capacity = 1 << 20;
    unsigned char *bytes = malloc(capacity);
    if (bytes != NULL)
        *num_bytes = fread(bytes, 1, capacity, file);
    fclose(file);
    return bytes;
}

static inline bool write_file(const char *path, const void *bytes, size_t num_bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool written = fwrite(bytes, 1, num_bytes, file) == num_bytes;
    return fclose(file) == 0 && written;
}

/* Returns whether anything has this name, including a dangling link. */
static inline bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

#endif
