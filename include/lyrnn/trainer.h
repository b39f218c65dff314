/* Trains a model by truncated back-propagation through time. lyrnn_trainer_step is one training
 * step, and all of it runs on the device: gather a batch, forward, loss, backward, clip the
 * gradients, Adam, carry the state to the next batch. The host only queues it, a few steps ahead of
 * the device. The model and its buffers are in lyrnn/model.h.
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

typedef enum {
    LYRNN_SCHEDULE_CONSTANT,
    /* Half a cosine from the full rate to 0 after num_steps, torch's CosineAnnealingLR. */
    LYRNN_SCHEDULE_COSINE,
    /* The caller halves the rate when validation does not improve: lyrnn_trainer_halve_rate. */
    LYRNN_SCHEDULE_PLATEAU
} lyrnn_schedule;

/* AdamW with epsilon 1e-8, and what happens around it. A zeroed config with a learning rate and a
 * clip norm is the tutorial's Adam. */
typedef struct {
    float learning_rate; /* the full rate, before the schedule */
    float clip_norm;     /* maximum global L2 norm of the gradients; 0: no clipping */
    lyrnn_schedule schedule;
    int64_t warmup_steps; /* the rate rises linearly over so many steps; 0: at once */
    int64_t num_steps;    /* of the whole training, for LYRNN_SCHEDULE_COSINE */
    float weight_decay;   /* of AdamW, on the matrices that are no embeddings; 0: Adam */
    bool no_momentum;     /* beta1 is 0 instead of 0.9: RMSprop with bias correction */
    double beta2;         /* 0: 0.999 */
    /* Decay of the exponential moving average of the weights, from 0 to below 1; 0: none. At step t
     * it is at most (1 + t) / (10 + t), so that the first weights are soon forgotten. */
    double average_decay;
    /* The streams of a batch are divided into so many blocks (shards). A step computes their
     * gradients one after another, in buffers for one shard, and adds them in a fixed binary tree.
     * Ranks divide the shards among them. 0: one per rank; without ranks, the batch is one
     * shard. */
    int num_shards;
} lyrnn_optimizer_config;

/* The learning rate of step number `step`, counted from 0, after the rate has been halved
 * num_halvings times. During the warm-up it is (step + 1) / warmup_steps of the full rate. */
double lyrnn_learning_rate(const lyrnn_optimizer_config *optimizer, int num_halvings, int64_t step);

/* Whether the plateau schedule halves the rate after an epoch, because the last
 * LYRNN_PLATEAU_EPOCHS have neither the best validation so far nor a halving; 0: there is none.
 * That is PyTorch's ReduceLROnPlateau with factor 0.5, patience 2 and threshold 0. */
enum { LYRNN_PLATEAU_EPOCHS = 3 };
bool lyrnn_is_plateau(int epoch, int best_epoch, int halved_epoch);

/* The maximum number of gradient buffers: one per level of the tree over the shards. */
enum { LYRNN_MAX_SHARDS = 1024, LYRNN_MAX_GRADIENTS = 11 };

typedef struct {
    lyrnn_model *model;    /* borrowed */
    lyrnn_batches batches; /* borrowed */
    lyrnn_optimizer_config optimizer;
    int num_shards;                /* S, at least 1 */
    int first_shard;               /* the first that this rank computes; 0 without ranks */
    int num_own_shards;            /* S/N of N ranks; S without ranks */
    int num_halvings;              /* of the learning rate */
    int64_t num_steps;             /* what counters->step is when all queued steps are done */
    int64_t first_step;            /* num_steps when the epoch began */
    lyrnn_activations activations; /* for the B/S streams of a shard */
    lyrnn_model averaged;          /* params is the average; without one it is all zero */
    lyrnn_chunk *chunks_host;      /* (K,B) */
    float *rates_host;             /* (K) */
    bool has_chunks, has_rates;    /* whether the device has a batch table, and rates_host */
    /* Lengths of what ranks sum. losses_length is 0 without ranks. A step sums late_length floats
     * at its end, and before that the others, which are gradients of the output layer. */
    size_t losses_length, late_length, summed_length;
    /* device memory */
    float *summed;  /* (summed_length)  (S,LYRNN_LOSS_PARTS) the losses; the gradients; padding */
    float *scratch; /* (summed_length)  for all_reduce; NULL: no ranks */
    /* (parameters.count) each. The first has the step's gradients, and is a part of summed. */
    float *grads[LYRNN_MAX_GRADIENTS];
    float *m, *v;             /* (parameters.count) each, one allocation */
    void *data;               /* the allocation that holds those below */
    lyrnn_counters *counters; /* (1) */
    float *learning_rates;    /* (K)  of the batches of the epoch */
    uint8_t *decays;          /* (parameters.count / LYRNN_DECAY_GROUP)  which weights decay */
    lyrnn_chunk *chunks;      /* (K,B)  the batch table */
    int32_t *ids;             /* (N) */
    /* (L*D,B,H)  the state before the next batch, if there are several shards; else NULL. c is for
     * the lstm only. Ranks have the whole state only after lyrnn_trainer_gather_state; in between,
     * a rank with several shards has that of its own streams here, and a rank with one shard has it
     * in the activations. */
    float *h, *c;
} lyrnn_trainer;

