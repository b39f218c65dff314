/* How the ranks of a training share its shards (trainer_ranks.c). */
#ifndef LYRNN_TRAINER_RANKS_H
#define LYRNN_TRAINER_RANKS_H

#include <stddef.h>

#include "lyrnn/comm.h"
#include "lyrnn/status.h"
#include "lyrnn/trainer.h"

/* Sets the number of shards, those of this rank, and the lengths of what ranks sum. comm NULL:
 * there are no ranks. count: parameters.count. */
void lyrnn_trainer_share_shards(lyrnn_trainer *trainer, const lyrnn_comm *comm, size_t count);

/* LYRNN_ERR_USAGE: the shards cannot have the same number of streams, or the ranks the same number
 * of shards. The text names numbers that fit. */
lyrnn_status lyrnn_trainer_check_shards(const lyrnn_trainer *trainer);

/* Before the first step: sets late_length. Rank 0 decides for all. LYRNN_ERR_RANK. */
lyrnn_status lyrnn_trainer_agree(lyrnn_trainer *trainer);

#endif
