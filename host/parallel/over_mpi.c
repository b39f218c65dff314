#include "parallel/over_mpi.h"

#include <signal.h>
#include <stdio.h>

/* What rank 0 hands out. */
typedef struct {
    char address[sizeof((lyrnn_ranks *)0)->address];
    char token[sizeof((lyrnn_ranks *)0)->token];
    int port; /* 0: rank 0 cannot listen, and says why */
} meeting_point;

static lyrnn_status listen_for_all(lyrnn_ranks *ranks, bool is_one_host, meeting_point *point)
{
    ranks->has_other_hosts = !is_one_host;
    if (is_one_host && ranks->address[0] == '\0')
        snprintf(ranks->address, sizeof ranks->address, "127.0.0.1");
    LYRNN_TRY(lyrnn_ranks_listen(ranks));
    snprintf(point->address, sizeof point->address, "%s", ranks->address);
    snprintf(point->token, sizeof point->token, "%s", ranks->token);
    point->port = ranks->port;
    return LYRNN_OK;
}

lyrnn_status mpi_meet(lyrnn_ranks *ranks, double timeout_seconds, rank_carrier *carrier)
{
    bool is_one_host;
    meeting_point point = {.port = 0};
    const mpi_world world = {ranks->rank, ranks->size, timeout_seconds};
    lyrnn_status listened = LYRNN_OK, status = lyrnn_mpi_open(&world, &carrier->mpi, &is_one_host);
    if (status == LYRNN_ERR_UNSUPPORTED) {
        snprintf(carrier->text, sizeof carrier->text, "TCP (%s)", lyrnn_error_text());
        carrier->mpi = NULL;
        return LYRNN_OK;
    }
    LYRNN_TRY(status);
    char name[64];
    carrier->mpi->describe(name);
    snprintf(carrier->text, sizeof carrier->text, "TCP and MPI (%s)", name);
    if (ranks->rank == 0)
        listened = listen_for_all(ranks, is_one_host, &point);
    LYRNN_TRY(carrier->mpi->broadcast(&point, sizeof point, timeout_seconds));
    LYRNN_TRY(listened);
    if (point.port == 0)
        return lyrnn_fail(LYRNN_ERR_RANK, "%s", "");
    snprintf(ranks->address, sizeof ranks->address, "%s", point.address);
    snprintf(ranks->token, sizeof ranks->token, "%s", point.token);
    ranks->port = point.port;
    return LYRNN_OK;
}

/* An error of MPI is one of the whole group, and lasts. */
static lyrnn_status lasting(const lyrnn_comm *comm, lyrnn_status status)
{
    return status == LYRNN_OK || status == LYRNN_ERR_RANK
               ? status
               : group_fail(comm->state, "%s", lyrnn_error_text());
}

static const lyrnn_mpi_entry *mpi_of(const lyrnn_comm *comm)
{
    const rank_group *group = comm->state;
    return group->carrier.mpi;
}

static lyrnn_status exchange(lyrnn_comm *self, const void *pieces, void *received, size_t num_bytes)
{
    return lasting(self, mpi_of(self)->exchange(self, pieces, received, num_bytes));
}

static lyrnn_status all_gather(lyrnn_comm *self, void *pieces, size_t num_bytes)
{
    return lasting(self, mpi_of(self)->all_gather(self, pieces, num_bytes));
}

void mpi_carry(lyrnn_comm *comm, const rank_carrier *carrier)
{
    rank_group *group = comm->state;
    group->carrier = *carrier;
    if (carrier->mpi != NULL) {
        comm->exchange = exchange;
        comm->all_gather = all_gather;
    }
}

void mpi_ignore_sigterm(const rank_carrier *carrier)
{
    if (carrier->is_of_mpirun)
        (void)signal(SIGTERM, SIG_IGN);
}

void mpi_end(const rank_carrier *carrier)
{
    if (carrier->mpi != NULL)
        carrier->mpi->end();
}
