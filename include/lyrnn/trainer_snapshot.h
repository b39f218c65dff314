/* A training at one point of time, copied to the host: what a trainer holds on the device apart
 * from the weights.
 *
 * With the weights (lyrnn_model_download and lyrnn_model_upload) a snapshot determines all later
 * steps. There is no random number generator to save: dropout masks are keyed by (seed, step),
 * shuffles by (seed, epoch). The arrays have no device's layout, so a training may continue on
 * another backend. */
#ifndef LYRNN_TRAINER_SNAPSHOT_H
#define LYRNN_TRAINER_SNAPSHOT_H

#include <stdbool.h>

#include "lyrnn/backend.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* L layers, D directions, B streams, H hidden units. A stream is one of the B parallel text
 * sequences of a batch. */
typedef struct {
    int B;
    float *m, *v; /* (parameters.count) each: Adam's moments, flat, owned */
    float *h;     /* (L*D,B,H) the state that the next batch starts from, owned */
    float *c;     /* (L*D,B,H) owned; NULL unless the cell is lstm */
    float *raw;   /* (parameters.count) owned: the weights; NULL unless they are also averaged */
    int num_halvings; /* of the learning rate */
    /* batch, loss_sum and loss_count are those of the current epoch; bad_step is 0. */
    lyrnn_counters counters;
    int epoch; /* complete epochs; counters.batch counts within the epoch after them */
} lyrnn_trainer_snapshot;

/* The snapshot before the first step of a training with B streams: all zero. has_average: with room
 * for the weights. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_snapshot_init(lyrnn_trainer_snapshot *snapshot,
                                         const lyrnn_rnn_config *config, int B, bool has_average);
/* A zeroed snapshot is fine. */
void lyrnn_trainer_snapshot_free(lyrnn_trainer_snapshot *snapshot);

#ifdef __cplusplus
}
#endif
#endif
