/* A backend that wraps another one and measures it: it counts the memory that it hands out, and on
 * request it times each operation. To time an operation it waits for the device before and after,
 * so nothing runs in parallel and no step is recorded in a graph. The inner backend does the work,
 * so results have the same bits if they do not depend on the number of lanes. */
#ifndef LYRNN_WATCHED_BACKEND_H
#define LYRNN_WATCHED_BACKEND_H

#include <stdbool.h>

#include "bench/op_cost.h"
#include "lyrnn/backend.h"

/* Sums over all calls of one operation. */
typedef struct {
    double calls, seconds;
    lyrnn_op_cost cost;
} lyrnn_op_tally;

typedef struct {
    /* Pass this one to the model. It is the first member: operations cast it back to this
     * struct. */
    lyrnn_backend backend;
    lyrnn_backend *inner; /* borrowed; its lane 0 is in use */
    size_t num_bytes;     /* the sum of all allocations so far */
    /* Set by the owner of the model, NULL if unknown: a linear operation on this array counts as
     * the output layer's. */
    const float *logits;
    lyrnn_op_tally tallies[LYRNN_NUM_OPERATIONS];
} lyrnn_watched_backend;

/* Wraps inner, whose owner closes it. Never close watched->backend. */
void lyrnn_watch(lyrnn_watched_backend *watched, lyrnn_backend *inner, bool time_operations);

/* Sets all tallies to zero. */
void lyrnn_watched_reset(lyrnn_watched_backend *watched);

#endif
