/* What the parts of run_dir.h share: paths, errors that name them, and the files that lyrnn puts in
 * a run. */
#ifndef LYRNN_RUN_DIR_FILES_H
#define LYRNN_RUN_DIR_FILES_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "lyrnn/status.h"

typedef char path_text[PATH_MAX];

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

/* Fails with errno's reason, and what to do about it. */
lyrnn_status run_dir_cannot(const char *verb, const char *path);

/* Whether there is nothing in the directory, or only what a process leaves that was killed while it
 * made a run: before config.json, which marks one. */
bool run_dir_is_empty(const char *path);

/* Fails: there is nothing to go on with in this run, or in what was to become one. */
lyrnn_status run_dir_nothing_saved(const char *path);

/* Writes a path_text; one that is too long is refused. */
LYRNN_PRINTF(2, 3) lyrnn_status run_dir_format(char *path, const char *format, ...);

/* Makes a rename or a new name in a directory outlive a power cut. */
lyrnn_status run_dir_sync(const char *path);

/* Makes a file of the directory fd hold text, at once: written aside under temporary, flushed,
 * renamed. path names the directory in errors. */
lyrnn_status run_dir_replace_file(int fd, const char *path, const char *temporary, const char *name,
                                  const char *text);

/* Removes the checkpoints of a run, whole or half-written, and their directory. What lyrnn did not
 * put there stays. Without error: what matters later fails there. */
void run_dir_remove_checkpoints(int run_fd);

/* Takes the run's lock until the stream is closed, or the process ends however it may; refuses
 * where another process has it. */
lyrnn_status run_dir_lock(int run_fd, const char *path, FILE **lock);
/* Whether run_dir_lock would refuse now. */
lyrnn_status run_dir_check_lock(const char *path);

/* Makes latest name the newest checkpoint where the link is missing: a process was killed before it
 * made its first, or a copy of the run lost it. */
lyrnn_status run_dir_restore_latest(const char *run_path);

#endif
