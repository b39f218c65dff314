/* How the ranks of a group find each other. */
#ifndef LYRNN_RENDEZVOUS_H
#define LYRNN_RENDEZVOUS_H

#include "lyrnn/ranks.h"
#include "parallel/comm.h"
#include "parallel/sockets.h"

typedef struct {
    lyrnn_comm *comm;
    rank_group *group;
    const lyrnn_ranks *ranks;
    double timeout, deadline;       /* seconds; a time of lyrnn_seconds */
    int listener;                   /* -1: none. Its owner closes it. */
    struct sockaddr_storage leader; /* where rank 0 listens */
    rank_hello hello;               /* this rank's */
    char problem[256];              /* what went wrong last; "": nothing */
} rendezvous;

/* Fills in a member from its hello. Its address stays to be set. */
void member_set(rank_member *member, const rank_hello *hello);

/* accept.c: waits until the ranks from `first` on have connected to the listener. */
lyrnn_status accept_ranks(rendezvous *meeting, int first);

/* join.c: rank 0's address by its name; both connections to a rank. */
lyrnn_status join_leader(rendezvous *meeting);
lyrnn_status join_member(rendezvous *meeting, int rank);

#endif
