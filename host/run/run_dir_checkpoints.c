/* The checkpoints of a run: each is saved whole or not at all, `latest` and `best` name two of
 * them, and prune removes those that are no longer needed.
 *
 * epoch-000050 is at an epoch's end; epoch-000051-batch-000017 is within an epoch, where training
 * was stopped; .NAME.tmp is not finished yet. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/remedy.h"
#include "lyrnn/checkpoint.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

typedef char checkpoint_name[64];

static void name_epoch(int epoch, checkpoint_name name)
{
    LYRNN_CHECK(epoch >= 0);
    snprintf(name, sizeof(checkpoint_name), "epoch-%06d", epoch);
}

static void name_checkpoint(const lyrnn_trainer_state *state, checkpoint_name name)
{
    long long batch = state->snapshot.counters.batch;
    if (batch == 0)
        name_epoch(state->snapshot.epoch, name);
    else
        snprintf(name, sizeof(checkpoint_name), "epoch-%06d-batch-%06lld",
                 state->snapshot.epoch + 1, batch);
}

static bool take_text(const char **name, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(*name, text, length) != 0)
        return false;
    *name += length;
    return true;
}

static bool take_digits(const char **name)
{
    size_t length = strspn(*name, "0123456789");
    *name += length;
    return length > 0;
}

typedef enum { NOT_OURS, UNFINISHED, WITHIN_EPOCH, AT_EPOCH } checkpoint_kind;

static checkpoint_kind kind_of(const char *name)
{
    bool is_unfinished = take_text(&name, "."), is_within = false;
    if (!take_text(&name, "epoch-") || !take_digits(&name))
        return NOT_OURS;
    if (take_text(&name, "-batch-")) {
        is_within = true;
        if (!take_digits(&name))
            return NOT_OURS;
    }
    if (strcmp(name, is_unfinished ? ".tmp" : "") != 0)
        return NOT_OURS;
    return is_unfinished ? UNFINISHED : is_within ? WITHIN_EPOCH : AT_EPOCH;
}

/* Removes one checkpoint's folder. Files that lyrnn did not put there stay, and with them the
 * folder. A link or a file of that name is not ours. The model goes last, because it is of use
 * without the other file. Reports no error: if a leftover matters, a later step fails on it. */
static void remove_checkpoint(int checkpoints_fd, const char *name)
{
    int fd = openat(checkpoints_fd, name, OPEN_DIR | O_NOFOLLOW);
    if (fd < 0)
        return;
    unlinkat(fd, "trainer.safetensors", 0);
    unlinkat(fd, "model.safetensors", 0);
    close(fd);
    unlinkat(checkpoints_fd, name, AT_REMOVEDIR);
}

/* Opens the folder of checkpoints; the caller uses closedir. NULL: there is none. */
static DIR *open_checkpoints(int run_fd)
{
    int fd = openat(run_fd, "checkpoints", OPEN_DIR | O_NOFOLLOW);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL && fd >= 0)
        close(fd);
    return directory;
}

void run_dir_remove_checkpoints(int run_fd)
{
    DIR *directory = open_checkpoints(run_fd);
    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (kind_of(entry->d_name) != NOT_OURS)
            remove_checkpoint(dirfd(directory), entry->d_name);
    closedir(directory);
    unlinkat(run_fd, "checkpoints", AT_REMOVEDIR);
}

/* Saving */

/* Makes the folder `temporary` with both files, and flushes all three. */
static lyrnn_status write_both_files(const char *temporary, const lyrnn_rnn_config *config,
                                     const lyrnn_vocab *vocab, const float *params,
                                     const lyrnn_trainer_state *state)
{
    path_text model, trainer;
    LYRNN_TRY(run_dir_format(model, "%s/model.safetensors", temporary));
    LYRNN_TRY(run_dir_format(trainer, "%s/trainer.safetensors", temporary));
    if (mkdir(temporary, 0777) != 0)
        return run_dir_cannot("make the folder", temporary);
    LYRNN_TRY(lyrnn_checkpoint_write(model, config, vocab, params));
    LYRNN_TRY(lyrnn_trainer_state_write(trainer, config, state));
    return run_dir_sync(temporary);
}

/* Renames a checkpoint's folder. An earlier save of the same epoch swaps names with it in one step
 * and is then removed. */
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
    int error = errno;
    return lyrnn_fail(LYRNN_ERR_IO, "%s/checkpoints/%s: cannot rename: %s; %s", run_path, name,
                      strerror(error), lyrnn_remedy(error));
}

