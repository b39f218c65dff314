/* A new run that overwrites an earlier one. Its files are in NAME/.new until its first checkpoint
 * is whole, so that the earlier run stays whole if the training fails or is killed before.
 *
 * `latest` in .new is made after that checkpoint and moves last. While it is there, the new run is
 * the one that counts: run_dir_commit takes its place file by file, and can be repeated after a
 * kill. Without it, .new is what a failed training left, and goes. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/run_dir.h"
#include "run/run_dir_files.h"

static int open_stage(int fd)
{
    return openat(fd, STAGE, OPEN_DIR | O_NOFOLLOW);
}

bool run_dir_find_staged(int fd, checkpoint_name name)
{
    int stage = open_stage(fd);
    name[0] = '\0';
    if (stage < 0)
        return false;
    run_dir_read_name(stage, "latest", name);
    close(stage);
    return name[0] != '\0';
}

static void discard(int fd)
{
    int stage = open_stage(fd);
    if (stage < 0)
        return;
    run_dir_remove_files(stage);
    unlinkat(stage, "config.json", 0);
    close(stage);
    unlinkat(fd, STAGE, AT_REMOVEDIR);
}

/* Removes the earlier run's checkpoints and moves the new one there. */
static lyrnn_status move_checkpoint(int fd, int stage, const char *path, const char *name)
{
    run_dir_remove_files(fd);
    if (mkdirat(fd, "checkpoints", 0777) != 0 && errno != EEXIST)
        return run_dir_cannot("make the folder checkpoints", path);
    int from = openat(stage, "checkpoints", OPEN_DIR | O_NOFOLLOW);
    int to = openat(fd, "checkpoints", OPEN_DIR | O_NOFOLLOW);
    const checkpoint_move move = {.from_fd = from, .from = name, .to_fd = to, .to = name};
    lyrnn_status status =
        from < 0 || to < 0 ? run_dir_cannot("open checkpoints", path) : run_dir_move(&move, path);
    if (status == LYRNN_OK && run_dir_flush(to) != 0)
        status = run_dir_cannot("flush checkpoints", path);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return status;
}

static lyrnn_status move_files(int fd, int stage, const char *path, const char *name)
{
    static const char *const files[] = {"best", "metrics.jsonl", "config.json"};
    checkpoint_name staged;
    run_dir_read_link(stage, "latest", staged);
    if (staged[0] != '\0')
        LYRNN_TRY(move_checkpoint(fd, stage, path, name));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (renameat(stage, files[i], fd, files[i]) != 0 && errno != ENOENT)
            return run_dir_cannot("replace the earlier run", path);
    if (run_dir_flush(fd) != 0)
        return run_dir_cannot("flush", path);
    if (renameat(stage, "latest", fd, "latest") != 0)
        return run_dir_cannot("replace latest", path);
    return LYRNN_OK;
}

static lyrnn_status commit(int fd, const char *path, const char *name)
{
    int stage = open_stage(fd);
    if (stage < 0)
        return run_dir_cannot("open " STAGE, path);
    lyrnn_status status = move_files(fd, stage, path, name);
    close(stage);
    LYRNN_TRY(status);
    discard(fd);
    return run_dir_flush(fd) == 0 ? LYRNN_OK : run_dir_cannot("flush", path);
}

lyrnn_status run_dir_finish_stage(int fd, const char *path)
{
    checkpoint_name name;
    if (run_dir_find_staged(fd, name))
        return commit(fd, path, name);
    discard(fd);
    return LYRNN_OK;
}

lyrnn_status run_dir_begin_stage(lyrnn_run_dir *run)
{
    if (mkdirat(run->fd, STAGE, 0777) != 0)
        return run_dir_cannot("make the folder " STAGE, run->path);
    run->is_staged = true;
    run->files_fd = open_stage(run->fd);
    if (run->files_fd >= 0)
        return LYRNN_OK;
    run->files_fd = run->fd;
    return run_dir_cannot("open " STAGE, run->path);
}

lyrnn_status run_dir_commit_stage(lyrnn_run_dir *run)
{
    LYRNN_TRY(run_dir_finish_stage(run->fd, run->path));
    close(run->files_fd);
    run->files_fd = run->fd;
    run->is_staged = false;
    return LYRNN_OK;
}

void run_dir_end_stage(lyrnn_run_dir *run)
{
    checkpoint_name name;
    if (!run->is_staged)
        return;
    if (run->files_fd != run->fd)
        close(run->files_fd);
    if (!run_dir_find_staged(run->fd, name))
        discard(run->fd);
}
