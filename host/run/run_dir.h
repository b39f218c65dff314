/* The folder of one training run:
 *
 *     NAME/config.json                              run/config.h
 *     NAME/metrics.jsonl                            run/metrics.h
 *     NAME/lock                                     held by the process that trains
 *     NAME/checkpoints/epoch-000050/                at an epoch's end
 *         model.safetensors  trainer.safetensors
 *     NAME/checkpoints/epoch-000051-batch-000017/   within an epoch: stopped there, or the best
 *     NAME/latest -> checkpoints/epoch-000050
 *     NAME/best -> checkpoints/epoch-000050         if there is validation
 *
 *     NAME/.new/                                    a run that will replace this one
 *
 * lyrnn writes a checkpoint under a temporary name, flushes it to the disk and renames it, both
 * files at once. It replaces everything else in the same way, except metrics.jsonl, which only
 * grows. */
#ifndef LYRNN_RUN_DIR_H
#define LYRNN_RUN_DIR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "files/trainer_state.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"
#include "run/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Descriptors are 0 if they are closed. */
typedef struct {
    char *path;     /* owned */
    int fd;         /* the folder */
    int files_fd;   /* the folder of the run's files: fd, or .new in it */
    bool is_staged; /* the files are in .new, because an earlier run is still whole */
    int lock_fd;    /* the file `lock` */
    bool has_folder_lock, has_owner; /* run_dir_lock.c */
    bool was_renamed;        /* a save found the folder under another name, which is in path now */
    FILE *metrics;           /* metrics.jsonl, open for appending */
    lyrnn_metrics_kept kept; /* of metrics.jsonl, by lyrnn_run_dir_resume */
    bool is_to_be_cut;       /* metrics.jsonl, to what is kept, before the next line */
    json_t *config;          /* of a resumed run, to be written before its next checkpoint; owned */
} lyrnn_run_dir;

/* What a new run may do with a folder that exists. */
typedef enum {
    LYRNN_EXISTING_KEEP,    /* nothing: it is refused */
    LYRNN_EXISTING_REPLACE, /* replace the run in it, or use it if it is empty */
    LYRNN_EXISTING_UNSAVED  /* the same, but refuse a run that has a checkpoint */
} lyrnn_existing;

/* Fails if lyrnn_run_dir_create would refuse this path, and changes nothing. It exists to be asked
 * before long work begins. */
lyrnn_status lyrnn_run_dir_check(const char *path, lyrnn_existing existing);

/* Whether path is a run that has a checkpoint. */
bool lyrnn_run_dir_is_saved(const char *path);

/* Whether path, a file or a folder, is the folder run_path or is below it, whatever links or names
 * lead there. Then *inside is the rest of its name, "" for the folder itself. */
bool lyrnn_run_dir_contains(const char *run_path, const char *path, char inside[PATH_MAX]);

/* Whether a name in a run's folder is one of lyrnn's files, which an overwrite replaces. */
bool lyrnn_run_dir_owns(const char *inside);

/* Makes the folder (and missing parents) with config.json and an empty metrics.jsonl, and locks it.
 * path NULL: runs/<date-time>, with -2, -3, ... added if that exists.
 *
 * If path exists, `existing` decides. If it may be replaced, the first checkpoint of the new run
 * replaces the earlier run; until then that one stays as it is, and it does so for good if there is
 * no checkpoint. If it has no checkpoint itself, its files are removed at once. A folder that is
 * neither empty nor a run (config.json, and checkpoints if there are any) is refused, and so is a
 * run in which another process trains. LYRNN_ERR_IO, LYRNN_ERR_LOCKED. */
lyrnn_status lyrnn_run_dir_create(lyrnn_run_dir *run, const char *path, lyrnn_existing existing,
                                  const json_t *config);

/* Opens and locks an existing run. If a process was killed while a new run replaced an earlier one,
 * that is finished or undone first. Nothing else in it changes but the lock, and `latest` if it is
 * missing: that then names the newest checkpoint. LYRNN_ERR_IO: path is no run. LYRNN_ERR_NOTHING:
 * nothing has been saved in it. LYRNN_ERR_LOCKED: another process trains in it. */
lyrnn_status lyrnn_run_dir_open(lyrnn_run_dir *run, const char *path);

/* Finds the run again if its folder was renamed since it was opened, and then changes path and sets
 * was_renamed. Every save begins so. LYRNN_ERR_IO: the folder was removed. LYRNN_ERR_LOCKED: its
 * lock was removed and another process has it. */
lyrnn_status lyrnn_run_dir_locate(lyrnn_run_dir *run);

/* Whether the run has a checkpoint. lyrnn_run_dir_require_checkpoint fails if it has none, because
 * a process was killed before the first one. LYRNN_ERR_NOTHING. */
bool lyrnn_run_dir_has_checkpoint(const lyrnn_run_dir *run);
lyrnn_status lyrnn_run_dir_require_checkpoint(const lyrnn_run_dir *run);

/* Prepares an open run to continue at a position. Nothing changes yet: the next line truncates
 * metrics.jsonl to the lines before it, and the next save writes config. Fails as
 * lyrnn_metrics_resume does. */
lyrnn_status lyrnn_run_dir_resume(lyrnn_run_dir *run, const lyrnn_metrics_position *position,
                                  const json_t *config);

/* Appends an epoch's line to metrics.jsonl and flushes it to the system. LYRNN_ERR_IO,
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_run_dir_append_metrics(lyrnn_run_dir *run, const lyrnn_metrics *metrics);

/* Saves a checkpoint, named after the state's epoch and batch, and points `latest` to it. It
 * replaces an earlier checkpoint of that name. metrics.jsonl is flushed to the disk first. If the
 * epoch is the best so far, `best` is set before `latest`, so that a run whose last epoch is the
 * latest needs no repair. On failure `latest` and the checkpoint that it names stay as they were.
 * The first checkpoint of a run that overwrites an earlier one removes that one.
 * params is flat, as in lyrnn_checkpoint. LYRNN_ERR_IO. */
lyrnn_status lyrnn_run_dir_save(lyrnn_run_dir *run, const lyrnn_rnn_config *config,
                                const lyrnn_vocab *vocab, const float *params,
                                const lyrnn_trainer_state *state);

/* Points `best` to the checkpoint of the state's best epoch, or best batch within it. Does nothing
 * if that is not there (any more). LYRNN_ERR_IO. */
lyrnn_status lyrnn_run_dir_mark_best(lyrnn_run_dir *run, const lyrnn_trainer_state *state);

/* Removes a saved epoch. Neither `latest` nor `best` may name it. */
void lyrnn_run_dir_remove(lyrnn_run_dir *run, int epoch);

/* Removes what later saves have replaced: unfinished checkpoints, checkpoints within an epoch and,
 * if keep is not 0, all epochs but the last `keep`. Never removes what `latest` or `best` names. */
void lyrnn_run_dir_prune(lyrnn_run_dir *run, int keep);

/* Closes the files and releases the lock. A zeroed run is fine. */
void lyrnn_run_dir_close(lyrnn_run_dir *run);

/* Finds the model file that a user means by path: the file itself, the latest model of a run, or
 * the model in a checkpoint's folder. Writes at most size bytes to model_path. LYRNN_ERR_IO: there
 * is none. */
lyrnn_status lyrnn_run_dir_find_model(const char *path, char *model_path, size_t size);

#ifdef __cplusplus
}
#endif
#endif
