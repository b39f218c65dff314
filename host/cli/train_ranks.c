/* What several ranks refuse, and what rank 0 gives to the others. */
#include "cli/train_ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "files/json_build.h"
#include "lyrnn/ranks.h"

/* Refuses what one process can do and several cannot. */
static lyrnn_status check_alone(const train_fields *fields, const option_result *result)
{
    if (fields->trial_path != NULL)
        return lyrnn_fail(LYRNN_ERR_USAGE, "--trial: cannot be used with several ranks; start one "
                                           "process per trial instead");
    for (int i = 0; i < result->num_arguments; i++)
        if (strcmp(result->arguments[i], "-") == 0)
            return lyrnn_fail(LYRNN_ERR_USAGE, "-: several ranks cannot all read standard input; "
                                               "save the lyrics in a file");
    return LYRNN_OK;
}

lyrnn_status train_take_place(train_fields *fields, const option_result *result,
                              const rank_place *place)
{
    fields->comm = place->comm;
    fields->silence = place->silence;
    if (place->comm == NULL)
        return LYRNN_OK;
    LYRNN_TRY(check_alone(fields, result));
    lyrnn_print_plain(train_log(fields), "ranks: %d, started by %s, connected by %s\n",
                      place->comm->size, place->launcher, lyrnn_comm_carrier(place->comm));
    return LYRNN_OK;
}

bool train_is_leader(const train_fields *fields)
{
    return fields->comm == NULL || fields->comm->rank == 0;
}

FILE *train_log(const train_fields *fields)
{
    return fields->silence != NULL ? fields->silence : stderr;
}

lyrnn_status train_share_bytes(lyrnn_comm *comm, void *bytes, size_t num_bytes)
{
    return comm != NULL ? comm->broadcast(comm, bytes, num_bytes) : LYRNN_OK;
}

static lyrnn_status share_text(lyrnn_comm *comm, char **text)
{
    size_t num_bytes = comm->rank == 0 ? strlen(*text) + 1 : 0;
    LYRNN_TRY(comm->broadcast(comm, &num_bytes, sizeof num_bytes));
    if (comm->rank > 0)
        *text = malloc(num_bytes);
    if (*text == NULL)
        return lyrnn_out_of_memory("config.json", num_bytes, "close other programs");
    return comm->broadcast(comm, *text, num_bytes);
}

lyrnn_status train_share_json(lyrnn_comm *comm, json_t **object)
{
    if (comm == NULL)
        return LYRNN_OK;
    char *text = comm->rank == 0 ? json_to_text(*object, JSON_COMPACT) : NULL;
    if (comm->rank == 0 && text == NULL)
        return lyrnn_out_of_memory("config.json", 0, "close other programs");
    lyrnn_status status = share_text(comm, &text);
    if (status == LYRNN_OK && comm->rank > 0)
        *object = json_loads(text, 0, NULL);
    free(text);
    return status != LYRNN_OK || *object != NULL
               ? status
               : lyrnn_out_of_memory("config.json", 0, "close other programs");
}
