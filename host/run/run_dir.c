/* Makes, opens and closes a run's folder.
 *
 * A file or link that must be either whole or absent is made under a name that begins with '.',
 * flushed and renamed; then its folder is flushed, so that the new name survives a power failure.
 * An earlier run is removed through descriptors and O_NOFOLLOW: a symbolic link inside the folder
 * is removed, never followed. run_dir_stage.c keeps it until the new run has a checkpoint. */
#include "run/run_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "run/config.h"
#include "run/run_dir_files.h"

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Removes the last component of a path; the rest is "" if the path has only one. */
static void cut_last_component(char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    path[length] = '\0';
}

/* A link to nothing, or in a circle, is no folder either: mkdir does not follow it. */
static lyrnn_status require_directory(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return errno == ENOENT ? lyrnn_fail(LYRNN_ERR_IO,
                                            "%s: is a link to nothing; remove it, or choose "
                                            "another --out",
                                            path)
                               : run_dir_cannot("use it", path);
    return S_ISDIR(info.st_mode)
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_IO, "%s: exists and is not a folder; choose another --out",
                            path);
}

/* Checks that the folder path, which does not exist, can be made: its nearest ancestor that exists
 * decides. */
static lyrnn_status check_parent(const char *path)
{
    path_text parent;
    struct stat info;
    LYRNN_TRY(run_dir_format(parent, "%s", path));
    for (size_t end = strlen(parent); end > 1 && parent[end - 1] == '/'; end--)
        parent[end - 1] = '\0';
    while (parent[0] != '\0' && lstat(parent, &info) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return run_dir_cannot("use it", parent);
        cut_last_component(parent);
    }
    const char *existing = parent[0] == '\0' ? "." : parent;
    LYRNN_TRY(require_directory(existing));
    return access(existing, W_OK | X_OK) == 0 ? LYRNN_OK : run_dir_cannot("write there", existing);
}

/* mkdir, and the new name survives a power failure, unless the folder above may not be read. */
static int make_lasting(const char *path)
{
    char above[PATH_MAX];
    if ((size_t)snprintf(above, sizeof above, "%s", path) >= sizeof above || mkdir(path, 0777) != 0)
        return -1;
    cut_last_component(above);
    int fd = open(above[0] == '\0' ? "." : above, OPEN_DIR);
    if (fd < 0 && errno == EACCES)
        return 0;
    int result = fd < 0 ? -1 : run_dir_flush(fd), reason = errno;
    if (fd >= 0)
        close(fd);
    if (result != 0)
        rmdir(path);
    errno = reason;
    return result;
}

/* The reason is mkdir's: whether the folder exists may fail for another one. */
static lyrnn_status make_parent(const char *path)
{
    if (make_lasting(path) == 0)
        return LYRNN_OK;
    int reason = errno;
    if (is_directory(path))
        return LYRNN_OK;
    errno = reason;
    return reason == EEXIST ? require_directory(path) : run_dir_cannot("make the folder", path);
}

static lyrnn_status make_parents(const char *path)
{
    path_text parent;
    LYRNN_TRY(run_dir_format(parent, "%s", path));
    cut_last_component(parent);
    for (char *c = parent; *c != '\0'; c++) {
        if (c[0] != '/' && (c[1] == '/' || c[1] == '\0')) {
            char next = c[1];
            c[1] = '\0';
            LYRNN_TRY(make_parent(parent));
            c[1] = next;
        }
    }
    return LYRNN_OK;
}

