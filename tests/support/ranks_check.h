/* Runs a group of ranks as processes of this machine, for tests. */
#ifndef RANKS_CHECK_H
#define RANKS_CHECK_H

#include <stdbool.h>

#include "lyrnn/ranks.h"

enum { CHECK_MAX_RANKS = 8 };

/* How a rank ended. */
typedef struct {
    bool has_ended; /* false: it was killed, or a check of its work failed */
    lyrnn_status status;
    char text[512]; /* the line that it reports; "": none, another rank reports */
    double seconds; /* from the fork to the end */
} rank_outcome;

/* What a rank does between lyrnn_comm_open and lyrnn_comm_close, and the status it closes with. */
typedef lyrnn_status (*rank_work)(lyrnn_comm *comm, const void *context);

/* What differs from a plain group of ranks at 127.0.0.1. */
typedef struct {
    /* Changes what a rank knows before it opens the group. NULL: nothing. */
    void (*prepare)(lyrnn_ranks *ranks, const void *context);
    double timeout_seconds; /* of the rendezvous; 0: 20 */
    const char *address;    /* NULL: 127.0.0.1 */
} ranks_setup;

/* Forks `size` ranks and waits for them. */
void run_ranks(int size, rank_work work, const void *context, const ranks_setup *setup,
               rank_outcome outcomes[CHECK_MAX_RANKS]);

#endif
