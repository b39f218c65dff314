/* Programs of several ranks, each with one planted defect that the fake NCCL must find, and right
 * programs that it must not accuse. */
#ifndef LYRNN_SIM_PLANTED_RANKS_H
#define LYRNN_SIM_PLANTED_RANKS_H

#include "lyrnn_sim.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PLANTED_RANKS = 2 };

typedef struct {
    const char *name;
    lyrnn_sim_defect defect;
    int needs_hooks;       /* found only by the hooks, which see every access */
    void (*run)(int rank); /* in one process per rank */
    const char *text;      /* a part of the report */
} planted_program;

extern const planted_program planted_programs[];
extern const int num_planted_programs;

/* The name of the group of ranks, made by the process that starts them. */
extern char planted_group[128];

#ifdef __cplusplus
}
#endif
#endif
