/* Truncated back-propagation through time, one batch at a time, all of it on the device:
 * gather, forward, loss, backward, clip and Adam, and the state carried to the next batch. */
#ifndef LYRNN_TRAINER_H
#define LYRNN_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/batches.h"
#include "lyrnn/model.h"
#include "lyrnn/status.h"
#include "lyrnn/trainer_snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    float learning_rate; /* Adam's, betas 0.9 and 0.999, epsilon 1e-8 */
    float clip_norm;     /* global L2 norm that gradients are cut down to; 0: no clipping */
} lyrnn_optimizer_config;

typedef struct {
    lyrnn_model *model; /* borrowed */
    lyrnn_batches batches;
    lyrnn_optimizer_config optimizer;
    lyrnn_activations activations;
    int64_t *starts_host; /* (K,B) */
    bool has_starts;      /* whether the device has a batch table */
    /* device */
    float *grads;             /* (parameters.count) */
    float *m, *v;             /* (parameters.count) each, one allocation */
    void *data;               /* the allocation of the four below */
    lyrnn_counters *counters; /* (1) */
    float *learning_rate;     /* (1) */
    int64_t *starts;          /* (K,B) */
    int32_t *ids;             /* (N) */
} lyrnn_trainer;

/* Device memory of a training run, by what it is for. The batch table and counters count as corpus. */
typedef struct {
    size_t parameters_bytes, gradients_bytes, moments_bytes, activations_bytes, corpus_bytes;
    size_t total_bytes;
} lyrnn_training_memory;

/* num_lanes is the backend's. */
lyrnn_training_memory lyrnn_training_memory_of(const lyrnn_rnn_config *config,
                                               const lyrnn_batches *batches, int num_lanes);

/* ids (batches->N) is copied to the device. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_init(lyrnn_trainer *trainer, lyrnn_model *model,
                                const lyrnn_batches *batches, const int32_t *ids,
                                const lyrnn_optimizer_config *optimizer);
/* A zeroed trainer is fine. */
void lyrnn_trainer_free(lyrnn_trainer *trainer);

/* Sets the state, the cursor and the epoch's loss to zero. Epochs count from 1. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_begin_epoch(lyrnn_trainer *trainer, uint64_t epoch);

/* Queues one optimizer step on the next batch; at most batches.K of them an epoch. */
void lyrnn_trainer_step(lyrnn_trainer *trainer);

/* Waits for the device and reads its counters. */
lyrnn_counters lyrnn_trainer_counters(const lyrnn_trainer *trainer);

/* Copies the moments, the carried state and the counters to the host, and from there to this or another
 * trainer of the same network and batches, on any backend. With the weights (lyrnn_model_download and
 * _upload) the steps to come are then the same: snapshot->counters.batch batches of the epoch after
 * snapshot->epoch are done; 0: lyrnn_trainer_begin_epoch is next. Uploading may fail with LYRNN_ERR_MEMORY. */
void lyrnn_trainer_download(const lyrnn_trainer *trainer, lyrnn_trainer_snapshot *snapshot);
lyrnn_status lyrnn_trainer_upload(lyrnn_trainer *trainer, const lyrnn_trainer_snapshot *snapshot);

#ifdef __cplusplus
}
#endif
#endif
