/* One training run on disk:
 *
 *     NAME/config.json  NAME/metrics.jsonl  NAME/lock
 *     NAME/checkpoints/epoch-000050/model.safetensors  trainer.safetensors
 *     NAME/checkpoints/epoch-000051-batch-000017/      where training was stopped within an epoch
 *     NAME/latest -> checkpoints/epoch-000050
 *     NAME/best -> checkpoints/epoch-000050            where there is validation
 *
 * A checkpoint is written under a temporary name, flushed, and renamed, both its files at once; so
 * is everything else but the metrics, which only grow. Who trains in a run holds its lock. */
#ifndef LYRNN_RUN_DIR_H
#define LYRNN_RUN_DIR_H

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

typedef struct {
    char *path;    /* owned */
    FILE *metrics; /* metrics.jsonl, open for appending */
    FILE *lock;    /* held until it is closed */
} lyrnn_run_dir;

/* Says whether lyrnn_run_dir_create would refuse, changing nothing: to ask before long work
 * begins. */
lyrnn_status lyrnn_run_dir_check(const char *path, bool overwrite);

/* Makes the directory (and missing parents) with config.json and empty metrics. path NULL:
 * runs/<date-time>, with -2, -3, ... where that exists. LYRNN_ERR_IO when it cannot be made, or
 * exists without overwrite; with overwrite an earlier run's files are removed first, and a
 * directory that is neither empty nor a run (config.json, and checkpoints where there is one) is
 * refused, as is one where another process trains. */
lyrnn_status lyrnn_run_dir_create(lyrnn_run_dir *run, const char *path, bool overwrite,
                                  const json_t *config);

/* Takes hold of a run that is there, to go on with it, and changes nothing in it but the lock.
 * LYRNN_ERR_IO when it is none, or another process trains there. */
lyrnn_status lyrnn_run_dir_open(lyrnn_run_dir *run, const char *path);

/* Whether any has been saved. */
bool lyrnn_run_dir_has_checkpoint(const lyrnn_run_dir *run);

/* Makes an open run ready to go on after its first `epoch` epochs: config.json is replaced, and
 * metrics.jsonl cut down to those epochs' lines. LYRNN_ERR_IO. */
lyrnn_status lyrnn_run_dir_resume(lyrnn_run_dir *run, int epoch, const json_t *config);

/* Appends an epoch's line to metrics.jsonl and flushes it to the system. LYRNN_ERR_IO,
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_run_dir_append_metrics(lyrnn_run_dir *run, const lyrnn_metrics *metrics);

/* Saves a checkpoint, named by the state's epoch and batch, in the place of an earlier one of that
 * name, and points latest there; metrics.jsonl is flushed to the disk first. An epoch that is the
 * best so far is named by best before latest names it: a run whose last epoch is the latest has
 * nothing left to mend. On failure latest and what it names stay as they were. LYRNN_ERR_IO. params
 * flat, as in lyrnn_checkpoint. */
lyrnn_status lyrnn_run_dir_save(lyrnn_run_dir *run, const lyrnn_rnn_config *config,
                                const lyrnn_vocab *vocab, const float *params,
                                const lyrnn_trainer_state *state);

/* Points best to a saved epoch; one that is not there (any more) leaves it as it is.
 * LYRNN_ERR_IO. */
lyrnn_status lyrnn_run_dir_mark_best(lyrnn_run_dir *run, int epoch);

/* Removes a saved epoch that neither latest nor best names any more. */
void lyrnn_run_dir_remove(lyrnn_run_dir *run, int epoch);

/* Removes what later saves made superfluous: half-written checkpoints, those within an epoch, and
 * where keep is not 0, of those at an epoch's end all but the last `keep`; never what latest or
 * best names. */
void lyrnn_run_dir_prune(lyrnn_run_dir *run, int keep);

/* A zeroed run is fine. */
void lyrnn_run_dir_close(lyrnn_run_dir *run);

/* The model file that a user means by path: the file itself, a run directory's latest, or the one
 * in a checkpoint directory. Writes at most size bytes. LYRNN_ERR_IO when there is none. */
lyrnn_status lyrnn_run_dir_find_model(const char *path, char *model_path, size_t size);

#ifdef __cplusplus
}
#endif
#endif
