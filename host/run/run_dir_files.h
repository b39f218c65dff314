/* What the parts of run_dir.h share: paths, the errors that name them, ways to write a file whole,
 * names of checkpoints, the lock, and a new run that waits for its first checkpoint. `fd` is the
 * folder of a run's files, and `path` names the run in errors. */
#ifndef LYRNN_RUN_DIR_FILES_H
#define LYRNN_RUN_DIR_FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "lyrnn/status.h"
#include "run/run_dir.h"

typedef char path_text[PATH_MAX];

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* run_dir_files.c */

/* Fails with "PATH: cannot VERB: REASON; REMEDY", from errno. */
lyrnn_status run_dir_cannot(const char *verb, const char *path);

/* Reads the names in a folder. It takes no memory: a run must never look empty because there is
 * none. The fields are its own. */
typedef struct {
    int fd;
    size_t at, num_bytes;
    _Alignas(8) char entries[4096];
} folder_reader;

/* Opens the folder `name` in the folder fd (AT_FDCWD: the working directory). False: errno says
 * why. */
bool folder_open(folder_reader *reader, int fd, const char *name);

/* Returns the next name, which holds until the next call; NULL at the end. */
const char *folder_next(folder_reader *reader);
void folder_close(folder_reader *reader);

/* Whether the folder is empty, or holds only what a process leaves that was killed while it made a
 * run, before config.json, which marks one. */
bool run_dir_is_empty(const char *path);

/* LYRNN_ERR_NOTHING: this run has no checkpoint to continue from. */
lyrnn_status run_dir_nothing_saved(const char *path);

/* Formats a path_text. LYRNN_ERR_IO: it is too long. */
LYRNN_PRINTF(2, 3) lyrnn_status run_dir_format(char *path, const char *format, ...);

/* Flushes a folder, so that a rename or a new name in it survives a power failure. Some file
 * systems cannot do that, and then it does nothing. -1 and errno on failure. */
int run_dir_flush(int fd);
lyrnn_status run_dir_sync(const char *path);

/* Replaces the file `name` in the folder fd by one that holds text: it is written under the name
 * `temporary`, flushed and renamed. path names the folder in errors. */
lyrnn_status run_dir_replace_file(int fd, const char *path, const char *temporary, const char *name,
                                  const char *text);

/* run_dir.c: removes a run's files, except config.json, which marks the folder as a run until a new
 * one replaces it. Files that lyrnn did not put there stay. */
void run_dir_remove_files(int fd);

/* run_dir_lock.c: locks the run until it is closed or the process ends, in whatever way. Refuses if
 * another process holds the lock: LYRNN_ERR_LOCKED. */
lyrnn_status run_dir_lock(lyrnn_run_dir *run);
void run_dir_unlock(lyrnn_run_dir *run);
/* Locks the run again if its lock was removed. Refuses if another process has it by now. */
lyrnn_status run_dir_keep_lock(lyrnn_run_dir *run);
/* Fails if run_dir_lock would refuse now. */
lyrnn_status run_dir_check_lock(const char *path);

/* run_dir_links.c */

typedef char checkpoint_name[64];
typedef enum { NOT_OURS, UNFINISHED, WITHIN_EPOCH, AT_EPOCH } checkpoint_kind;

checkpoint_kind run_dir_kind(const char *name);

/* Reads which checkpoint `link` names; "" if there is no such link, or it leads elsewhere. The
 * second function also wants the checkpoint to be there. */
void run_dir_read_name(int fd, const char *link, checkpoint_name name);
void run_dir_read_link(int fd, const char *link, checkpoint_name name);

/* Makes `link` name a checkpoint. The old link is replaced in one step. */
lyrnn_status run_dir_set_link(int fd, const char *path, const char *link, const char *name);

/* Repairs both links: a folder in the place of a link, which a copy made, and a `latest` that names
 * no checkpoint. */
lyrnn_status run_dir_restore_links(int fd, const char *path);

/* The newest checkpoint that is whole; "" if there is none. */
void run_dir_find_newest(int fd, checkpoint_name newest);
bool run_dir_has_checkpoint(int fd);
/* Whether the run has a checkpoint or, if a copy lacks those, the model of one. */
bool run_dir_has_model(int fd);

/* run_dir_checkpoints.c */

typedef struct {
    int from_fd;
    const char *from;
    int to_fd;
    const char *to;
} checkpoint_move;

/* Renames a checkpoint's folder, and replaces one that has the new name. */
lyrnn_status run_dir_move(const checkpoint_move *move, const char *run_path);

/* Both report no error: if a leftover matters, a later step fails on it. The second removes all
 * checkpoints, finished or not, and their folder. Files that lyrnn did not put there stay. */
void run_dir_remove_checkpoint(int checkpoints_fd, const char *name);
void run_dir_remove_checkpoints(int fd);

/* run_dir_stage.c */

#define STAGE ".new"

/* Makes .new and lets the run's files be there. */
lyrnn_status run_dir_begin_stage(lyrnn_run_dir *run);
/* The run in .new, which has its first checkpoint, takes the place of the earlier one. */
lyrnn_status run_dir_commit_stage(lyrnn_run_dir *run);
/* Removes .new if it has no checkpoint. */
void run_dir_end_stage(lyrnn_run_dir *run);
/* Finishes or undoes what a killed process began. */
lyrnn_status run_dir_finish_stage(int fd, const char *path);
/* Whether .new has the checkpoint that counts, although it is not in its place yet. */
bool run_dir_find_staged(int fd, checkpoint_name name);

/* run_dir_place.c: whether the folder still has the name run->path. */
bool run_dir_is_in_place(const lyrnn_run_dir *run);

#endif
