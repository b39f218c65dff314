/* The checkpoints of a run: each is saved whole or not at all, and prune removes those that are no
 * longer needed. run_dir_links.c has the links that name two of them.
 *
 * epoch-000050 is at an epoch's end; epoch-000051-batch-000017 is within an epoch, where training
 * was stopped or was the best so far; .NAME.tmp is not finished yet, and .NAME.old is being
 * replaced. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/remedy.h"
#include "lyrnn/checkpoint.h"
#include "run/config.h"
#include "run/run_dir.h"
#include "run/run_dir_files.h"

static void name_epoch(int epoch, checkpoint_name name)
{
    LYRNN_CHECK(epoch >= 0);
    snprintf(name, sizeof(checkpoint_name), "epoch-%06d", epoch);
}

/* epoch is the one that the batch belongs to. */
static void name_batch(int epoch, int64_t batch, checkpoint_name name)
{
    snprintf(name, sizeof(checkpoint_name), "epoch-%06d-batch-%06lld", epoch, (long long)batch);
}

static void name_checkpoint(const lyrnn_trainer_state *state, checkpoint_name name)
{
    if (state->snapshot.counters.batch == 0)
        name_epoch(state->snapshot.epoch, name);
    else
        name_batch(state->snapshot.epoch + 1, state->snapshot.counters.batch, name);
}

/* "": there is no best one. */
static void name_best(const lyrnn_trainer_state *state, checkpoint_name name)
{
    name[0] = '\0';
    if (state->best_batch > 0)
        name_batch(state->best_epoch, state->best_batch, name);
    else if (state->best_epoch > 0)
        name_epoch(state->best_epoch, name);
}

/* Files that lyrnn did not put there stay, and with them the folder. A link or a file of that name
 * is not ours. The model goes last, because it is of use without the other file. */
void run_dir_remove_checkpoint(int checkpoints_fd, const char *name)
{
    int fd = openat(checkpoints_fd, name, OPEN_DIR | O_NOFOLLOW);
    if (fd < 0)
        return;
    unlinkat(fd, "trainer.safetensors", 0);
    unlinkat(fd, "model.safetensors", 0);
    close(fd);
    unlinkat(checkpoints_fd, name, AT_REMOVEDIR);
}

