/* Measures how well a model predicts one long text that it does not learn from, such as the
 * validation part of a corpus. lyrnn/score.h measures many texts, each on its own.
 *
 * Letters: N characters of the text, K batches, T steps, B streams. Stream: one of the B parallel
 * text sequences of a batch. Lane: a queue of work on the device; CUDA calls it a stream. */
#ifndef LYRNN_EVALUATE_H
#define LYRNN_EVALUATE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/batches.h"
#include "lyrnn/model.h"
#include "lyrnn/status.h"
#include "lyrnn/watcher.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const lyrnn_model *model;      /* borrowed */
    lyrnn_batches batches;         /* consecutive sampling */
    lyrnn_activations activations; /* the evaluator's own, so that a training is not disturbed */
    /* device memory */
    void *data;               /* the allocation that holds the three below */
    lyrnn_counters *counters; /* (1) */
    int64_t *starts;          /* (K,B) */
    int32_t *ids;             /* (N) */
} lyrnn_evaluator;

/* Prepares to read ids (N) in at most B streams, or fewer if N does not fill B of them. ids is
 * copied. The last characters, fewer than T per stream, are left out. LYRNN_ERR_CORPUS_SHORT: N < T
 * + 1. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_evaluator_init(lyrnn_evaluator *evaluator, const lyrnn_model *model,
                                  const int32_t *ids, size_t N, int B, int T);
/* A zeroed evaluator is fine. */
void lyrnn_evaluator_free(lyrnn_evaluator *evaluator);

/* Bytes of device memory that lyrnn_evaluator_init takes; 0 if the text is too short. num_lanes is
 * that of the backend. */
size_t lyrnn_evaluator_bytes(const lyrnn_rnn_config *config, int num_lanes, size_t N, int B, int T);

/* Computes the mean cross-entropy in nats per character. The state is zero at the start; there is
 * no dropout. watcher may be NULL. Fails only if the watcher does. */
lyrnn_status lyrnn_evaluate(lyrnn_evaluator *evaluator, const lyrnn_watcher *watcher,
                            double *nats_per_char);

#ifdef __cplusplus
}
#endif
#endif
