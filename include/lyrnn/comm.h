/* A group of processes that train one model together. Each process is one rank with its own device.
 * Rank 0 leads: it reports, validates, generates samples and writes to the disk.
 *
 * This is the interface that a training and the backends use. lyrnn/ranks.h opens one. All
 * functions but `check`, `fail` and `end` are collective: every rank calls the same ones in the
 * same order.
 *
 * A function fails with LYRNN_ERR_RANK if another rank has failed or is gone. The group is then of
 * no more use: all later calls fail too, at once. */
#ifndef LYRNN_COMM_H
#define LYRNN_COMM_H

#include <stddef.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lyrnn_comm lyrnn_comm;
struct lyrnn_comm {
    int rank, size;             /* 0 <= rank < size */
    int local_rank, local_size; /* the same among the ranks on this host */
    void *state;                /* the implementation's own */
    /* Copies num_bytes from rank 0 to all others. */
    lyrnn_status (*broadcast)(lyrnn_comm *self, void *bytes, size_t num_bytes);
    /* Copies `mine` (num_bytes) of every rank to `all` (size,num_bytes) of rank 0. Other ranks may
     * pass NULL for `all`. */
    lyrnn_status (*gather)(lyrnn_comm *self, const void *mine, size_t num_bytes, void *all);
    /* Sends piece r of `pieces` (size,num_bytes) to rank r, and receives `received`
     * (size,num_bytes), whose piece r comes from rank r: MPI_Alltoall. */
    lyrnn_status (*exchange)(lyrnn_comm *self, const void *pieces, void *received,
                             size_t num_bytes);
    /* Piece r of `pieces` (size,num_bytes) is that of rank r. Copies every rank's piece to all
     * others: MPI_Allgather in place. */
    lyrnn_status (*all_gather)(lyrnn_comm *self, void *pieces, size_t num_bytes);
    /* Looks, without waiting, whether all other ranks are there. Whoever waits for a device whose
     * work waits for other ranks calls it now and then. */
    lyrnn_status (*check)(lyrnn_comm *self);
    /* Lets every later call of this rank fail with LYRNN_ERR_IO and this text, and reports it to
     * the other ranks at once, without waiting. A backend calls it if its own way of moving bytes
     * has failed, because its operations cannot. */
    void (*fail)(lyrnn_comm *self, const char *text);
    /* Leaves the ranks with a failure, whose text is lyrnn_error_text(), and ends the process with
     * status 1. One of the ranks reports the failure, as after lyrnn_comm_close. No exit handler
     * runs. For a backend whose device may never answer again. */
    void (*end)(lyrnn_comm *self, lyrnn_status failure);
    /* Whoever opened the group may set this. lyrnn_comm_close then calls it with the text that this
     * rank has to report, if any, and leaves no text. The other ranks still wait at that time:
     * launchers kill the ranks that are left when one has ended, or lose what these print. */
    void (*report)(const char *text);
};

#ifdef __cplusplus
}
#endif
#endif
