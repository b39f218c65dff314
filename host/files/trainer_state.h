/* trainer.safetensors: a training at one point of time, in the file next to model.safetensors.
 *
 *     tensors        exp_avg.NAME and exp_avg_sq.NAME: Adam's moments of each parameter, in
 *                    PyTorch's shape; raw.NAME, only of a training that averages: the weights that
 *                    the steps change, where model.safetensors has their average; h and, for lstm,
 *                    c (L*D,B,H): the state that the next batch starts from
 *     __metadata__   "epoch", "batch", "step", "loss_sum", "loss_count", "best_epoch",
 *                    "best_nats_per_char", "seed", "corpus_chars", "corpus_xxh128",
 *                    "gradient_norm", "epoch_seconds" (these two may be missing); real
 *                    numbers are hexadecimal, so that none is rounded. After the plateau schedule
 *                    has halved the rate, also "num_halvings" and "halved_epoch". If the best
 *                    validation was within an epoch, also "best_batch"; if the report after the
 *                    last step was made, also "is_reported". Also the options
 *                    that lyrnn_state_option_keys lists, with which config.json is compared, and
 *                    "songs_xxh128", the hash of where songs begin in the corpus (these may be
 *                    missing; an option that is off is) */
#ifndef LYRNN_TRAINER_STATE_H
#define LYRNN_TRAINER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/corpus.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "lyrnn/trainer_snapshot.h"

/* Options that decide the bits of a training and that nothing else in the file shows. Those from
 * LYRNN_STATE_DROPOUT_INPUT on are "" if they are off, so that they leave no trace in the file. */
enum {
    LYRNN_STATE_NUM_STEPS,
    LYRNN_STATE_SAMPLING,
    LYRNN_STATE_OFFSET,
    LYRNN_STATE_SONGS, /* no option: the hash of where songs begin; "": that does not matter */
    LYRNN_STATE_VAL_FRACTION,
    LYRNN_STATE_VAL_SONGS,
    LYRNN_STATE_DROP_LEAKS,
    LYRNN_STATE_DROPOUT,
    LYRNN_STATE_LR,
    LYRNN_STATE_CLIP_NORM,
    LYRNN_STATE_DROPOUT_INPUT,
    LYRNN_STATE_DROPOUT_OUTPUT,
    LYRNN_STATE_DROPOUT_WEIGHT,
    LYRNN_STATE_SCHEDULE,
    LYRNN_STATE_WARMUP,
    LYRNN_STATE_SCHEDULE_STEPS, /* no option: the steps of the whole training, for a cosine */
    LYRNN_STATE_WEIGHT_DECAY,
    LYRNN_STATE_BETA2,
    LYRNN_STATE_EMA,
    LYRNN_STATE_SHARDS,
    LYRNN_STATE_NUM_OPTIONS
};
extern const char *const lyrnn_state_option_keys[LYRNN_STATE_NUM_OPTIONS]; /* of config.json */
typedef char lyrnn_state_option[40];

typedef struct {
    lyrnn_trainer_snapshot snapshot; /* owned: free it with lyrnn_trainer_snapshot_free */
    int best_epoch;                  /* with the lowest validation loss; 0: none */
    int64_t best_batch; /* of best_epoch, after which that loss was measured; 0: at its end */
    bool is_reported;   /* the report that is due within an epoch after counters.batch is made */
    /* After it the plateau schedule halved the rate last; 0 if snapshot.num_halvings is 0. */
    int halved_epoch;
    double best_nats_per_char;
    /* Time that the steps of the current epoch took; 0: unknown, or there are none yet. */
    double epoch_seconds;
    uint64_t seed;
    int64_t corpus_chars;                       /* training and validation part together */
    char corpus_xxh128[LYRNN_CORPUS_HASH_SIZE]; /* by lyrnn_corpus_hash */
    /* Their values as text. "": the option is off, or a file of an earlier version does not say. */
    lyrnn_state_option options[LYRNN_STATE_NUM_OPTIONS];
    /* "learned" of the model.safetensors next to this file, which does not hold it. Borrowed; NULL
     * if there is none. */
    const char *learned;
} lyrnn_trainer_state;

/* Returns the bytes of host memory that a state of B streams takes while it is written, with its
 * snapshot. has_average: the snapshot has the weights too. */
size_t lyrnn_trainer_state_bytes(const lyrnn_rnn_config *config, int B, bool has_average);

/* Writes a new file; see lyrnn_safetensors_write. The same state gives the same bytes.
 * LYRNN_ERR_IO, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_state_write(const char *path, const lyrnn_rnn_config *config,
                                       const lyrnn_trainer_state *state);

/* Reads the state of a training of this network; snapshot.B says with how many streams. The caller
 * frees the snapshot; on failure it is zeroed. LYRNN_ERR_IO: the file cannot be read.
 * LYRNN_ERR_MODEL_FILE: it is not safetensors; a tensor is missing, has another shape or type, or
 * is one too many; a value cannot come from a training; a number is missing or out of range.
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_state_read(lyrnn_trainer_state *state, const char *path,
                                      const lyrnn_rnn_config *config);

#endif
