/* A run's directory on disk.
 *
 * What must be whole or absent is made under a name that begins with '.', flushed, renamed into place,
 * and the directory flushed after it. Removing an earlier run goes by descriptors and O_NOFOLLOW: a
 * symbolic link inside the directory is removed, never followed. */
#include "lyrnn/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lyrnn/checkpoint.h"

typedef char path_text[PATH_MAX];

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* Fails with errno's reason. */
static lyrnn_status cannot(const char *verb, const char *path)
{
    return lyrnn_fail(LYRNN_ERR_IO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

static LYRNN_PRINTF(2, 3) lyrnn_status format_path(char *path, const char *format, ...)
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

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Makes a rename or a new name in a directory outlive a power cut. */
static lyrnn_status sync_directory(const char *path)
{
    int fd = open(path, OPEN_DIR);
    if (fd < 0)
        return cannot("open", path);
    lyrnn_status status = fsync(fd) == 0 ? LYRNN_OK : cannot("flush", path);
    close(fd);
    return status;
}

/* Cuts the last component off; "" where there is no slash before it. */
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

/* Whether a new entry can be made at path, whose nearest existing ancestor decides. */
static lyrnn_status check_parent(const char *path)
{
    path_text parent;
    LYRNN_TRY(format_path(parent, "%s", path));
    do {
        cut_last_component(parent);
    } while (parent[0] != '\0' && access(parent, F_OK) != 0 && errno == ENOENT);
    const char *existing = parent[0] == '\0' ? "." : parent;
    if (access(existing, F_OK) == 0 && !is_directory(existing))
        return lyrnn_fail(LYRNN_ERR_IO, "%s: not a directory; choose another --out", existing);
    return access(existing, W_OK | X_OK) == 0 ? LYRNN_OK : cannot("write there", existing);
}

static lyrnn_status make_parents(const char *path)
{
    path_text parent;
    LYRNN_TRY(format_path(parent, "%s", path));
    cut_last_component(parent);
    for (char *c = parent; *c != '\0'; c++) {
        if (c[0] != '/' && (c[1] == '/' || c[1] == '\0')) {
            char next = c[1];
            c[1] = '\0';
            if (mkdir(parent, 0777) != 0 && !is_directory(parent))
                return cannot("make the directory", parent);
            c[1] = next;
        }
    }
    return LYRNN_OK;
}

/* "epoch-" and digits, what save names a checkpoint; ".epoch-....tmp" while it is being written. */
static bool is_checkpoint_name(const char *name)
{
    bool temporary = name[0] == '.';
    size_t prefix = temporary ? strlen(".epoch-") : strlen("epoch-");
    if (strncmp(name, temporary ? ".epoch-" : "epoch-", prefix) != 0)
        return false;
    size_t digits = strspn(name + prefix, "0123456789");
    return digits > 0 && strcmp(name + prefix + digits, temporary ? ".tmp" : "") == 0;
}

/* Removes one checkpoint directory; what lyrnn did not put there stays, and with it the directory. A
 * link or a file of that name is not lyrnn's. Without error: what matters later fails there. */
static void remove_checkpoint(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, OPEN_DIR | O_NOFOLLOW);
    if (fd < 0)
        return;
    unlinkat(fd, "model.safetensors", 0);
    unlinkat(fd, "trainer.safetensors", 0);
    close(fd);
    unlinkat(parent_fd, name, AT_REMOVEDIR);
}

static void remove_checkpoints(int run_fd)
{
    int fd = openat(run_fd, "checkpoints", OPEN_DIR | O_NOFOLLOW);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (is_checkpoint_name(entry->d_name))
            remove_checkpoint(fd, entry->d_name);
    closedir(directory);
    unlinkat(run_fd, "checkpoints", AT_REMOVEDIR);
}

/* Removes what an earlier run left, but config.json: until the new one replaces it, it is what marks the
 * directory as a run. */
static void remove_run(int run_fd)
{
    static const char *const names[] = {"latest",       "best",    "metrics.jsonl",
                                        ".config.json", ".latest", ".best"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlinkat(run_fd, names[i], 0);
    remove_checkpoints(run_fd);
}

static bool is_empty(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(directory)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(directory);
    return empty;
}

/* A config.json marks a run. Where its checkpoints are a link, or no directory, it is not as lyrnn made
 * it, and what a new run saved would land elsewhere. */
static bool is_run(const char *path)
{
    path_text name;
    struct stat info;
    if (format_path(name, "%s/config.json", path) != LYRNN_OK || lstat(name, &info) != 0 ||
        !S_ISREG(info.st_mode))
        return false;
    return format_path(name, "%s/checkpoints", path) == LYRNN_OK &&
           (lstat(name, &info) == 0 ? S_ISDIR(info.st_mode) : errno == ENOENT);
}

lyrnn_status lyrnn_run_dir_check(const char *path, bool overwrite)
{
    struct stat info;
    if (path == NULL)
        return check_parent("runs/new");
    if (path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "--out: the name is empty; give a directory");
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? check_parent(path) : cannot("use it", path);
    if (!is_directory(path))
        return lyrnn_fail(LYRNN_ERR_IO, "%s: exists and is not a directory; choose another --out",
                          path);
    if (!overwrite)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: exists; choose another --out, or give --overwrite",
                          path);
    if (!is_empty(path) && !is_run(path))
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s: neither empty nor a run (config.json and checkpoints), so "
                          "nothing in it is overwritten; choose another --out",
                          path);
    return access(path, W_OK | X_OK) == 0 ? LYRNN_OK : cannot("write there", path);
}

