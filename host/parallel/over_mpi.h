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

/* mpirun sends SIGTERM to all ranks when one has ended with an error. The rank that reports the
 * error calls this before another can end, so that it does not die of it first. */
void mpi_ignore_sigterm(const rank_carrier *carrier);

/* Ends MPI. After a failure it would wait for the rank that has failed. */
void mpi_end(const rank_carrier *carrier);

#endif
