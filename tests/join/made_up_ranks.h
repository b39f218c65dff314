/* The interface of ranks for a process that has no other ranks, and how joining them is refused. */
#ifndef MADE_UP_RANKS_H
#define MADE_UP_RANKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "lyrnn/device.h"

/* The other ranks of a rank that has none. */
typedef struct {
    lyrnn_comm comm;
    bool is_lost;    /* check fails, */
    int late_checks; /* but not so often before */
    int num_checks;  /* how often it was called */
    char failure[256];
} made_up_ranks;

static inline made_up_ranks *ranks_of(lyrnn_comm *comm)
{
    return (made_up_ranks *)comm->state;
}

static inline lyrnn_status broadcast(lyrnn_comm *self, void *bytes, size_t num_bytes)
{
    /* Rank 0 of the made-up ranks sends zeros. */
    if (self->rank != 0)
        memset(bytes, 0, num_bytes);
    return LYRNN_OK;
}

/* All ranks are where this one is. */
static inline lyrnn_status gather(lyrnn_comm *self, const void *mine, size_t num_bytes, void *all)
{
    for (int r = 0; r < self->size && self->rank == 0; r++)
        memcpy((char *)all + (size_t)r * num_bytes, mine, num_bytes);
    return LYRNN_OK;
}

static inline lyrnn_status check(lyrnn_comm *self)
{
    made_up_ranks *ranks = ranks_of(self);
    ranks->num_checks++;
    if (ranks->failure[0] != '\0')
        return lyrnn_fail(LYRNN_ERR_IO, "%s", ranks->failure);
    return ranks->is_lost && ranks->late_checks-- <= 0
               ? lyrnn_fail(LYRNN_ERR_RANK, "rank 1: is gone")
               : LYRNN_OK;
}

static inline void fail_ranks(lyrnn_comm *self, const char *text)
{
    snprintf(ranks_of(self)->failure, sizeof ranks_of(self)->failure, "%s", text);
}

static inline void end_process(lyrnn_comm *self, lyrnn_status failure)
{
    (void)self;
    fprintf(stderr, "lyrnn: status %d: %s\n", (int)failure, lyrnn_error_text());
    _exit(1);
}

static inline void make_ranks(made_up_ranks *ranks, int rank, int size)
{
    *ranks = (made_up_ranks){.comm = {.rank = rank,
                                      .size = size,
                                      .state = ranks,
                                      .broadcast = broadcast,
                                      .gather = gather,
                                      .check = check,
                                      .fail = fail_ranks,
                                      .end = end_process}};
}

static inline void open_device(lyrnn_backend *backend)
{
    assert_int_equal(lyrnn_backend_open("cuda", 1, LYRNN_FP32, backend), LYRNN_OK);
}

/* Joins as rank `rank` of `size`, which must fail, and returns the error text. */
static inline const char *join_refused(int rank, int size, lyrnn_status expected)
{
    lyrnn_backend backend;
    made_up_ranks ranks;
    make_ranks(&ranks, rank, size);
    open_device(&backend);
    assert_int_equal(backend.join(&backend, &ranks.comm), expected);
    assert_null(backend.comm);
    lyrnn_backend_close(&backend);
    return lyrnn_error_text();
}

/* What follows NCCL's own reason. */
#define SEE_MORE "; set NCCL_DEBUG=INFO to see more, or train on one GPU"

#endif
