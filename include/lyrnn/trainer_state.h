/* Where a training stands, besides its weights: what a trainer holds on the device, taken to the host, and as
 * a file, trainer.safetensors, beside the model's.
 *
 *     tensors        exp_avg.NAME and exp_avg_sq.NAME, Adam's moments of each parameter in PyTorch's shape;
 *                    h and for lstm c (L*D,B,H), the state that the next batch starts from
 *     __metadata__   "epoch", "batch", "step", "loss_sum", "loss_count", "best_epoch",
 *                    "best_nats_per_char", "seed", "corpus_chars", "corpus_xxh128"; reals in
 *                    hexadecimal, so that none is rounded
 *
 * No state of a random number generator stands here, as there is none: dropout's masks are keyed by (seed,
 * step), the shuffles by (seed, epoch). Nothing is as a device holds it, so any backend can go on. */
#ifndef LYRNN_TRAINER_STATE_H
#define LYRNN_TRAINER_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/corpus.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int B;        /* streams */
    float *m, *v; /* (parameters.count) each, flat, owned as are the following */
    float *h;     /* (L*D,B,H) */
    float *c;     /* (L*D,B,H)  lstm alone, else NULL */
    lyrnn_counters
        counters;   /* batch, loss_sum and loss_count: of the epoch under way; bad_step is 0 */
    int epoch;      /* complete epochs; batch counts in the one after them */
    int best_epoch; /* by validation; 0: none */
    double best_nats_per_char;
    uint64_t seed;
    int64_t corpus_chars; /* of which the training learns, and validates on, all */
    char corpus_xxh128[LYRNN_CORPUS_HASH_SIZE]; /* by lyrnn_corpus_hash */
} lyrnn_trainer_state;

/* The state before the first step of a training of B streams: all zero. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_state_init(lyrnn_trainer_state *state, const lyrnn_rnn_config *config,
                                      int B);
/* Bytes of host memory that it takes, in itself and while it is written. */
size_t lyrnn_trainer_state_bytes(const lyrnn_rnn_config *config, int B);
/* A zeroed state is fine. */
void lyrnn_trainer_state_free(lyrnn_trainer_state *state);

/* Writes a new file; see lyrnn_safetensors_write. The same state gives the same bytes. */
lyrnn_status lyrnn_trainer_state_write(const char *path, const lyrnn_rnn_config *config,
                                       const lyrnn_trainer_state *state);

/* Reads a state of this network and B streams, to be freed. LYRNN_ERR_IO: the file cannot be read.
 * LYRNN_ERR_MODEL_FILE: not safetensors; a tensor missing, of another shape or type, too many; a moment
 * or a state that no training leaves; a number missing or out of range. */
lyrnn_status lyrnn_trainer_state_read(lyrnn_trainer_state *state, const char *path,
                                      const lyrnn_rnn_config *config, int B);

#ifdef __cplusplus
}
#endif
#endif
