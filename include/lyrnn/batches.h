/* How a corpus becomes batches: a table of start positions, one row per batch, one column per
 * stream.
 *
 * Stream: one of the B parallel text sequences of a batch. Stream b of batch k reads the T
 * characters from starts[k][b] on and predicts the T characters from starts[k][b] + 1 on. The two
 * ways of sampling differ only in this table. They are those of the tutorial's data iterators
 * (seq_data_iter_sequential and seq_data_iter_random), except that the first offset is always 0. */
#ifndef LYRNN_BATCHES_H
#define LYRNN_BATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    /* The streams read the corpus from front to back and carry their state from batch to batch:
     * starts[k][b] = b*floor(N/B) + k*T, in floor((floor(N/B) - 1) / T) batches. */
    LYRNN_SAMPLING_CONSECUTIVE,
    /* Chunks of T characters without overlap, in an order that is shuffled for each epoch. The
     * state is zero at the start of each batch. There are floor((N-1) / T) chunks in floor(chunks /
     * B) batches. */
    LYRNN_SAMPLING_RANDOM
} lyrnn_sampling;

typedef struct {
    size_t N; /* characters of the corpus */
    int B, T; /* streams, steps */
    size_t K; /* batches per epoch, at least 1 */
    lyrnn_sampling sampling;
    uint64_t seed; /* of the shuffle */
} lyrnn_batches;

/* Computes K. LYRNN_ERR_CORPUS_SHORT if N does not fill one batch: N < B*(T+1) for consecutive
 * sampling, N < B*T + 1 for random sampling. The text says by how much, and what to lower. */
lyrnn_status lyrnn_batches_init(lyrnn_batches *batches, size_t N, int B, int T,
                                lyrnn_sampling sampling, uint64_t seed);

/* Whether the table differs from epoch to epoch. */
bool lyrnn_batches_vary(const lyrnn_batches *batches);

/* Fills starts (K,B) for one epoch, counted from 1. Random sampling is a Fisher-Yates shuffle whose
 * random numbers are keyed by (seed, epoch), so the table of an epoch does not depend on other
 * epochs. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_batches_starts(const lyrnn_batches *batches, uint64_t epoch, int64_t *starts);

#ifdef __cplusplus
}
#endif
#endif