static lyrnn_status save_checkpoint(const char *run_path, const char *name,
                                    const lyrnn_rnn_config *config, const lyrnn_vocab *vocab,
                                    const float *params, const lyrnn_trainer_state *state)
{
    path_text checkpoints, temporary;
    char temporary_name[NAME_MAX + 1];
    snprintf(temporary_name, sizeof temporary_name, ".%s.tmp", name);
    LYRNN_TRY(run_dir_format(checkpoints, "%s/checkpoints", run_path));
    LYRNN_TRY(run_dir_format(temporary, "%s/%s", checkpoints, temporary_name));
    if (mkdir(checkpoints, 0777) != 0 && errno != EEXIST)
        return run_dir_cannot("make the folder", checkpoints);
    int fd = open(checkpoints, OPEN_DIR);
    if (fd < 0)
        return run_dir_cannot("open", checkpoints);

    remove_checkpoint(fd, temporary_name);
    lyrnn_status status = write_both_files(temporary, config, vocab, params, state);
    if (status == LYRNN_OK)
        status = move_into_place(fd, temporary_name, name, run_path);
    if (status != LYRNN_OK)
        remove_checkpoint(fd, temporary_name);
    else if (fsync(fd) != 0)
        status = run_dir_cannot("flush", checkpoints);
    close(fd);
    return status;
}

/* Makes run/link ("latest", "best") name a checkpoint. The old link is replaced in one step. */
static lyrnn_status set_link(const char *run_path, const char *link, const char *name)
{
    path_text target, temporary, path;
    LYRNN_TRY(run_dir_format(target, "checkpoints/%s", name));
    LYRNN_TRY(run_dir_format(temporary, "%s/.%s", run_path, link));
    LYRNN_TRY(run_dir_format(path, "%s/%s", run_path, link));
    unlink(temporary);
    if (symlink(target, temporary) != 0)
        return run_dir_cannot("make the link", temporary);
    if (rename(temporary, path) != 0) {
        lyrnn_status status = run_dir_cannot("replace", path);
        unlink(temporary);
        return status;
    }
    return run_dir_sync(run_path);
}

lyrnn_status lyrnn_run_dir_save(lyrnn_run_dir *run, const lyrnn_rnn_config *config,
                                const lyrnn_vocab *vocab, const float *params,
                                const lyrnn_trainer_state *state)
{
    checkpoint_name name;
    name_checkpoint(state, name);
    /* A checkpoint that survives a power failure needs the lines of its epochs. */
    if (run->metrics != NULL && fsync(fileno(run->metrics)) != 0)
        return run_dir_cannot("flush metrics.jsonl", run->path);
    LYRNN_TRY(save_checkpoint(run->path, name, config, vocab, params, state));
    if (state->snapshot.counters.batch == 0 && state->snapshot.epoch > 0 &&
        state->snapshot.epoch == state->best_epoch)
        LYRNN_TRY(set_link(run->path, "best", name));
    return set_link(run->path, "latest", name);
}

lyrnn_status lyrnn_run_dir_mark_best(lyrnn_run_dir *run, int epoch)
{
    checkpoint_name name;
    path_text path;
    name_epoch(epoch, name);
    LYRNN_TRY(run_dir_format(path, "%s/checkpoints/%s", run->path, name));
    return access(path, F_OK) == 0 ? set_link(run->path, "best", name) : LYRNN_OK;
}

/* Removing */

/* Reads which checkpoint run/link names; "" if there is no such link. */
static void read_link(int run_fd, const char *link, checkpoint_name name)
{
    char target[sizeof "checkpoints/" + sizeof(checkpoint_name)];
    const char *text = target;
    ssize_t length = readlinkat(run_fd, link, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    bool is_ours = take_text(&text, "checkpoints/") && strlen(text) < sizeof(checkpoint_name);
    snprintf(name, sizeof(checkpoint_name), "%s", is_ours ? text : "");
}

typedef struct {
    checkpoint_name *names; /* (num) owned */
    size_t num;
} name_list;

/* If there is no memory for the name, its checkpoint is kept. */
static void add_name(name_list *list, const char *name)
{
    if (strlen(name) >= sizeof(checkpoint_name))
        return;
    checkpoint_name *names = realloc(list->names, (list->num + 1) * sizeof *names);
    if (names == NULL)
        return;
    list->names = names;
    snprintf(list->names[list->num++], sizeof *names, "%s", name);
}

static int compare_latest_first(const void *a, const void *b)
{
    long long left = atoll((const char *)a + strlen("epoch-"));
    long long right = atoll((const char *)b + strlen("epoch-"));
    return (left < right) - (left > right);
}

/* Lists the checkpoints at an epoch's end, the latest first, and the others. The names are
 * collected before anything is removed, because a folder must not change while it is read. */
static void list_checkpoints(DIR *directory, name_list *epochs, name_list *others)
{
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        checkpoint_kind kind = kind_of(entry->d_name);
        if (kind != NOT_OURS)
            add_name(kind == AT_EPOCH ? epochs : others, entry->d_name);
    }
    if (epochs->num > 0)
        qsort(epochs->names, epochs->num, sizeof *epochs->names, compare_latest_first);
}