/* False: there is no such folder, or it is a link. */
static bool open_to_remove(folder_reader *reader, int files_fd)
{
    struct stat info;
    return fstatat(files_fd, "checkpoints", &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(info.st_mode) && folder_open(reader, files_fd, "checkpoints");
}

void run_dir_remove_checkpoints(int files_fd)
{
    folder_reader reader;
    if (!open_to_remove(&reader, files_fd))
        return;
    for (const char *name; (name = folder_next(&reader)) != NULL;)
        if (run_dir_kind(name) != NOT_OURS)
            run_dir_remove_checkpoint(reader.fd, name);
    folder_close(&reader);
    unlinkat(files_fd, "checkpoints", AT_REMOVEDIR);
}

/* Moving */

/* Takes the place of an earlier checkpoint on a file system that cannot exchange two names. Until
 * the second rename the earlier one has the name .NAME.old. */
static int replace_in_two_steps(const checkpoint_move *move)
{
    char old[sizeof(checkpoint_name) + sizeof "..old"];
    snprintf(old, sizeof old, ".%s.old", move->to);
    run_dir_remove_checkpoint(move->to_fd, old);
    if (renameat(move->to_fd, move->to, move->to_fd, old) != 0)
        return -1;
    if (renameat(move->from_fd, move->from, move->to_fd, move->to) == 0) {
        run_dir_remove_checkpoint(move->to_fd, old);
        return 0;
    }
    int error = errno;
    renameat(move->to_fd, old, move->to_fd, move->to);
    errno = error;
    return -1;
}

/* Replaces an earlier checkpoint in one step where the file system can. */
static int replace_checkpoint(const checkpoint_move *move)
{
    if (renameat2(move->from_fd, move->from, move->to_fd, move->to, RENAME_EXCHANGE) == 0) {
        run_dir_remove_checkpoint(move->from_fd, move->from);
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -1;
    return replace_in_two_steps(move);
}

lyrnn_status run_dir_move(const checkpoint_move *move, const char *run_path)
{
    if (renameat(move->from_fd, move->from, move->to_fd, move->to) == 0)
        return LYRNN_OK;
    if ((errno == EEXIST || errno == ENOTEMPTY) && replace_checkpoint(move) == 0)
        return LYRNN_OK;
    int error = errno;
    return lyrnn_fail(LYRNN_ERR_IO, "%s/checkpoints/%s: cannot rename: %s; %s", run_path, move->to,
                      strerror(error), lyrnn_remedy(error));
}

/* Saving */

typedef struct {
    const lyrnn_rnn_config *config;
    const lyrnn_vocab *vocab;
    const float *params;
    const lyrnn_trainer_state *state;
} checkpoint_content;

/* Makes the folder `temporary` with both files, and flushes all three. */
static lyrnn_status write_both_files(const char *temporary, const checkpoint_content *content)
{
    path_text model, trainer;
    LYRNN_TRY(run_dir_format(model, "%s/model.safetensors", temporary));
    LYRNN_TRY(run_dir_format(trainer, "%s/trainer.safetensors", temporary));
    if (mkdir(temporary, 0777) != 0)
        return run_dir_cannot("make the folder", temporary);
    LYRNN_TRY(lyrnn_checkpoint_write(model, content->config, content->vocab, content->params,
                                     content->state->learned));
    LYRNN_TRY(lyrnn_trainer_state_write(trainer, content->config, content->state));
    return run_dir_sync(temporary);
}

static lyrnn_status save_checkpoint(const lyrnn_run_dir *run, const char *name,
                                    const checkpoint_content *content)
{
    path_text checkpoints, temporary;
    char temporary_name[sizeof(checkpoint_name) + sizeof "..tmp"];
    snprintf(temporary_name, sizeof temporary_name, ".%s.tmp", name);
    LYRNN_TRY(run_dir_format(checkpoints, "%s%s/checkpoints", run->path,
                             run->is_staged ? "/" STAGE : ""));
    LYRNN_TRY(run_dir_format(temporary, "%s/%s", checkpoints, temporary_name));
    if (mkdirat(run->files_fd, "checkpoints", 0777) != 0 && errno != EEXIST)
        return run_dir_cannot("make the folder", checkpoints);
    int fd = openat(run->files_fd, "checkpoints", OPEN_DIR);
    if (fd < 0)
        return run_dir_cannot("open", checkpoints);

    const checkpoint_move move = {.from_fd = fd, .from = temporary_name, .to_fd = fd, .to = name};
    run_dir_remove_checkpoint(fd, temporary_name);
    lyrnn_status status = write_both_files(temporary, content);
    if (status == LYRNN_OK)
        status = run_dir_move(&move, run->path);
    if (status != LYRNN_OK)
        run_dir_remove_checkpoint(fd, temporary_name);
    else if (run_dir_flush(fd) != 0)
        status = run_dir_cannot("flush", checkpoints);
    close(fd);
    return status;
}

static lyrnn_status save(lyrnn_run_dir *run, const checkpoint_content *content)
{
    checkpoint_name name, best;
    name_checkpoint(content->state, name);
    name_best(content->state, best);
    /* A checkpoint that survives a power failure needs the lines of its epochs. */
    if (run->metrics != NULL && fsync(fileno(run->metrics)) != 0)
        return run_dir_cannot("flush metrics.jsonl", run->path);
    if (run->config != NULL)
        LYRNN_TRY(lyrnn_run_config_write(run->files_fd, run->path, run->config));
    json_decref(run->config);
    run->config = NULL;
    LYRNN_TRY(save_checkpoint(run, name, content));
    if (strcmp(name, best) == 0)
        LYRNN_TRY(run_dir_set_link(run->files_fd, run->path, "best", name));
    LYRNN_TRY(run_dir_set_link(run->files_fd, run->path, "latest", name));
    return run->is_staged ? run_dir_commit_stage(run) : LYRNN_OK;
}

lyrnn_status lyrnn_run_dir_save(lyrnn_run_dir *run, const lyrnn_rnn_config *config,
                                const lyrnn_vocab *vocab, const float *params,
                                const lyrnn_trainer_state *state)
{
    const checkpoint_content content = {config, vocab, params, state};
    LYRNN_TRY(lyrnn_run_dir_locate(run));
    lyrnn_status status = save(run, &content);
    if (status == LYRNN_OK || run_dir_is_in_place(run))
        return status;
    /* The folder was renamed in the middle of it. */
    LYRNN_TRY(lyrnn_run_dir_locate(run));
    return save(run, &content);
}

lyrnn_status lyrnn_run_dir_mark_best(lyrnn_run_dir *run, const lyrnn_trainer_state *state)
{
    checkpoint_name name;
    name_best(state, name);
    int checkpoints = openat(run->files_fd, "checkpoints", OPEN_DIR);
    bool is_there =
        name[0] != '\0' && checkpoints >= 0 && faccessat(checkpoints, name, F_OK, 0) == 0;
    if (checkpoints >= 0)
        close(checkpoints);
    return is_there ? run_dir_set_link(run->files_fd, run->path, "best", name) : LYRNN_OK;
}

/* Removing */

/* Checkpoints at an epoch's end. If there is no memory for a name, its checkpoint is kept. */
typedef struct {
    checkpoint_name *names; /* (num) owned */
    size_t num;
} epoch_list;

static void add_epoch(epoch_list *list, const char *name)
{
    checkpoint_name *names = realloc(list->names, (list->num + 1) * sizeof *names);
    if (names == NULL)
        return;
    list->names = names;
    snprintf(list->names[list->num++], sizeof *names, "%s", name);
}

/* The others. Few are there at a time, and what has no place goes with a later save, so that it
 * takes no memory to remove them. */
typedef struct {
    checkpoint_name names[16]; /* (num) */
    size_t num;
} other_list;

static void add_other(other_list *list, const char *name)
{
    if (list->num < sizeof list->names / sizeof *list->names)
        snprintf(list->names[list->num++], sizeof *list->names, "%s", name);
}

static int compare_latest_first(const void *a, const void *b)
{
    long long left = atoll((const char *)a + strlen("epoch-"));
    long long right = atoll((const char *)b + strlen("epoch-"));
    return (left < right) - (left > right);
}

/* Lists the checkpoints at an epoch's end, the latest first, and the others. The names are
 * collected before anything is removed, because a folder must not change while it is read. */
static void list_checkpoints(folder_reader *reader, epoch_list *epochs, other_list *others)
{
    for (const char *name; (name = folder_next(reader)) != NULL;) {
        checkpoint_kind kind = run_dir_kind(name);
        if (kind == NOT_OURS || strlen(name) >= sizeof(checkpoint_name))
            continue;
        if (kind == AT_EPOCH)
            add_epoch(epochs, name);
        else
            add_other(others, name);
    }
    if (epochs->num > 0)
        qsort(epochs->names, epochs->num, sizeof *epochs->names, compare_latest_first);
}

void lyrnn_run_dir_prune(lyrnn_run_dir *run, int keep)
{
    checkpoint_name latest, best;
    epoch_list epochs = {0};
    other_list others = {.num = 0};
    folder_reader reader;
    if (!open_to_remove(&reader, run->files_fd))
        return;
    run_dir_read_name(run->files_fd, "latest", latest);
    run_dir_read_name(run->files_fd, "best", best);
    list_checkpoints(&reader, &epochs, &others);
    for (size_t i = 0; i < others.num; i++)
        if (strcmp(others.names[i], latest) != 0 && strcmp(others.names[i], best) != 0)
            run_dir_remove_checkpoint(reader.fd, others.names[i]);
    for (size_t i = (size_t)keep; keep > 0 && i < epochs.num; i++)
        if (strcmp(epochs.names[i], latest) != 0 && strcmp(epochs.names[i], best) != 0)
            run_dir_remove_checkpoint(reader.fd, epochs.names[i]);
    folder_close(&reader);
    free(epochs.names);
}

bool lyrnn_run_dir_has_checkpoint(const lyrnn_run_dir *run)
{
    return run->path != NULL && run_dir_has_checkpoint(run->files_fd);
}

lyrnn_status lyrnn_run_dir_require_checkpoint(const lyrnn_run_dir *run)
{
    return lyrnn_run_dir_has_checkpoint(run) ? LYRNN_OK : run_dir_nothing_saved(run->path);
}

void lyrnn_run_dir_remove(lyrnn_run_dir *run, int epoch)
{
    checkpoint_name name;
    folder_reader reader;
    name_epoch(epoch, name);
    if (!open_to_remove(&reader, run->files_fd))
        return;
    run_dir_remove_checkpoint(reader.fd, name);
    folder_close(&reader);
}
