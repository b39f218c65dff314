/* Finds out which rank of a training this process is, and opens the group of ranks (lyrnn/comm.h).
 *
 * A launcher starts one process per device: torchrun, srun, mpirun, or `lyrnn train --ranks N`,
 * which starts them on this machine. It tells each process its rank in environment variables. The
 * ranks then meet at an address of rank 0 (a rendezvous over TCP), and their connections stay open:
 * through them they agree, notice that a rank is gone, and, on CPUs, exchange gradients.
 * host/parallel/README.md has the variables and the protocol. */
#ifndef LYRNN_RANKS_H
#define LYRNN_RANKS_H

#include <stdbool.h>

#include "lyrnn/comm.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a process stands among those that its launcher started. */
typedef struct {
    int rank, size;             /* size 1: no launcher, or one that started a single process */
    int local_rank, local_size; /* the same among the ranks on this host */
    const char *launcher;       /* "torchrun", "srun", "mpirun", "lyrnn"; NULL: none */
    char address[256];          /* a name or an IP address of rank 0 */
    int port;                   /* where rank 0 listens */
    int listener;   /* a socket that listens there already, which rank 0 inherited; else -1 */
    char token[65]; /* what a rank must know to join; "": none was given */
    bool has_mpi;   /* MPI started the processes, and moves their bytes if it can be loaded */
} lyrnn_ranks;

/* Reads the launcher's variables. LYRNN_ERR_USAGE names a variable that is wrong or missing. */
lyrnn_status lyrnn_ranks_detect(lyrnn_ranks *ranks);

/* Opens the group of size >= 2 ranks: all of them meet, or this fails. It waits at most
 * timeout_seconds for the others. LYRNN_ERR_IO: rank 0's address cannot be used or reached, or a
 * rank did not come; LYRNN_ERR_RANK. */
lyrnn_status lyrnn_comm_open(lyrnn_comm *comm, const lyrnn_ranks *ranks, double timeout_seconds);

/* Leaves the group and tells the others with which status. If it is a failure of this rank, one
 * rank of the group reports it, and only one:
 *     - rank 0 returns its own failure, or that of another rank with "rank R (HOST): " before it;
 *     - the others return LYRNN_ERR_RANK without an error text, because rank 0 reports it. Where
 *       rank 0 is gone, the lowest rank that is left takes its place.
 * Returns the status to end with. A zeroed comm is fine: then it returns `status`. */
lyrnn_status lyrnn_comm_close(lyrnn_comm *comm, lyrnn_status status);

/* Whether all ranks have the same text, such as an option. LYRNN_ERR_USAGE names the first rank
 * whose text differs from that of rank 0, with both texts:
 *     rank 2 (HOST): WHAT is A and rank 0 has B; REMEDY */
lyrnn_status lyrnn_comm_compare(lyrnn_comm *comm, const char *what, const char *text,
                                const char *remedy);

#ifdef __cplusplus
}
#endif
#endif
