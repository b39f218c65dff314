/* How a corpus becomes batches: a table of start positions, one row a batch, one column a stream.
 *
 * Both ways of sampling differ in this table alone: stream b of batch k reads the T characters from
 * starts[k][b] and predicts the T characters from starts[k][b] + 1. */
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
    /* B parallel streams read from front to back, their state carried from batch to batch:
     * starts[k][b] = b*floor(N/B) + k*T, floor((floor(N/B) - 1) / T) batches. */
    LYRNN_SAMPLING_CONSECUTIVE,
    /* Non-overlapping chunks of T in an order shuffled anew each epoch, the state zero at each batch:
     * floor((N-1) / T) chunks, floor(chunks / B) batches. */
    LYRNN_SAMPLING_RANDOM
} lyrnn_sampling;

typedef struct {
    size_t N; /* characters of the corpus */
    int B, T; /* streams, steps */
    size_t K; /* batches an epoch, at least 1 */
    lyrnn_sampling sampling;
    uint64_t seed;
} lyrnn_batches;

/* LYRNN_ERR_CORPUS_SHORT, with the numbers and what to lower, when N does not fill one batch:
 * N < B*(T+1) for consecutive sampling, N < B*T + 1 for random sampling. */
lyrnn_status lyrnn_batches_init(lyrnn_batches *batches, size_t N, int B, int T,
                                lyrnn_sampling sampling, uint64_t seed);

/* Whether the table is another one in each epoch. */
bool lyrnn_batches_vary(const lyrnn_batches *batches);

/* Fills starts (K,B) for an epoch counted from 1. Random sampling shuffles by Fisher and Yates with
 * numbers keyed by (seed, epoch), so any epoch's table can be made on its own. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_batches_starts(const lyrnn_batches *batches, uint64_t epoch, int64_t *starts);

#ifdef __cplusplus
}
#endif
#endif
