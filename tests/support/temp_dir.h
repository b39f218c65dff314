/* A directory for one test's files, and what tests do with whole files. Failures abort the test. */
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

/* A cmocka setup: makes a directory and enters it, so that tests name files relatively. */
static int temp_dir_enter(void **state)
{
    temp_path *dir = malloc(sizeof *dir);
    const char *root = getenv("TMPDIR");
    if (dir == NULL)
        return -1;
    snprintf(dir->path, sizeof dir->path, "%s/lyrnn-test-XXXXXX", root != NULL ? root : "/tmp");
    *state = dir;
    return mkdtemp(dir->path) != NULL && chdir(dir->path) == 0 ? 0 : -1;
}

static int temp_dir_remove_entry(const char *path, const struct stat *info, int type,
                                 struct FTW *place)
{
    (void)info, (void)type, (void)place;
    return remove(path);
}

/* The teardown: leaves the directory and removes it whole. */
static int temp_dir_leave(void **state)
{
    temp_path *dir = *state;
    int result =
        chdir("/") == 0 ? nftw(dir->path, temp_dir_remove_entry, 16, FTW_DEPTH | FTW_PHYS) : -1;
    free(dir);
    return result;
}

/* The content of a file, to free, or NULL. */
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

/* Anything of that name, a dangling link too. */
static inline bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

#endif
