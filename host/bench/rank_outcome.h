/* Ranks agree whether all of them could do something, before they do what needs all of them. */
#ifndef LYRNN_RANK_OUTCOME_H
#define LYRNN_RANK_OUTCOME_H

#include "lyrnn/comm.h"
#include "lyrnn/status.h"

/* Returns LYRNN_OK on every rank if all ranks pass LYRNN_OK. Otherwise every rank returns the
 * status and the error text of the lowest rank that failed. comm NULL: returns `status`.
 * Collective. LYRNN_ERR_RANK: a rank is gone. */
lyrnn_status lyrnn_bench_agree(lyrnn_comm *comm, lyrnn_status status);

#endif
