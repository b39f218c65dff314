/* What the parts of run_dir.h share: paths, the errors that name them, and ways to write a file
 * whole. */
#ifndef LYRNN_RUN_DIR_FILES_H
#define LYRNN_RUN_DIR_FILES_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "lyrnn/status.h"

typedef char path_text[PATH_MAX];

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* Fails with "PATH: cannot VERB: REASON; REMEDY", from errno. */
lyrnn_status run_dir_cannot(const char *verb, const char *path);

/* Whether the folder is empty, or holds only what a process leaves that was killed while it made a
 * run, before config.json, which marks one. */
bool run_dir_is_empty(const char *path);

/* LYRNN_ERR_NOTHING: this run has no checkpoint to continue from. */
lyrnn_status run_dir_nothing_saved(const char *path);

/* Formats a path_text. LYRNN_ERR_IO: it is too long. */
LYRNN_PRINTF(2, 3) lyrnn_status run_dir_format(char *path, const char *format, ...);

/* Flushes a folder, so that a rename or a new name in it survives a power failure. */
lyrnn_status run_dir_sync(const char *path);

/* Replaces the file `name` in the folder fd by one that holds text: it is written under the name
 * `temporary`, flushed and renamed. path names the folder in errors. */
lyrnn_status run_dir_replace_file(int fd, const char *path, const char *temporary, const char *name,
                                  const char *text);

/* Removes a run's checkpoints, finished or not, and their folder. Files that lyrnn did not put
 * there stay. Reports no error: if a leftover matters, a later step fails on it. */
void run_dir_remove_checkpoints(int run_fd);

/* Locks the run until *lock is closed or the process ends, in whatever way. Refuses if another
 * process holds the lock: LYRNN_ERR_LOCKED. */
lyrnn_status run_dir_lock(int run_fd, const char *path, FILE **lock);
/* Fails if run_dir_lock would refuse now. */
lyrnn_status run_dir_check_lock(const char *path);

/* Makes `latest` name the newest checkpoint if the link is missing: a process may have been killed
 * before it made the first one, or a copy of the run may have left it out. */
lyrnn_status run_dir_restore_latest(const char *run_path);

#endif
