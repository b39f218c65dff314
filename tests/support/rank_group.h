/* Ranks as processes of one test, which talk through shared memory: a lyrnn_comm without a network.
 * The test itself must not open a backend, because OpenMP's threads do not survive a fork. */
#ifndef RANK_GROUP_H
#define RANK_GROUP_H

#include <stddef.h>

#include "lyrnn/backend.h"

enum { RANK_GROUP_MAX = 8 };

/* Zeroed memory that the processes share. */
void *rank_group_memory(size_t bytes);
void rank_group_free(void *memory, size_t bytes);

/* Runs body in `size` processes, each with its own rank and, if the test's device is a GPU, with
 * its own GPU. Fails the test if one of them does not return. size 0: in one process without ranks,
 * and comm is NULL. If there are too few GPUs or no NCCL, the program ends as skipped. */
void rank_group_run(int size, void (*body)(lyrnn_comm *comm, void *context), void *context);

/* Lets the backend of a body join its ranks; comm NULL: there are none. */
void rank_group_join(lyrnn_backend *backend, lyrnn_comm *comm);

#endif
