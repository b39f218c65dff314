/* A command that several ranks may run together (lyrnn/ranks.h): they meet, compare their programs
 * and options, work, and report a failure once. */
#ifndef LYRNN_CLI_RANK_COMMAND_H
#define LYRNN_CLI_RANK_COMMAND_H

#include <stdio.h>

#include "cli/options/options.h"
#include "lyrnn/backend.h"
#include "lyrnn/comm.h"

/* What a command knows of the other ranks. */
typedef struct {
    lyrnn_comm *comm;     /* NULL: there are none */
    const char *launcher; /* which started them */
    FILE *silence;        /* where a rank reports that does not lead; else NULL */
} rank_place;

typedef struct {
    const option_table *table;
    const void *fields; /* the values of the table's options */
    const option_result *result;
    int num_ranks;          /* of --ranks */
    double timeout_seconds; /* in which all ranks must have come */
    lyrnn_status (*work)(void *context, const rank_place *place);
    void *context;
} rank_command;

/* Starts the ranks of --ranks (ranks_start.h). Then runs `work` as one of the ranks, or as the only
 * process. `parsed` is the status of the options. A rank whose options are wrong joins the others
 * too, and fails there, so that nobody waits for it. */
lyrnn_status rank_command_run(const rank_command *command, lyrnn_status parsed);

/* Joins the ranks with an open backend; does nothing if comm is NULL. LYRNN_ERR_USAGE: a rank has
 * another kind of device, or another number of threads. */
lyrnn_status rank_command_join(lyrnn_comm *comm, lyrnn_backend *backend);

/* Closes a backend that may have joined the ranks, and returns the status that the work on it ended
 * with. comm: NULL if there are none. */
lyrnn_status rank_command_leave(lyrnn_comm *comm, lyrnn_backend *backend, lyrnn_status status);

#endif
