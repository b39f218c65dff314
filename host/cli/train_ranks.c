/* Joins the ranks of a training. They compare the program and the options by name at once, before
 * anything is read, so that a mistake costs no time. */
#include "cli/train_ranks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "cli/build_info.h"
#include "files/json_build.h"
#include "lyrnn/ranks.h"
#include "lyrnn/version.h"

static lyrnn_status compare_programs(lyrnn_comm *comm)
{
    char text[128];
    snprintf(text, sizeof text, "%s of commit %s with interface %s", LYRNN_VERSION, build_commit(),
             LYRNN_SEAM);
    return lyrnn_comm_compare(comm, "lyrnn", text, "start the same lyrnn on all hosts");
}

/* Options that may differ: only rank 0 has a folder, and devices are compared once they are
 * open. */
static bool may_differ(const option_spec *spec)
{
    static const char *const names[] = {"out", "device", "threads", "rendezvous-timeout"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(spec->name, names[i]) == 0)
            return true;
    return false;
}

/* An option that has may get another value later, from a preset or from the run. */
static lyrnn_status compare_option(lyrnn_comm *comm, const option_spec *spec, bool is_given,
                                   const train_fields *fields)
{
    char what[80];
    snprintf(what, sizeof what, "--%s", spec->name);
    json_t *value = options_value_to_json(spec, fields);
    char *text = is_given ? options_value_text(value) : strdup("its default");
    json_decref(value);
    if (text == NULL)
        return lyrnn_out_of_memory("options", 0, "close other programs");
    lyrnn_status status =
        lyrnn_comm_compare(comm, what, text, "start all ranks with the same options");
    free(text);
    return status;
}

static lyrnn_status compare_options(lyrnn_comm *comm, const train_fields *fields,
                                    const option_result *result)
{
    for (size_t i = 0; i < train_table.num_specs; i++) {
        const option_spec *spec = &train_table.specs[i];
        if (spec->kind != OPTION_HEADING && !may_differ(spec))
            LYRNN_TRY(compare_option(comm, spec, result->given[i], fields));
    }
    return LYRNN_OK;
}

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

/* Leaves the group. All ranks stop on one request, and rank 0 reports it. */
static lyrnn_status end_together(lyrnn_comm *comm, lyrnn_status status)
{
    bool is_silent = status == LYRNN_INTERRUPTED && comm->rank > 0;
    lyrnn_status ended = lyrnn_comm_close(comm, status);
    return is_silent ? lyrnn_fail(LYRNN_INTERRUPTED, "%s", "") : ended;
}

static lyrnn_status work_as_rank(train_fields *fields, const option_result *result,
                                 const lyrnn_ranks *ranks, train_work work)
{
    lyrnn_comm *comm = fields->comm;
    LYRNN_TRY(compare_programs(comm));
    LYRNN_TRY(compare_options(comm, fields, result));
    LYRNN_TRY(check_alone(fields, result));
    lyrnn_print_plain(train_log(fields), "ranks: %d, started by %s\n", comm->size, ranks->launcher);
    return work(fields, result);
}

/* Opens what a rank needs that does not lead: a log that leads nowhere. */
static lyrnn_status work_in_group(train_fields *fields, const option_result *result,
                                  const lyrnn_ranks *ranks, train_work work)
{
    if (fields->comm->rank > 0) {
        fields->silence = fopen("/dev/null", "w");
        if (fields->silence == NULL)
            return lyrnn_fail(LYRNN_ERR_IO, "/dev/null: cannot be opened: %s; make it writable",
                              strerror(errno));
    }
    lyrnn_status status = work_as_rank(fields, result, ranks, work);
    if (fields->silence != NULL)
        fclose(fields->silence);
    fields->silence = NULL;
    return status;
}

/* A rank whose options are wrong joins too, and then leaves with that mistake: nobody waits for
 * it. */
static lyrnn_status join_and_work(train_fields *fields, const option_result *result,
                                  const lyrnn_ranks *ranks, const char *mistake, train_work work)
{
    enum { DEFAULT_SECONDS = 300 };
    lyrnn_comm comm = {0};
    int seconds = mistake == NULL ? fields->rendezvous_timeout : DEFAULT_SECONDS;
    lyrnn_status status = lyrnn_comm_open(&comm, ranks, seconds);
    if (mistake != NULL)
        status = lyrnn_fail(LYRNN_ERR_USAGE, "%s", mistake);
    fields->comm = &comm;
    if (status == LYRNN_OK)
        status = work_in_group(fields, result, ranks, work);
    fields->comm = NULL;
    return end_together(&comm, status);
}

lyrnn_status train_in_ranks(train_fields *fields, const option_result *result, lyrnn_status parsed,
                            train_work work)
{
    lyrnn_ranks ranks;
    char *mistake = parsed != LYRNN_OK ? strdup(lyrnn_error_text()) : NULL;
    lyrnn_status status = lyrnn_ranks_detect(&ranks);
    if (status == LYRNN_OK && ranks.size > 1)
        status = join_and_work(fields, result, &ranks, mistake, work);
    else if (mistake != NULL)
        status = lyrnn_fail(parsed, "%s", mistake);
    else if (status == LYRNN_OK)
        status = work(fields, result);
    free(mistake);
    return status;
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

lyrnn_status train_join(lyrnn_comm *comm, lyrnn_backend *backend)
{
    char threads[16];
    if (comm == NULL)
        return LYRNN_OK;
    snprintf(threads, sizeof threads, "%d", backend->num_threads);
    LYRNN_TRY(lyrnn_comm_compare(comm, "the device", backend->name,
                                 "add --device cuda or --device cpu on all ranks"));
    LYRNN_TRY(lyrnn_comm_compare(comm, "the number of threads", threads,
                                 "add --threads with one number on all ranks"));
    return backend->join(backend, comm);
}
