/* How many threads each of several ranks computes with on its CPUs. All ranks take the same number,
 * because another one gives other last bits. */
#ifndef LYRNN_CLI_RANK_THREADS_H
#define LYRNN_CLI_RANK_THREADS_H

#include <sched.h>
#include <stdbool.h>

#include "lyrnn/comm.h"

/* What a rank says of its CPUs. */
typedef struct {
    char host[40];  /* names the running kernel, which containers of a host share */
    cpu_set_t cpus; /* on which it may run */
    int threads;    /* that it would take without the others */
    bool is_chosen; /* OMP_NUM_THREADS says so */
} rank_cpus;

/* Ranks whose CPUs overlap share them, unless OMP_NUM_THREADS says how many threads each takes.
 * Returns the smallest share of all ranks, at least 1. */
int rank_threads_of(const rank_cpus *all, int size);

/* Sets the number of threads of each rank, the same for all. Every rank of comm calls it. */
lyrnn_status rank_threads_agree(lyrnn_comm *comm, int *threads);

#endif
