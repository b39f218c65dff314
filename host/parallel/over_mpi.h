/* Ranks that mpirun started: MPI carries the address where they meet, and then long payloads. */
#ifndef LYRNN_OVER_MPI_H
#define LYRNN_OVER_MPI_H

#include "lyrnn/ranks.h"
#include "parallel/links.h"

/* Starts MPI. Rank 0 listens, and all ranks get its address, port and token. If MPI cannot be used,
 * `ranks` stays as it is. `carrier` is what lyrnn_comm_carrier returns later. */
lyrnn_status mpi_meet(lyrnn_ranks *ranks, double timeout_seconds, rank_carrier *carrier);

/* From now on MPI, if it is there, moves the bytes of `exchange` and `all_gather`. */
void mpi_carry(lyrnn_comm *comm, const rank_carrier *carrier);

/* Ends MPI, unless a rank has failed: MPI would wait for it. */
void mpi_leave(const rank_carrier *carrier, bool has_failed);

#endif
