/* How well a model predicts a text that it does not learn from. */
#ifndef LYRNN_EVALUATE_H
#define LYRNN_EVALUATE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/batches.h"
#include "lyrnn/model.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const lyrnn_model *model;      /* borrowed */
    lyrnn_batches batches;         /* consecutive */
    lyrnn_activations activations; /* its own: nothing of a training is touched */
    void *data;                    /* the device allocation of the three below */
    lyrnn_counters *counters;      /* (1) */
    int64_t *starts;               /* (K,B) */
    int32_t *ids;                  /* (N) */
} lyrnn_evaluator;

/* Reads ids (N), which are copied, in at most B parallel streams, as many as N fills; the last characters, fewer
 * than T a stream, are left out. LYRNN_ERR_CORPUS_SHORT when N < T + 1, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_evaluator_init(lyrnn_evaluator *evaluator, const lyrnn_model *model,
                                  const int32_t *ids, size_t N, int B, int T);
/* A zeroed evaluator is fine. */
void lyrnn_evaluator_free(lyrnn_evaluator *evaluator);

/* Device memory that lyrnn_evaluator_init takes; num_lanes is the backend's. */
size_t lyrnn_evaluator_bytes(const lyrnn_rnn_config *config, int num_lanes, size_t N, int B, int T);

/* Mean cross-entropy in nats a character, the state zero at first, without dropout. */
double lyrnn_evaluate(lyrnn_evaluator *evaluator);

#ifdef __cplusplus
}
#endif
#endif