static void prune(int run_fd, int keep)
{
    checkpoint_name latest, best;
    name_list epochs = {0}, others = {0};
    DIR *directory = open_checkpoints(run_fd);
    if (directory == NULL)
        return;
    read_link(run_fd, "latest", latest);
    read_link(run_fd, "best", best);
    list_checkpoints(directory, &epochs, &others);
    for (size_t i = 0; i < others.num; i++)
        if (strcmp(others.names[i], latest) != 0)
            remove_checkpoint(dirfd(directory), others.names[i]);
    for (size_t i = (size_t)keep; keep > 0 && i < epochs.num; i++)
        if (strcmp(epochs.names[i], latest) != 0 && strcmp(epochs.names[i], best) != 0)
            remove_checkpoint(dirfd(directory), epochs.names[i]);
    closedir(directory);
    free(epochs.names);
    free(others.names);
}

void lyrnn_run_dir_prune(lyrnn_run_dir *run, int keep)
{
    int run_fd = open(run->path, OPEN_DIR);
    if (run_fd < 0)
        return;
    prune(run_fd, keep);
    close(run_fd);
}

/* Whether one finished checkpoint was made after another. epoch-000051-batch-000017 comes before
 * epoch-000051. */
static bool is_newer(const char *name, const char *other)
{
    long long left = atoll(name + strlen("epoch-")), right = atoll(other + strlen("epoch-"));
    if (left != right)
        return left > right;
    return kind_of(name) == AT_EPOCH || (kind_of(other) != AT_EPOCH && strcmp(name, other) > 0);
}

/* "" if there is none. */
static void find_newest(const char *run_path, checkpoint_name newest)
{
    newest[0] = '\0';
    int run_fd = open(run_path, OPEN_DIR);
    DIR *directory = run_fd < 0 ? NULL : open_checkpoints(run_fd);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        checkpoint_kind kind = kind_of(entry->d_name);
        if ((kind == AT_EPOCH || kind == WITHIN_EPOCH) &&
            strlen(entry->d_name) < sizeof(checkpoint_name) &&
            (newest[0] == '\0' || is_newer(entry->d_name, newest)))
            snprintf(newest, sizeof(checkpoint_name), "%s", entry->d_name);
    }
    if (directory != NULL)
        closedir(directory);
    if (run_fd >= 0)
        close(run_fd);
}

static bool has_latest(const char *run_path)
{
    path_text latest;
    return run_dir_format(latest, "%s/latest", run_path) == LYRNN_OK &&
           faccessat(AT_FDCWD, latest, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool lyrnn_run_dir_has_checkpoint(const lyrnn_run_dir *run)
{
    checkpoint_name newest;
    if (run->path == NULL)
        return false;
    find_newest(run->path, newest);
    return newest[0] != '\0' || has_latest(run->path);
}

lyrnn_status lyrnn_run_dir_require_checkpoint(const lyrnn_run_dir *run)
{
    return lyrnn_run_dir_has_checkpoint(run) ? LYRNN_OK : run_dir_nothing_saved(run->path);
}

lyrnn_status run_dir_restore_latest(const char *run_path)
{
    checkpoint_name newest;
    if (has_latest(run_path))
        return LYRNN_OK;
    find_newest(run_path, newest);
    return newest[0] != '\0' ? set_link(run_path, "latest", newest) : LYRNN_OK;
}

void lyrnn_run_dir_remove(lyrnn_run_dir *run, int epoch)
{
    checkpoint_name name;
    name_epoch(epoch, name);
    int run_fd = open(run->path, OPEN_DIR);
    DIR *directory = run_fd < 0 ? NULL : open_checkpoints(run_fd);
    if (directory != NULL) {
        remove_checkpoint(dirfd(directory), name);
        closedir(directory);
    }
    if (run_fd >= 0)
        close(run_fd);
}

/* Finding */

lyrnn_status lyrnn_run_dir_find_model(const char *path, char *model_path, size_t size)
{
    /* In a run, and in the folder of one checkpoint. */
    static const char *const names[] = {"/latest/model.safetensors", "/model.safetensors"};
    struct stat info;
    if (path[0] == '\0')
        return lyrnn_fail(LYRNN_ERR_IO,
                          "model: the name is empty; name a model.safetensors or a run");
    if (stat(path, &info) != 0)
        return errno != ENOENT
                   ? run_dir_cannot("open", path)
                   : lyrnn_fail(LYRNN_ERR_IO, "%s: %s; name a model.safetensors or a run", path,
                                strerror(errno));
    if (!S_ISDIR(info.st_mode)) {
        if ((size_t)snprintf(model_path, size, "%s", path) >= size)
            return lyrnn_fail(LYRNN_ERR_IO, "%s: the path is too long; choose a shorter one", path);
        return LYRNN_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((size_t)snprintf(model_path, size, "%s%s", path, names[i]) >= size)
            return lyrnn_fail(LYRNN_ERR_IO, "%s: the path is too long; choose a shorter one", path);
        if (stat(model_path, &info) == 0)
            return LYRNN_OK;
        if (errno != ENOENT && errno != ENOTDIR)
            return run_dir_cannot("open", model_path);
    }
    return lyrnn_fail(LYRNN_ERR_IO,
                      "%s: has no checkpoint; name a model.safetensors or a run that has one",
                      path);
}
