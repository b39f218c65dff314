/* The collectives over a group's links. */
#ifndef LYRNN_PARALLEL_COMM_H
#define LYRNN_PARALLEL_COMM_H

#include "parallel/links.h"

/* Fills in *comm, whose functions then use the group. local_rank and local_size are 0 and 1. */
void comm_set(lyrnn_comm *comm, rank_group *group);

/* lyrnn_comm's `end` (leave.c). */
void comm_end(lyrnn_comm *self, lyrnn_status failure);

#endif
