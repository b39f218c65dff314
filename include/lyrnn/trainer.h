/* Trains a model by truncated back-propagation through time. lyrnn_trainer_step is one training
 * step, and all of it runs on the device: gather a batch, forward, loss, backward, clip the
 * gradients, Adam, carry the state to the next batch. A step never waits for the device. The model
 * and its buffers are in lyrnn/model.h.
 *
 * Letters: N characters of the corpus, K batches per epoch, T steps, B streams. Stream: one of the
 * B parallel text sequences of a batch. Lane: a queue of work on the device; CUDA calls it a
 * stream. */
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
    float learning_rate; /* of Adam, with betas 0.9 and 0.999 and epsilon 1e-8 */
    float clip_norm;     /* maximum global L2 norm of the gradients; 0: no clipping */
} lyrnn_optimizer_config;

typedef struct {
    lyrnn_model *model;    /* borrowed */
    lyrnn_batches batches; /* borrowed */
    lyrnn_optimizer_config optimizer;
    lyrnn_activations activations;
    lyrnn_chunk *chunks_host; /* (K,B) */
    bool has_chunks;          /* whether the device has a batch table */
    /* device memory */
    float *grads;             /* (parameters.count) */
    float *m, *v;             /* (parameters.count) each, one allocation */
    void *data;               /* the allocation that holds the four below */
    lyrnn_counters *counters; /* (1) */
    float *learning_rate;     /* (1) */
    lyrnn_chunk *chunks;      /* (K,B)  the batch table */
    int32_t *ids;             /* (N) */
} lyrnn_trainer;

/* Device memory of a training by purpose. corpus_bytes includes the batch table and the
 * counters. */
typedef struct {
    size_t parameters_bytes, gradients_bytes, moments_bytes, activations_bytes, corpus_bytes;
    size_t total_bytes;
} lyrnn_training_memory;

/* Computes the sizes without allocating. num_lanes is that of the backend. */
lyrnn_training_memory lyrnn_training_memory_of(const lyrnn_rnn_config *config,
                                               const lyrnn_batches *batches, int num_lanes);

/* Allocates the buffers and copies ids (batches->N) to the device. The model and the batches are
 * borrowed.
 * LYRNN_ERR_USAGE, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_init(lyrnn_trainer *trainer, lyrnn_model *model,
                                const lyrnn_batches *batches, const int32_t *ids,
                                const lyrnn_optimizer_config *optimizer);
/* A zeroed trainer is fine. */
void lyrnn_trainer_free(lyrnn_trainer *trainer);

/* Begins an epoch, counted from 1: uploads its batch table and sets the state, the position in the
 * epoch and the sum of the losses to zero. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_begin_epoch(lyrnn_trainer *trainer, uint64_t epoch);

/* Queues one training step on the next batch. An epoch has batches.K of them. */
void lyrnn_trainer_step(lyrnn_trainer *trainer);

/* Waits for the device and returns its counters. */
lyrnn_counters lyrnn_trainer_counters(const lyrnn_trainer *trainer);

/* Copies the moments, the carried state and the counters to the host, or from there to this or
 * another trainer of the same network and batches on any backend. The weights travel separately, by
 * lyrnn_model_download and lyrnn_model_upload. Training then continues with the same bits on the
 * same device. counters.batch batches of the epoch after snapshot->epoch are done; if it is 0, call
 * lyrnn_trainer_begin_epoch next. Upload: LYRNN_ERR_MEMORY. */
void lyrnn_trainer_download(const lyrnn_trainer *trainer, lyrnn_trainer_snapshot *snapshot);
lyrnn_status lyrnn_trainer_upload(lyrnn_trainer *trainer, const lyrnn_trainer_snapshot *snapshot);

#ifdef __cplusplus
}
#endif
#endif
