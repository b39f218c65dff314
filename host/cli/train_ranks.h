/* A training with several ranks (rank_command.h): its place among them, and what they share before
 * lyrnn_train begins. Sharing does nothing if comm is NULL. */
#ifndef LYRNN_CLI_TRAIN_RANKS_H
#define LYRNN_CLI_TRAIN_RANKS_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/rank_command.h"
#include "cli/train_options.h"

/* Takes the place among the ranks, or that there are none. LYRNN_ERR_USAGE: several ranks cannot do
 * what the options ask for. */
lyrnn_status train_take_place(train_fields *fields, const option_result *result,
                              const rank_place *place);

/* Whether this process reports and writes: rank 0 does, and a training without ranks. */
bool train_is_leader(const train_fields *fields);

/* Where a training reports: standard error, or nowhere. */
FILE *train_log(const train_fields *fields);

/* Gives the bytes of rank 0 to all. */
lyrnn_status train_share_bytes(lyrnn_comm *comm, void *bytes, size_t num_bytes);

/* Gives the object of rank 0 to all, a new reference for the others. */
lyrnn_status train_share_json(lyrnn_comm *comm, json_t **object);

#endif
