/* The batch table of LYRNN_SAMPLING_SONGS. batches.c checks the options and frees. */
#ifndef LYRNN_SONG_BATCHES_H
#define LYRNN_SONG_BATCHES_H

#include "lyrnn/batches.h"

/* Cuts the corpus into pieces and computes B and K. Errors: those of lyrnn_batches_init. */
lyrnn_status song_batches_init(lyrnn_batches *batches, const lyrnn_batch_options *options);

/* Fills chunks (K,B) for one epoch. LYRNN_ERR_MEMORY. */
lyrnn_status song_batches_chunks(const lyrnn_batches *batches, uint64_t epoch, lyrnn_chunk *chunks);

#endif