/* Device memory of a training by purpose. gradients_bytes includes what ranks need to sum them;
 * corpus_bytes includes the batch table, the counters and the state of several shards. */
typedef struct {
    size_t parameters_bytes, gradients_bytes, moments_bytes, average_bytes, activations_bytes;
    size_t corpus_bytes, total_bytes;
} lyrnn_training_memory;

/* Computes the sizes without allocating. */
lyrnn_training_memory lyrnn_training_memory_of(const lyrnn_backend *backend,
                                               const lyrnn_rnn_config *config,
                                               const lyrnn_optimizer_config *optimizer,
                                               const lyrnn_batches *batches);

/* Allocates the buffers and copies ids (batches->N) to the device. An average begins as the model's
 * present weights. The model and the batches are borrowed. LYRNN_ERR_USAGE: the number of shards
 * does not divide that of the streams, or cannot be divided among the ranks. LYRNN_ERR_MEMORY.
 *
 * If the backend has joined N ranks (lyrnn/comm.h), they train one model together. Each has the
 * same weights, batches and ids, and calls lyrnn_trainer_begin_epoch and lyrnn_trainer_step alike.
 * Rank r computes shards r*S/N to (r+1)*S/N - 1, and then has the gradients and the losses of all.
 * So the weights, the moments and the counters are the same on all ranks. They are also the same
 * for every N for which S/N is a power of two, because a rank then sums a subtree of the tree over
 * the shards; for other N they differ by rounding. */
lyrnn_status lyrnn_trainer_init(lyrnn_trainer *trainer, lyrnn_model *model,
                                const lyrnn_batches *batches, const int32_t *ids,
                                const lyrnn_optimizer_config *optimizer);
/* A zeroed trainer is fine. */
void lyrnn_trainer_free(lyrnn_trainer *trainer);

/* Begins an epoch, counted from 1: sets the state, the position in the epoch and the sum of the
 * losses to zero. Uploads, and thus waits for the device, only if the batch table or the learning
 * rates are not those of the epoch before. LYRNN_ERR_MEMORY, LYRNN_ERR_RANK. */
lyrnn_status lyrnn_trainer_begin_epoch(lyrnn_trainer *trainer, uint64_t epoch);

/* Queues one training step on the next batch. An epoch has batches.K of them. */
void lyrnn_trainer_step(lyrnn_trainer *trainer);

/* Looks, without waiting, whether all ranks are there. LYRNN_ERR_RANK: one has failed or is gone,
 * and what the trainer and the model hold is undefined. A step cannot fail, so whoever trains asks
 * after each step, and again after lyrnn_trainer_counters or a download before using the result.
 * Without ranks it always succeeds. */
lyrnn_status lyrnn_trainer_check(const lyrnn_trainer *trainer);

/* Brings the carried state of all streams to rank 0. Collective: every rank calls it after the same
 * step. Rank 0 needs it before lyrnn_trainer_continue and lyrnn_trainer_download, which read the
 * whole state; the other ranks must not call those. Without ranks it does nothing. LYRNN_ERR_RANK,
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_trainer_gather_state(lyrnn_trainer *trainer);

/* The weights to evaluate, to generate with and to save: the average, or the model if there is
 * none. The trainer owns what it returns. */
lyrnn_model *lyrnn_trainer_result(lyrnn_trainer *trainer);

/* Sets the state before the batch of `activations`, which has no more streams than the batches, for
 * a text that follows what the trainer has read. Stream 0 takes the state of the last stream, which
 * has read the end; the others take those of other streams. */
void lyrnn_trainer_continue(const lyrnn_trainer *trainer, lyrnn_activations *activations);

/* Halves the learning rate from the next step on, for LYRNN_SCHEDULE_PLATEAU. */
void lyrnn_trainer_halve_rate(lyrnn_trainer *trainer);

/* Waits for the device and returns its counters. */
lyrnn_counters lyrnn_trainer_counters(const lyrnn_trainer *trainer);

/* Copies the moments, the carried state and the counters to the host, or from there to this or
 * another trainer of the same network, batches and shards on any backend and with any number of
 * ranks. All ranks upload the same snapshot. The weights of lyrnn_trainer_result travel separately,
 * by lyrnn_model_download and lyrnn_model_upload; if they are an average, the snapshot holds those
 * of the model. Training then continues with the same bits on the same device. counters.batch
 * batches of the epoch after snapshot->epoch are done; if it is 0, call lyrnn_trainer_begin_epoch
 * next. Upload: LYRNN_ERR_MEMORY, LYRNN_ERR_RANK. */
void lyrnn_trainer_download(const lyrnn_trainer *trainer, lyrnn_trainer_snapshot *snapshot);
lyrnn_status lyrnn_trainer_upload(lyrnn_trainer *trainer, const lyrnn_trainer_snapshot *snapshot);

#ifdef __cplusplus
}
#endif
#endif
