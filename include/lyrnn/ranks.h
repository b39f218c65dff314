/* Finds out which rank of a training this process is, and opens the group of ranks (lyrnn/comm.h).
 *
 * A launcher starts one process per device: torchrun, srun, mpirun, or `lyrnn train --ranks N`,
 * which starts them on this machine. Each process finds its rank in environment variables. The
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

enum { LYRNN_RANKS_MAX = 512 };

/* The place of a process among those that its launcher started. The place among the ranks of this
 * host is not here: the ranks count it when they meet (comm.h, local_rank). */
typedef struct {
    int rank, size;       /* size 1: no launcher, or one that started a single process */
    const char *launcher; /* "torchrun", "srun", "mpirun", "lyrnn"; NULL: none */
    char address[256];    /* a name or an IP address of rank 0; "": only rank 0 can choose it */
    int port;             /* where rank 0 listens; 0: only rank 0 can choose it */
    int listener;         /* a socket that listens there already, for rank 0; else -1 */
    char token[65];       /* what a rank must know to join; "": none was given */
    bool has_other_hosts; /* the launcher says that not all ranks are on this host */
    bool has_mpi;         /* MPI started the processes, and moves their bytes if it can be loaded */
} lyrnn_ranks;

/* Reads the launcher's variables. LYRNN_ERR_USAGE names a variable that is wrong or missing. */
lyrnn_status lyrnn_ranks_detect(lyrnn_ranks *ranks);

/* Opens a listener for rank 0 at a free port of ranks->address, and makes a random token. It reads
 * `size`, and fills in `address`, `port`, `listener` and `token`. Whoever can pass these to the
 * other processes calls it before lyrnn_comm_open, which then closes the listener: the parent of
 * `--ranks N` for its rank 0, and rank 0 itself where MPI broadcasts the first two and the token.
 * An empty address becomes this host's name. LYRNN_ERR_IO: the address cannot be used, or other
 * hosts have ranks and cannot reach it, or `size` ranks need more open files than the process may
 * have. */
lyrnn_status lyrnn_ranks_listen(lyrnn_ranks *ranks);

/* Opens the group of size >= 2 ranks: all of them meet, or this fails. It waits at most
 * timeout_seconds for the others. LYRNN_ERR_USAGE: the address or the port is not known;
 * LYRNN_ERR_IO: rank 0's address cannot be used or reached, or a rank did not come; LYRNN_ERR_RANK.
 * Call lyrnn_comm_close after a failure as well: other ranks may wait for this one. */
lyrnn_status lyrnn_comm_open(lyrnn_comm *comm, const lyrnn_ranks *ranks, double timeout_seconds);

/* Reports a failure of this rank, whose text is lyrnn_error_text(), to the other ranks, without
 * waiting for them. Call it before closing what may need them, such as a backend that has joined
 * them, and call lyrnn_comm_close after that. All other uses of comm then fail with this failure.
 * It does nothing if status is no failure or LYRNN_ERR_RANK. */
void lyrnn_comm_announce(lyrnn_comm *comm, lyrnn_status status);

/* Leaves the group and sends its status to the others. If it is a failure of this rank, one
 * rank of the group reports it, and only one:
 *     - rank 0 returns its own failure, or that of another rank with "rank R (HOST): " before it;
 *     - the others return LYRNN_ERR_RANK without an error text, because rank 0 reports it. Where
 *       rank 0 is gone, the lowest rank that is left takes its place.
 * Returns the status to end with. A zeroed comm is fine: then it returns `status`. */
lyrnn_status lyrnn_comm_close(lyrnn_comm *comm, lyrnn_status status);

/* Whether all ranks have the same text, such as an option. This is a collective. If a rank's text
 * differs, all ranks fail. Rank 0 returns LYRNN_ERR_USAGE and names the first such rank:
 *     rank 2 (HOST): WHAT is A and rank 0 has B; REMEDY
 * A text of more than 200 bytes is shortened there. The others return LYRNN_ERR_RANK. */
lyrnn_status lyrnn_comm_compare(lyrnn_comm *comm, const char *what, const char *text,
                                const char *remedy);

/* The host's name and process of a rank, such as "gpu07, process 4711", for a line about it. It is
 * valid until lyrnn_comm_close. */
const char *lyrnn_comm_member(const lyrnn_comm *comm, int rank);

/* How the ranks are connected, such as "TCP and MPI (Open MPI v4.1.4)", for a line about it. It is
 * valid until lyrnn_comm_close. */
const char *lyrnn_comm_carrier(const lyrnn_comm *comm);

#ifdef __cplusplus
}
#endif
#endif
