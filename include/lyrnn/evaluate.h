/* Measures how well a model predicts a text that it does not learn from: the validation part of a
 * corpus, song by song or as running text. lyrnn/score.h measures many texts, each on its own.
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
#include "lyrnn/trainer.h"
#include "lyrnn/watcher.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A text to evaluate. Songs are read each from the zero state. Running text is cut into streams in
 * the middle of songs, so each stream first reads the text before it, without a score. */
typedef struct {
    const int32_t *ids; /* (N)  running text: num_context characters precede them in memory */
    size_t N;
    const size_t *songs; /* (num_songs) where the songs begin, the first at 0 */
    size_t num_songs;    /* 0: running text */
    size_t num_context;
} lyrnn_evaluation_text;

/* Running text: the minimum number of characters that each stream reads before its own, if there
 * are so many. */
enum { LYRNN_EVALUATION_CONTEXT = 128 };

typedef struct {
    const lyrnn_model *model;      /* borrowed */
    lyrnn_batches batches;         /* owned */
    size_t num_context_batches;    /* rows of the table before those of the batches */
    size_t context_chars;          /* characters of these rows in each stream */
    lyrnn_activations activations; /* the evaluator's own, so that a training is not disturbed */
    /* device memory */
    void *data;               /* the allocation that holds the three below */
    lyrnn_counters *counters; /* (1) */
    lyrnn_chunk *chunks;      /* (num_context_batches+K,B) */
    int32_t *ids;             /* (context_chars+N) */
} lyrnn_evaluator;

/* Prepares to read the text in at most B streams, or fewer if it does not fill B of them. The text
 * is copied. The last characters of running text, fewer than T per stream, are left out.
 * LYRNN_ERR_CORPUS_SHORT: running text of fewer than T + 1 characters, or no song of two.
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_evaluator_init(lyrnn_evaluator *evaluator, const lyrnn_model *model,
                                  const lyrnn_evaluation_text *text, int B, int T);
/* A zeroed evaluator is fine. */
void lyrnn_evaluator_free(lyrnn_evaluator *evaluator);

/* Bytes of device memory that lyrnn_evaluator_init takes; 0 if the text is too short. */
size_t lyrnn_evaluator_bytes(const lyrnn_backend *backend, const lyrnn_rnn_config *config,
                             const lyrnn_evaluation_text *text, int B, int T);

/* Computes the mean cross-entropy in nats per character; there is no dropout. Running text begins
 * in the state that `carried` has before its next batch, as a training that has just read the text
 * before it; NULL: in the zero state. `carried` has at least as many streams as the evaluator, of
 * the same network. watcher may be NULL. Fails only if the watcher does. */
lyrnn_status lyrnn_evaluate(lyrnn_evaluator *evaluator, const lyrnn_trainer *carried,
                            const lyrnn_watcher *watcher, double *nats_per_char);

#ifdef __cplusplus
}
#endif
#endif
