/* The ranks compare the program and the options by name at once, before anything is read, so that a
 * mistake costs no time. */
#include "cli/rank_command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "cli/build_info.h"
#include "cli/ranks_start.h"
#include "lyrnn/device.h"
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

/* An option that is not given may get another value later, from a preset or from the run. */
static lyrnn_status compare_option(lyrnn_comm *comm, const option_spec *spec, bool is_given,
                                   const void *fields)
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

static lyrnn_status compare_options(const rank_command *command, lyrnn_comm *comm)
{
    for (size_t i = 0; i < command->table->num_specs; i++) {
        const option_spec *spec = &command->table->specs[i];
        if (spec->kind != OPTION_HEADING && !may_differ(spec))
            LYRNN_TRY(compare_option(comm, spec, command->result->given[i], command->fields));
    }
    return LYRNN_OK;
}

static void print_error(const char *text)
{
    fprintf(stderr, "lyrnn: %s\n", text);
}

/* Leaves the group. All ranks stop on one request, and rank 0 reports it. */
static lyrnn_status end_together(lyrnn_comm *comm, lyrnn_status status)
{
    const bool leads = comm->rank == 0;
    status = lyrnn_comm_close(comm, status);
    return status == LYRNN_INTERRUPTED && !leads ? lyrnn_fail(status, "%s", "") : status;
}

/* Opens what a rank needs that does not lead: a log that leads nowhere. */
static lyrnn_status open_silence(rank_place *place)
{
    if (place->comm->rank == 0)
        return LYRNN_OK;
    place->silence = fopen("/dev/null", "w");
    return place->silence != NULL
               ? LYRNN_OK
               : lyrnn_fail(LYRNN_ERR_IO, "/dev/null: cannot be opened: %s; make it writable",
                            strerror(errno));
}

static lyrnn_status compare_and_work(const rank_command *command, rank_place *place)
{
    LYRNN_TRY(compare_programs(place->comm));
    LYRNN_TRY(compare_options(command, place->comm));
    LYRNN_TRY(open_silence(place));
    lyrnn_status status = command->work(command->context, place);
    if (place->silence != NULL)
        fclose(place->silence);
    return status;
}

/* mistake: what is wrong with the options, or NULL. */
static lyrnn_status work_in_group(const rank_command *command, const lyrnn_ranks *ranks,
                                  const char *mistake)
{
    enum { DEFAULT_SECONDS = 300 };
    lyrnn_comm comm = {0};
    rank_place place = {.comm = &comm, .launcher = ranks->launcher};
    double seconds = mistake == NULL ? command->timeout_seconds : DEFAULT_SECONDS;
    lyrnn_status status = lyrnn_comm_open(&comm, ranks, seconds);
    comm.report = print_error;
    if (mistake != NULL)
        status = lyrnn_fail(LYRNN_ERR_USAGE, "%s", mistake);
    if (status == LYRNN_OK)
        status = compare_and_work(command, &place);
    return end_together(&comm, status);
}

lyrnn_status rank_command_run(const rank_command *command, lyrnn_status parsed)
{
    const rank_place alone = {0};
    lyrnn_ranks ranks;
    if (parsed == LYRNN_OK)
        parsed = ranks_start(command->num_ranks);
    char *mistake = parsed != LYRNN_OK ? strdup(lyrnn_error_text()) : NULL;
    lyrnn_status status = lyrnn_ranks_detect(&ranks);
    if (status == LYRNN_OK && ranks.size > 1)
        status = work_in_group(command, &ranks, mistake);
    else if (mistake != NULL)
        status = lyrnn_fail(parsed, "%s", mistake);
    else if (status == LYRNN_OK)
        status = command->work(command->context, &alone);
    free(mistake);
    return status;
}

lyrnn_status rank_command_join(lyrnn_comm *comm, lyrnn_backend *backend)
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

lyrnn_status rank_command_leave(lyrnn_comm *comm, lyrnn_backend *backend, lyrnn_status status)
{
    if (comm != NULL)
        lyrnn_comm_announce(comm, status);
    lyrnn_backend_close(backend);
    return status;
}