void run_dir_remove_files(int fd)
{
    static const char *const names[] = {"latest",       "best",    "metrics.jsonl",
                                        ".config.json", ".latest", ".best"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlinkat(fd, names[i], 0);
    /* A copy that followed the links has folders in their places. */
    run_dir_remove_checkpoint(fd, "latest");
    run_dir_remove_checkpoint(fd, "best");
    run_dir_remove_checkpoints(fd);
}

/* A config.json marks a run. If `checkpoints` is a link or no folder, lyrnn did not make it, and a
 * new run would save its checkpoints elsewhere. */
static bool is_run(const char *path)
{
    path_text name;
    struct stat info;
    if (run_dir_format(name, "%s/config.json", path) != LYRNN_OK || lstat(name, &info) != 0 ||
        !S_ISREG(info.st_mode))
        return false;
    return run_dir_format(name, "%s/checkpoints", path) == LYRNN_OK &&
           (lstat(name, &info) == 0 ? S_ISDIR(info.st_mode) : errno == ENOENT);
}

/* Whether config.json is a file of another program: it has nothing of a run, and there is no
 * `lock`, which only a copy of a run may lack. */
static bool is_of_others(const char *path)
{
    path_text lock;
    struct stat info;
    json_t *config;
    if (run_dir_format(lock, "%s/lock", path) == LYRNN_OK && lstat(lock, &info) == 0)
        return false;
    bool is_ours = lyrnn_run_config_read(path, &config) == LYRNN_OK &&
                   (json_object_get(config, "corpus_xxh128") != NULL ||
                    json_object_get(config, "hidden_size") != NULL);
    json_decref(config);
    return !is_ours;
}

/* What a folder holds is unknown without these permissions. */
static lyrnn_status require_readable(const char *path)
{
    return access(path, R_OK | X_OK) == 0 ? LYRNN_OK : run_dir_cannot("open", path);
}

/* Otherwise the first save would find out, after an epoch of training. */
static lyrnn_status require_writable(const char *path)
{
    path_text checkpoints;
    if (access(path, W_OK | X_OK) != 0)
        return run_dir_cannot("write there", path);
    LYRNN_TRY(run_dir_format(checkpoints, "%s/checkpoints", path));
    return access(checkpoints, W_OK | X_OK) == 0 || errno == ENOENT
               ? LYRNN_OK
               : run_dir_cannot("write there", checkpoints);
}

/* Checks that the longest name in the folder has room, so that no save fails for its length. */
static lyrnn_status check_length(const char *path)
{
    path_text longest;
    return run_dir_format(longest, "%s/" STAGE "/checkpoints/.epoch-0000000-batch-%019d.tmp/%s",
                          path, 0, "trainer.safetensors");
}

lyrnn_status lyrnn_run_dir_check(const char *path, lyrnn_existing existing)
{
    struct stat info;
    if (path == NULL)
        return check_parent("runs/new");
    if (path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "--out: the name is empty; name a folder");
    LYRNN_TRY(check_length(path));
    if (lstat(path, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR ? check_parent(path)
                                                   : run_dir_cannot("use it", path);
    LYRNN_TRY(require_directory(path));
    if (existing == LYRNN_EXISTING_KEEP)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: exists; choose another --out, or add --overwrite",
                          path);
    LYRNN_TRY(require_readable(path));
    if (!run_dir_is_empty(path) && (!is_run(path) || is_of_others(path)))
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: is neither empty nor a run (config.json and checkpoints), so lyrnn "
                          "overwrites nothing in it; choose another --out",
                          path);
    LYRNN_TRY(run_dir_check_lock(path));
    return require_writable(path);
}

/* Makes runs/<date-time>, or the first of runs/<date-time>-2, -3, ... that is free. */
static lyrnn_status make_default(char *path)
{
    char date_time[sizeof "20000101-000000"];
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) == NULL ||
        strftime(date_time, sizeof date_time, "%Y%m%d-%H%M%S", &local) == 0)
        return lyrnn_fail(LYRNN_ERR_IO, "clock: cannot tell the date; name the run with --out");
    LYRNN_TRY(run_dir_format(path, "runs/%s", date_time));
    LYRNN_TRY(make_parents(path));
    for (int i = 2; make_lasting(path) != 0; i++) {
        if (errno != EEXIST || i == INT_MAX)
            return run_dir_cannot("make the folder", path);
        LYRNN_TRY(run_dir_format(path, "runs/%s-%d", date_time, i));
    }
    return LYRNN_OK;
}

/* Makes the folder, or takes over an existing one; *is_new says which. */
static lyrnn_status make_directory(const char *path, lyrnn_existing existing, bool *is_new)
{
    LYRNN_TRY(lyrnn_run_dir_check(path, existing));
    LYRNN_TRY(make_parents(path));
    *is_new = make_lasting(path) == 0;
    if (!*is_new && !(existing != LYRNN_EXISTING_KEEP && errno == EEXIST))
        return run_dir_cannot("make the folder", path);
    return LYRNN_OK;
}

/* Opens the folder, locks it, and ends what a killed process had begun. */
static lyrnn_status open_and_lock(lyrnn_run_dir *run, const char *path)
{
    int fd = open(path, OPEN_DIR);
    if (fd < 0)
        return run_dir_cannot("open", path);
    run->fd = run->files_fd = fd;
    run->path = strdup(path);
    if (run->path == NULL)
        return lyrnn_out_of_memory("run", strlen(path), "close other programs");
    LYRNN_TRY(run_dir_lock(run));
    return run_dir_finish_stage(fd, path);
}

