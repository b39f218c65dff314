/* Each rank sends its outcome to rank 0, which sends the first failure to all. */
#include "bench/rank_outcome.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

typedef struct {
    int32_t status, rank;
    char text[512];
} outcome;

static outcome first_failure(const outcome *all, int size)
{
    int rank = 0;
    while (rank < size - 1 && all[rank].status == LYRNN_OK)
        rank++;
    return all[rank];
}

lyrnn_status lyrnn_bench_agree(lyrnn_comm *comm, lyrnn_status status)
{
    if (comm == NULL || status == LYRNN_ERR_RANK)
        return status;
    outcome mine = {.status = (int32_t)status, .rank = comm->rank};
    if (status != LYRNN_OK)
        snprintf(mine.text, sizeof mine.text, "%s", lyrnn_error_text());
    outcome *all = (outcome *)malloc((size_t)comm->size * sizeof *all);
    if (all == NULL)
        return lyrnn_out_of_memory("bench", 0, "close other programs");
    status = comm->gather(comm, &mine, sizeof mine, all);
    if (comm->rank == 0)
        mine = first_failure(all, comm->size);
    free(all);
    LYRNN_TRY(status);
    LYRNN_TRY(comm->broadcast(comm, &mine, sizeof mine));
    if (mine.status == LYRNN_OK)
        return LYRNN_OK;
    if (mine.rank == 0)
        return lyrnn_fail((lyrnn_status)mine.status, "%s", mine.text);
    return lyrnn_fail((lyrnn_status)mine.status, "rank %d: %s", mine.rank, mine.text);
}
