/* How a corpus becomes batches: a table of chunks, one row per batch, one column per stream.
 *
 * Stream: one of the B parallel text sequences of a batch. Chunk: what a stream reads in one batch,
 * up to T characters, and for each of them it predicts the next one (lyrnn_chunk in
 * lyrnn/backend.h). The ways of sampling differ only in this table. Consecutive and random sampling
 * are those of the tutorial's data iterators, seq_data_iter_sequential and seq_data_iter_random. */
#ifndef LYRNN_BATCHES_H
#define LYRNN_BATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    /* The streams read the corpus from front to back and carry their state from batch to batch:
     * stream b begins at b*floor(N/B), and there are floor((floor(N/B) - 1) / T) batches. */
    LYRNN_SAMPLING_CONSECUTIVE,
    /* Chunks of T characters without overlap, in an order that is shuffled for each epoch. The
     * state is zero at the start of each batch. There are floor((N-1) / T) chunks in floor(chunks /
     * B) batches. */
    LYRNN_SAMPLING_RANDOM,
    /* Each stream reads whole songs, each from the zero state, as generation and evaluation begin.
     * The last chunk of a song ends in padding. Which stream reads which songs, and in which
     * order, is shuffled for each epoch. */
    LYRNN_SAMPLING_SONGS
} lyrnn_sampling;

/* The probability that a later chunk of a song begins at the zero state too. So a model also learns
 * to begin in the middle of a song, as with a prefix from there. */
#define LYRNN_MIDDLE_FROM_ZERO 0.1f

/* The maximum number of chunks that a stream reads of one song. A longer song is cut into pieces,
 * so that it does not keep one stream busy long after the others have ended. Each piece begins at
 * the zero state. */
enum { LYRNN_MAX_SONG_CHUNKS = 1000 };

typedef struct {
    size_t N;       /* characters of the corpus */
    int B, T;       /* streams, steps */
    int num_shards; /* LYRNN_SAMPLING_SONGS: B stays a multiple of it, as it must be; 0: any */
    lyrnn_sampling sampling;
    /* Consecutive and random sampling: each epoch leaves out a random number of characters at the
     * start, 0 to T, as the tutorial's iterators do. Without it, no epoch leaves out any. */
    bool random_offset;
    uint64_t seed; /* of what is random */
    /* LYRNN_SAMPLING_SONGS: (num_songs) where the songs begin, ascending, the first at 0. The last
     * one ends at N. Not needed after lyrnn_batches_init. */
    const size_t *songs;
    size_t num_songs;
    /* LYRNN_SAMPLING_SONGS: nothing is random, no song is cut, and a song's last character predicts
     * nothing. In training it predicts the first character of the next song, so that a generated
     * text can continue after the end of a song. */
    bool for_evaluation;
} lyrnn_batch_options;

/* A song, or a part of one that is too long. */
typedef struct {
    size_t start, num_targets;
} lyrnn_song_piece;

typedef struct {
    size_t N; /* characters of the corpus */
    int B, T; /* streams, steps. B may be lower than in the options: see lyrnn_batches_init */
    size_t K; /* batches per epoch, at least 1 */
    int64_t num_targets; /* characters that an epoch predicts; the rest of K*B*T is padding */
    size_t num_cut;      /* songs that are cut into pieces */
    lyrnn_sampling sampling;
    bool random_offset, for_evaluation;
    uint64_t seed;
    /* LYRNN_SAMPLING_SONGS: (num_pieces) owned, in the order of the corpus; else NULL */
    lyrnn_song_piece *pieces;
    size_t num_pieces;
} lyrnn_batches;

/* Computes K. If the units are songs, B becomes at most their number. If three quarters of the
 * streams or fewer need no more batches, B becomes the smallest such number. Both are rounded up to
 * a multiple of num_shards.
 * LYRNN_ERR_CORPUS_SHORT if N does not fill one batch: N < B*(T+1) for consecutive sampling, N <
 * B*T + 1 for random sampling (with a random offset, T characters more), no song with anything to
 * predict. The text says by how much, and what to lower. LYRNN_ERR_MEMORY. The caller frees the
 * batches; on failure they are zeroed. */
lyrnn_status lyrnn_batches_init(lyrnn_batches *batches, const lyrnn_batch_options *options);
/* Zeroed batches are fine. */
void lyrnn_batches_free(lyrnn_batches *batches);

/* Whether the table differs from epoch to epoch. */
bool lyrnn_batches_vary(const lyrnn_batches *batches);

/* Fills chunks (K,B) for one epoch, counted from 1. Random numbers are keyed by (seed, epoch), so
 * the table of an epoch does not depend on other epochs. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_batches_chunks(const lyrnn_batches *batches, uint64_t epoch,
                                  lyrnn_chunk *chunks);

/* Sums up num_targets over the first num_batches rows of an epoch's table. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_batches_count_targets(const lyrnn_batches *batches, uint64_t epoch,
                                         size_t num_batches, int64_t *num_targets);

#ifdef __cplusplus
}
#endif
#endif