static lyrnn_status write_first_files(lyrnn_run_dir *run, lyrnn_existing existing,
                                      const json_t *config)
{
    bool is_saved = run_dir_has_model(run->fd);
    if (is_saved && existing == LYRNN_EXISTING_UNSAVED)
        return lyrnn_fail(LYRNN_ERR_LOCKED,
                          "%s: another lyrnn has just saved a checkpoint there; repeat the command",
                          run->path);
    if (is_saved)
        LYRNN_TRY(run_dir_begin_stage(run));
    else
        run_dir_remove_files(run->fd);
    LYRNN_TRY(lyrnn_run_config_write(run->files_fd, run->path, config));
    LYRNN_TRY(lyrnn_metrics_create(run->files_fd, run->path, &run->metrics));
    return run_dir_flush(run->files_fd) == 0 ? LYRNN_OK : run_dir_cannot("flush", run->path);
}

/* Removes a folder that could not be made into a run. */
static void remove_new(lyrnn_run_dir *run, const char *path)
{
    if (run->lock_fd > 0) {
        run_dir_remove_files(run->fd);
        unlinkat(run->fd, "config.json", 0);
        unlinkat(run->fd, "lock", 0);
    }
    lyrnn_run_dir_close(run);
    rmdir(path);
}

lyrnn_status lyrnn_run_dir_create(lyrnn_run_dir *run, const char *path, lyrnn_existing existing,
                                  const json_t *config)
{
    path_text default_path;
    bool is_new = true;
    memset(run, 0, sizeof *run);
    if (path == NULL) {
        LYRNN_TRY(make_default(default_path));
        path = default_path;
    } else {
        LYRNN_TRY(make_directory(path, existing, &is_new));
    }
    lyrnn_status status = open_and_lock(run, path);
    if (status == LYRNN_OK)
        status = write_first_files(run, existing, config);
    if (status != LYRNN_OK && is_new)
        remove_new(run, path);
    else if (status != LYRNN_OK)
        lyrnn_run_dir_close(run);
    return status;
}

bool lyrnn_run_dir_is_saved(const char *path)
{
    checkpoint_name name;
    int fd = is_run(path) ? open(path, OPEN_DIR) : -1;
    if (fd < 0)
        return false;
    bool is_saved = run_dir_has_model(fd) || run_dir_find_staged(fd, name);
    close(fd);
    return is_saved;
}

lyrnn_status lyrnn_run_dir_open(lyrnn_run_dir *run, const char *path)
{
    memset(run, 0, sizeof *run);
    LYRNN_TRY(require_readable(path));
    if (run_dir_is_empty(path))
        return run_dir_nothing_saved(path);
    if (!is_run(path))
        return lyrnn_fail(
            LYRNN_ERR_IO,
            "%s: is not a run (config.json and checkpoints); name a folder that lyrnn "
            "train made",
            path);
    LYRNN_TRY(require_writable(path));
    lyrnn_status status = open_and_lock(run, path);
    if (status == LYRNN_OK)
        status = run_dir_restore_links(run->fd, path);
    if (status != LYRNN_OK)
        lyrnn_run_dir_close(run);
    return status;
}

lyrnn_status lyrnn_run_dir_resume(lyrnn_run_dir *run, const lyrnn_metrics_position *position,
                                  const json_t *config)
{
    LYRNN_TRY(lyrnn_metrics_resume(run->fd, run->path, position, &run->metrics, &run->kept));
    run->is_to_be_cut = true;
    run->config = json_incref((json_t *)config);
    return LYRNN_OK;
}

lyrnn_status lyrnn_run_dir_append_metrics(lyrnn_run_dir *run, const lyrnn_metrics *metrics)
{
    if (run->is_to_be_cut)
        LYRNN_TRY(lyrnn_metrics_cut(run->metrics, run->path, &run->kept));
    run->is_to_be_cut = false;
    return lyrnn_metrics_append(run->metrics, run->path, metrics);
}

void lyrnn_run_dir_close(lyrnn_run_dir *run)
{
    if (run->metrics != NULL)
        fclose(run->metrics);
    run_dir_end_stage(run);
    run_dir_unlock(run);
    if (run->fd > 0)
        close(run->fd);
    json_decref(run->config);
    free(run->path);
    memset(run, 0, sizeof *run);
}
