/* Where a run's folder is: whether another path lies inside it, and where it went if it was renamed
 * while it was open. Folders are compared by device and inode, so that links and .. do not
 * matter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool lyrnn_run_dir_contains(const char *run_path, const char *path, char inside[PATH_MAX])
{
    path_text whole, above;
    struct stat run, info;
    if (stat(run_path, &run) != 0 || realpath(path, whole) == NULL)
        return false;
    memcpy(above, whole, sizeof above);
    for (;;) {
        if (stat(above, &info) == 0 && is_same_file(&info, &run)) {
            const char *rest = whole + strlen(above);
            memmove(inside, rest + (*rest == '/'), strlen(rest + (*rest == '/')) + 1);
            return true;
        }
        char *slash = strrchr(above, '/');
        if (slash == NULL || strcmp(above, "/") == 0)
            return false;
        slash[slash == above] = '\0';
    }
}

bool lyrnn_run_dir_owns(const char *inside)
{
    static const char *const names[] = {"config.json", "metrics.jsonl", "lock", "latest", "best"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(inside, names[i]) == 0)
            return true;
    return strncmp(inside, "checkpoints/", strlen("checkpoints/")) == 0 ||
           strncmp(inside, STAGE "/", strlen(STAGE "/")) == 0;
}

static bool is_at(const char *path, int fd)
{
    struct stat open_folder, named;
    return fstat(fd, &open_folder) == 0 && stat(path, &named) == 0 &&
           is_same_file(&open_folder, &named);
}

bool run_dir_is_in_place(const lyrnn_run_dir *run)
{
    return is_at(run->path, run->fd);
}

lyrnn_status lyrnn_run_dir_locate(lyrnn_run_dir *run)
{
    if (!run_dir_is_in_place(run)) {
        path_text link, path;
        LYRNN_TRY(run_dir_format(link, "/proc/self/fd/%d", run->fd));
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = '\0';
        if (!is_at(path, run->fd))
            return lyrnn_fail(LYRNN_ERR_IO,
                              "%s: was removed while lyrnn trained in it; leave the folder there "
                              "until the training ends",
                              run->path);
        char *copy = strdup(path);
        if (copy == NULL)
            return lyrnn_out_of_memory("run", strlen(path), "close other programs");
        free(run->path);
        run->path = copy;
        run->was_renamed = true;
    }
    return run_dir_keep_lock(run);
}
