/* A training with several ranks, which a launcher starts (lyrnn/ranks.h): how the command joins
 * them, and what they compare and share before lyrnn_train begins. Each function but the first does
 * nothing if comm is NULL. */
#ifndef LYRNN_CLI_TRAIN_RANKS_H
#define LYRNN_CLI_TRAIN_RANKS_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/train_options.h"

typedef lyrnn_status (*train_work)(train_fields *fields, const option_result *result);

/* Runs `work` as one of the ranks. If there are none, fields->comm is NULL. `parsed`
 * is the status of the options. A rank whose options are wrong joins the others too, and fails
 * there, so that nobody waits for it. */
lyrnn_status train_in_ranks(train_fields *fields, const option_result *result, lyrnn_status parsed,
                            train_work work);

/* Whether this process reports and writes: rank 0 does, and a training without ranks. */
bool train_is_leader(const train_fields *fields);

/* Where a training reports: standard error, or nowhere. */
FILE *train_log(const train_fields *fields);

/* Gives the bytes of rank 0 to all. */
lyrnn_status train_share_bytes(lyrnn_comm *comm, void *bytes, size_t num_bytes);

/* Gives the object of rank 0 to all, a new reference for the others. */
lyrnn_status train_share_json(lyrnn_comm *comm, json_t **object);

/* Joins the ranks with an open backend. LYRNN_ERR_USAGE: a rank has another kind of device, or
 * another number of threads. */
lyrnn_status train_join(lyrnn_comm *comm, lyrnn_backend *backend);

#endif