/* Makes runs/<date-time>, or the first of its -2, -3, ... that is free. */
static lyrnn_status make_default(char *path)
{
    char date_time[sizeof "20000101-000000"];
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) == NULL ||
        strftime(date_time, sizeof date_time, "%Y%m%d-%H%M%S", &local) == 0)
        return lyrnn_fail(LYRNN_ERR_IO, "clock: the date cannot be told; give --out");
    LYRNN_TRY(format_path(path, "runs/%s", date_time));
    LYRNN_TRY(make_parents(path));
    for (int i = 2; mkdir(path, 0777) != 0; i++) {
        if (errno != EEXIST || i == INT_MAX)
            return cannot("make the directory", path);
        LYRNN_TRY(format_path(path, "runs/%s-%d", date_time, i));
    }
    return LYRNN_OK;
}

/* Makes the directory, or takes over an existing one; is_new says which. */
static lyrnn_status make_directory(const char *path, bool overwrite, bool *is_new)
{
    LYRNN_TRY(lyrnn_run_dir_check(path, overwrite));
    LYRNN_TRY(make_parents(path));
    *is_new = mkdir(path, 0777) == 0;
    if (!*is_new && !(overwrite && errno == EEXIST))
        return cannot("make the directory", path);
    return LYRNN_OK;
}

static lyrnn_status write_config(int fd, const char *path, const char *config_json)
{
    int file = openat(fd, ".config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *stream = file < 0 ? NULL : fdopen(file, "w");
    if (stream == NULL) {
        lyrnn_status status = cannot("write config.json", path);
        if (file >= 0)
            close(file);
        return status;
    }
    bool written = fputs(config_json, stream) >= 0 && fflush(stream) == 0 && fsync(file) == 0;
    written = fclose(stream) == 0 && written;
    if (written && renameat(fd, ".config.json", fd, "config.json") == 0)
        return LYRNN_OK;
    lyrnn_status status = cannot("write config.json", path);
    unlinkat(fd, ".config.json", 0);
    return status;
}

static lyrnn_status open_metrics(int fd, const char *path, FILE **metrics)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC;
    int file = openat(fd, "metrics.jsonl", flags, 0666);
    *metrics = file < 0 ? NULL : fdopen(file, "a");
    if (*metrics != NULL)
        return LYRNN_OK;
    lyrnn_status status = cannot("write metrics.jsonl", path);
    if (file >= 0)
        close(file);
    return status;
}

lyrnn_status lyrnn_run_dir_create(lyrnn_run_dir *run, const char *path, bool overwrite,
                                  const char *config_json)
{
    path_text default_path;
    bool is_new = true;
    int fd = -1;
    memset(run, 0, sizeof *run);
    if (path == NULL) {
        LYRNN_TRY(make_default(default_path));
        path = default_path;
    } else {
        LYRNN_TRY(make_directory(path, overwrite, &is_new));
    }
    lyrnn_status status;
    run->path = strdup(path);
    fd = open(path, OPEN_DIR);
    if (run->path == NULL || fd < 0) {
        status = cannot("open", path);
        goto done;
    }
    remove_run(fd);
    status = write_config(fd, path, config_json);
    if (status == LYRNN_OK)
        status = open_metrics(fd, path, &run->metrics);
    if (status == LYRNN_OK && fsync(fd) != 0)
        status = cannot("flush", path);
done:
    if (status != LYRNN_OK) {
        lyrnn_run_dir_close(run);
        if (is_new && fd >= 0) {
            remove_run(fd);
            unlinkat(fd, "config.json", 0);
        }
        if (is_new)
            rmdir(path);
    }
    if (fd >= 0)
        close(fd);
    return status;
}

lyrnn_status lyrnn_run_dir_append_metrics(lyrnn_run_dir *run, const char *json_line)
{
    if (fprintf(run->metrics, "%s\n", json_line) < 0 || fflush(run->metrics) != 0)
        return cannot("write metrics.jsonl", run->path);
    return LYRNN_OK;
}

/* Writes the model into the directory temporary, which is made, and flushes both. */
static lyrnn_status write_model(const char *temporary, const lyrnn_rnn_config *config,
                                const lyrnn_vocab *vocab, const float *params)
{
    path_text model;
    LYRNN_TRY(format_path(model, "%s/model.safetensors", temporary));
    if (mkdir(temporary, 0777) != 0)
        return cannot("make the directory", temporary);
    LYRNN_TRY(lyrnn_checkpoint_write(model, config, vocab, params));
    return sync_directory(temporary);
}

/* Renames a directory; one that has the name already (an earlier save of the same epoch) takes the
 * temporary name in exchange, in one step, and is then removed. */
