/* A backend around another that counts the memory handed out and, if asked, times every operation by itself:
 * the device is waited for before and after, nothing runs side by side and no step is recorded. Results are the
 * inner backend's, to the bit where its lanes change nothing. */
#ifndef LYRNN_WATCHED_BACKEND_H
#define LYRNN_WATCHED_BACKEND_H

#include <stdbool.h>

#include "bench/op_cost.h"
#include "lyrnn/backend.h"

typedef struct {
    double calls, seconds;
    lyrnn_op_cost cost; /* of all calls */
} lyrnn_op_tally;

typedef struct {
    lyrnn_backend
        backend; /* to be used in the inner one's place; first, so that it is also this struct */
    lyrnn_backend *inner; /* borrowed, lane 0 in use */
    size_t num_bytes;     /* handed out so far */
    const float *logits;  /* set by who knows: linear operations on them are the output layer's */
    lyrnn_op_tally tallies[LYRNN_NUM_OPERATIONS];
} lyrnn_watched_backend;

/* Not to be closed: that is the inner backend's. */
void lyrnn_watch(lyrnn_watched_backend *watched, lyrnn_backend *inner, bool time_operations);

/* All tallies to zero. */
void lyrnn_watched_reset(lyrnn_watched_backend *watched);

#endif
