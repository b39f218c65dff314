/* What test_join.c sees of the stand-in for NCCL (stub_nccl.cpp). */
#ifndef STUB_NCCL_H
#define STUB_NCCL_H

#include <stdbool.h>

/* Exported as stub_nccl. The test sets the first fields; loading the library clears all. */
typedef struct {
    int version;            /* NCCL's encoding */
    int init_result;        /* what ncclCommInitRankConfig comes to */
    int calls_in_progress;  /* how many polls say so before a call has queued its work; -1: all */
    int later_result;       /* what polls find after the group was opened */
    const char *last_error; /* ncclGetLastError */
    bool abort_hangs;
    bool spoils_capture; /* a sum whose exchange fails also invalidates the capture it is in */
    /* What was called. */
    int num_groups, num_open_groups, num_aborts, num_finalized, num_destroyed;
    int num_sends, num_gathers;
} stub_nccl_state;

#endif