static lyrnn_status move_into_place(int checkpoints_fd, const char *temporary, const char *name,
                                    const char *run_path)
{
    if (renameat(checkpoints_fd, temporary, checkpoints_fd, name) == 0)
        return LYRNN_OK;
    if ((errno == EEXIST || errno == ENOTEMPTY) &&
        renameat2(checkpoints_fd, temporary, checkpoints_fd, name, RENAME_EXCHANGE) == 0) {
        remove_checkpoint(checkpoints_fd, temporary);
        return LYRNN_OK;
    }
    return lyrnn_fail(LYRNN_ERR_IO, "%s/checkpoints/%s: cannot rename: %s", run_path, name,
                      strerror(errno));
}

static lyrnn_status save_checkpoint(const char *run_path, const char *name,
                                    const lyrnn_rnn_config *config, const lyrnn_vocab *vocab,
                                    const float *params)
{
    path_text checkpoints, temporary;
    char temporary_name[NAME_MAX + 1];
    snprintf(temporary_name, sizeof temporary_name, ".%s.tmp", name);
    LYRNN_TRY(format_path(checkpoints, "%s/checkpoints", run_path));
    LYRNN_TRY(format_path(temporary, "%s/%s", checkpoints, temporary_name));
    if (mkdir(checkpoints, 0777) != 0 && errno != EEXIST)
        return cannot("make the directory", checkpoints);
    int fd = open(checkpoints, OPEN_DIR);
    if (fd < 0)
        return cannot("open", checkpoints);

    remove_checkpoint(fd, temporary_name);
    lyrnn_status status = write_model(temporary, config, vocab, params);
    if (status == LYRNN_OK)
        status = move_into_place(fd, temporary_name, name, run_path);
    if (status != LYRNN_OK)
        remove_checkpoint(fd, temporary_name);
    else if (fsync(fd) != 0)
        status = cannot("flush", checkpoints);
    close(fd);
    return status;
}

/* Makes run/link ("latest", "best") name a checkpoint, at once. */
static lyrnn_status point(const char *run_path, const char *link, const char *name)
{
    path_text target, temporary, path;
    LYRNN_TRY(format_path(target, "checkpoints/%s", name));
    LYRNN_TRY(format_path(temporary, "%s/.%s", run_path, link));
    LYRNN_TRY(format_path(path, "%s/%s", run_path, link));
    unlink(temporary);
    if (symlink(target, temporary) != 0)
        return cannot("make the link", temporary);
    if (rename(temporary, path) != 0) {
        lyrnn_status status = cannot("replace", path);
        unlink(temporary);
        return status;
    }
    return sync_directory(run_path);
}

/* "epoch-000050" */
typedef char checkpoint_name[32];

static void name_checkpoint(int epoch, checkpoint_name name)
{
    LYRNN_CHECK(epoch >= 0);
    snprintf(name, sizeof(checkpoint_name), "epoch-%06d", epoch);
}

lyrnn_status lyrnn_run_dir_save(lyrnn_run_dir *run, int epoch, const lyrnn_rnn_config *config,
                                const lyrnn_vocab *vocab, const float *params)
{
    checkpoint_name name;
    name_checkpoint(epoch, name);
    LYRNN_TRY(save_checkpoint(run->path, name, config, vocab, params));
    return point(run->path, "latest", name);
}

lyrnn_status lyrnn_run_dir_mark_best(lyrnn_run_dir *run, int epoch)
{
    checkpoint_name name;
    name_checkpoint(epoch, name);
    return point(run->path, "best", name);
}

void lyrnn_run_dir_remove(lyrnn_run_dir *run, int epoch)
{
    path_text path;
    checkpoint_name name;
    name_checkpoint(epoch, name);
    if (format_path(path, "%s/checkpoints", run->path) != LYRNN_OK)
        return;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        remove_checkpoint(fd, name);
        close(fd);
    }
}

void lyrnn_run_dir_close(lyrnn_run_dir *run)
{
    if (run->metrics != NULL)
        fclose(run->metrics);
    free(run->path);
    memset(run, 0, sizeof *run);
}

lyrnn_status lyrnn_run_dir_find_model(const char *path, char *model_path, size_t size)
{
    /* A run, or one checkpoint of it. */
    static const char *const names[] = {"/latest/model.safetensors", "/model.safetensors"};
    struct stat info;
    if (stat(path, &info) != 0)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: %s; give a model.safetensors or a run directory", path,
                          strerror(errno));
    if (!S_ISDIR(info.st_mode)) {
        if ((size_t)snprintf(model_path, size, "%s", path) >= size)
            return lyrnn_fail(LYRNN_ERR_IO, "%s: the path is too long; use a shorter one", path);
        return LYRNN_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((size_t)snprintf(model_path, size, "%s%s", path, names[i]) >= size)
            return lyrnn_fail(LYRNN_ERR_IO, "%s: the path is too long; use a shorter one", path);
        if (stat(model_path, &info) == 0)
            return LYRNN_OK;
    }
    return lyrnn_fail(LYRNN_ERR_IO,
                      "%s: no checkpoint in it; give a model.safetensors or a run directory that "
                      "has one",
                      path);
}
