/* How a group ends: who reports the failure, so that exactly one rank does, and the comparison of
 * texts, a failure that all ranks notice together.
 *
 * The leader of the end is the lowest rank that is not gone. Each rank sends a closing with its
 * status and error text. The leader waits until all others have sent theirs, unless it knows a
 * failure already; it reports one, and its goodbye says so. The others wait for that goodbye. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/xxh128.h"
#include "parallel/comm.h"
#include "parallel/over_mpi.h"

/* How long the leader waits for the cause of a failure that another rank has noticed. */
static const double cause_seconds = 1;
/* How long a rank that fails waits for the leader to fail as well. */
static const double same_seconds = 0.2;
/* How long the last frames may take. */
static const double flush_seconds = 0.5;

/* The end of this rank: its own status and text. */
typedef struct {
    lyrnn_status status;
    bool is_own_failure;
    char text[FRAME_PAYLOAD_MAX + 1];
} rank_end;

static bool is_failure(lyrnn_status status)
{
    return status != LYRNN_OK && status != LYRNN_INTERRUPTED;
}

static bool is_connected(const rank_link *link)
{
    return link->sockets[CHANNEL_CONTROL] >= 0;
}

/* Whether a rank can no longer become the leader: it never came, it is gone, or it has left without
 * a failure to report. */
static bool is_out(const rank_link *link)
{
    return !is_connected(link) || ((link->has_ended || link->has_left) && !link->reports);
}

static int leader(const rank_group *group)
{
    for (int r = 0; r < group->rank; r++) {
        if (!is_out(&group->links[r]))
            return r;
    }
    return group->rank;
}

/* Waits for the leader's goodbye. Returns true if it reports the failure. */
static bool wait_for_leader(rank_group *group, double deadline)
{
    for (;;) {
        int r = leader(group), left_ms = milliseconds_until(deadline, 1000);
        if (r == group->rank || left_ms == 0)
            return false;
        if (group->links[r].reports)
            return true;
        links_poll(group, NULL, 0, left_ms);
    }
}

static bool is_known(const rank_group *group, const rank_end *end)
{
    bool is_known = end->is_own_failure;
    for (int r = 0; r < group->size; r++) {
        const rank_link *link = &group->links[r];
        is_known = is_known || (link_has_failed(link) && link->status != LYRNN_ERR_RANK) ||
                   (is_connected(link) && link_is_gone(link));
    }
    return is_known;
}

static bool all_are_closing(const rank_group *group)
{
    for (int r = 0; r < group->size; r++) {
        const rank_link *link = &group->links[r];
        if (is_connected(link) && !link->is_closing && !link->has_left && !link->has_ended)
            return false;
    }
    return true;
}

static void wait_for_all(rank_group *group, const rank_end *end, double begin)
{
    for (;;) {
        double wait = is_failure(group->status) ? cause_seconds : group->close_seconds;
        int left_ms = milliseconds_until(begin + wait, 1000);
        if (left_ms == 0 || is_known(group, end) || all_are_closing(group))
            return;
        links_poll(group, NULL, 0, left_ms);
    }
}

/* Sets the error text to the best explanation that the leader has, and returns its status. */
static lyrnn_status find_cause(rank_group *group, const rank_end *end)
{
    if (end->is_own_failure)
        return lyrnn_fail(end->status, "%s", end->text);
    for (int r = 0; r < group->size; r++) {
        const rank_link *link = &group->links[r];
        if (link_has_failed(link) && link->status != LYRNN_ERR_RANK)
            return lyrnn_fail(link->status, "rank %d (%s): %s", r, group->members[r].host,
                              link->text);
    }
    for (int r = 0; r < group->size; r++) {
        if (is_connected(&group->links[r]) && link_is_gone(&group->links[r]))
            return group_fail_gone(group, r);
    }
    LYRNN_TRY(group_status(group));
    for (int r = 0; r < group->size; r++) {
        if (link_has_failed(&group->links[r]))
            return lyrnn_fail(LYRNN_ERR_RANK, "%s", group->links[r].text);
    }
    return end->status;
}

/* Says goodbye, and gives the last frames time to arrive: a connection that is closed while bytes
 * from the other side are unread loses what is on its way. */
static void say_goodbye(rank_group *group, bool reports)
{
    const frame goodbye = {FRAME_GOODBYE, reports, 0};
    const double deadline = lyrnn_seconds() + flush_seconds;
    links_send_last(group, &goodbye, NULL);
    for (int r = 0; r < group->size; r++) {
        if (is_connected(&group->links[r]))
            shutdown(group->links[r].sockets[CHANNEL_CONTROL], SHUT_WR);
    }
    bool is_waiting = true;
    while (is_waiting && milliseconds_until(deadline, 1000) > 0) {
        is_waiting = false;
        for (int r = 0; r < group->size; r++) {
            const rank_link *link = &group->links[r];
            is_waiting = is_waiting || (is_connected(link) && !link->has_ended);
        }
        if (is_waiting)
            links_poll(group, NULL, 0, milliseconds_until(deadline, 1000));
    }
}

static bool another_reports(const rank_group *group)
{
    bool reports = false;
    for (int r = 0; r < group->size; r++)
        reports = reports || group->links[r].reports;
    return reports;
}

/* Returns the status that this rank ends with. Its text is empty if another rank reports. */
static lyrnn_status choose_status(rank_group *group, const rank_end *end)
{
    const double begin = lyrnn_seconds();
    bool is_silent = wait_for_leader(group, begin + group->close_seconds);
    if (!is_silent && leader(group) == group->rank) {
        wait_for_all(group, end, begin);
        /* A rank that waited too long for this one has reported its failure itself. */
        if (!another_reports(group))
            return find_cause(group, end);
        is_silent = true;
    }
    /* A leader that does not answer is busy. It will learn of a failure, but not soon, so that a
     * rank with one of its own reports it. */
    if (!is_silent && (end->is_own_failure || !is_failure(end->status)))
        return end->status;
    return lyrnn_fail(LYRNN_ERR_RANK, "%s", "");
}

/* All ranks may fail for one reason, such as a wrong option. The leader's own error then says so
 * without naming a rank, so it goes first. */
static void let_leader_fail(rank_group *group)
{
    const double deadline = lyrnn_seconds() + same_seconds;
    for (;;) {
        int r = leader(group), left_ms = milliseconds_until(deadline, 1000);
        if (r == group->rank || group->links[r].is_closing || left_ms == 0)
            return;
        links_poll(group, NULL, 0, left_ms);
    }
}

void lyrnn_comm_announce(lyrnn_comm *comm, lyrnn_status status)
{
    rank_group *group = comm->state;
    if (group == NULL || !is_failure(status) || status == LYRNN_ERR_RANK ||
        group->status != LYRNN_OK)
        return;
    let_leader_fail(group);
    group_close_with(group, status, lyrnn_error_text());
}

/* All ranks are interrupted together, and rank 0 says so. */
static void report(const lyrnn_comm *comm, lyrnn_status status)
{
    const bool is_silent = status == LYRNN_OK || (status == LYRNN_INTERRUPTED && comm->rank != 0);
    if (is_silent || comm->report == NULL || lyrnn_error_text()[0] == '\0')
        return;
    comm->report(lyrnn_error_text());
    (void)lyrnn_fail(status, "%s", "");
}

lyrnn_status lyrnn_comm_close(lyrnn_comm *comm, lyrnn_status status)
{
    rank_group *group = comm->state;
    if (group == NULL)
        return status;
    rank_end end = {.status = status};
    end.is_own_failure =
        is_failure(status) && (status != LYRNN_ERR_RANK || group->status == LYRNN_OK);
    if (is_failure(status))
        snprintf(end.text, sizeof end.text, "%s",
                 end.is_own_failure ? lyrnn_error_text() : group->text);
    const frame closing = {FRAME_CLOSING, (uint32_t)end.status, strlen(end.text)};
    /* Otherwise the others know already. */
    if (end.is_own_failure && group->status == LYRNN_OK)
        let_leader_fail(group);
    links_send_last(group, &closing, end.text);
    status = choose_status(group, &end);
    const bool has_failure = is_failure(status) && lyrnn_error_text()[0] != '\0';
    if (is_failure(status))
        mpi_ignore_sigterm(&group->carrier);
    report(comm, status);
    say_goodbye(group, has_failure);
    if (!is_failure(status))
        mpi_end(&group->carrier);
    group_free(group);
    memset(comm, 0, sizeof *comm);
    return status;
}

void comm_end(lyrnn_comm *self, lyrnn_status failure)
{
    (void)lyrnn_comm_close(self, failure);
    if (lyrnn_error_text()[0] != '\0')
        fprintf(stderr, "lyrnn: %s\n", lyrnn_error_text());
    fflush(NULL);
    _exit(1);
}

enum { SHOWN_BYTES = 200 };

typedef struct {
    char hash[LYRNN_XXH128_DIGITS + 1];
    char shown[SHOWN_BYTES + sizeof "..."];
} text_digest;

static void digest_text(const char *text, text_digest *digest)
{
    const lyrnn_byte_range range = {text, strlen(text)};
    memset(digest, 0, sizeof *digest);
    lyrnn_xxh128(&range, 1, digest->hash);
    snprintf(digest->shown, sizeof digest->shown, "%.*s%s", SHOWN_BYTES, text,
             range.num_bytes > SHOWN_BYTES ? "..." : "");
}

/* Returns the first rank whose text differs from that of rank 0, or 0 if there is none. */
static int first_different(const text_digest *all, int size)
{
    for (int r = 1; r < size; r++) {
        if (memcmp(all[r].hash, all[0].hash, sizeof all[r].hash) != 0)
            return r;
    }
    return 0;
}

static lyrnn_status compare_digests(lyrnn_comm *comm, const char *what, const char *remedy,
                                    const text_digest *mine, text_digest *all)
{
    rank_group *group = comm->state;
    int32_t r = 0;
    LYRNN_TRY(comm->gather(comm, mine, sizeof *mine, all));
    if (comm->rank == 0)
        r = first_different(all, comm->size);
    LYRNN_TRY(comm->broadcast(comm, &r, sizeof r));
    if (r == 0)
        return LYRNN_OK;
    if (comm->rank != 0)
        return group_fail(group, "rank %d: %s differs from that of rank 0; %s", r, what, remedy);
    all[r].shown[sizeof all[r].shown - 1] = '\0';
    return lyrnn_fail(LYRNN_ERR_USAGE, "rank %d (%s): %s is %s and rank 0 has %s; %s", r,
                      group->members[r].host, what, all[r].shown, all[0].shown, remedy);
}

lyrnn_status lyrnn_comm_compare(lyrnn_comm *comm, const char *what, const char *text,
                                const char *remedy)
{
    text_digest mine, *all = calloc((size_t)comm->size, sizeof *all);
    if (all == NULL)
        return lyrnn_out_of_memory("ranks", (size_t)comm->size * sizeof *all,
                                   "close other programs");
    digest_text(text, &mine);
    lyrnn_status status = compare_digests(comm, what, remedy, &mine, all);
    free(all);
    return status;
}
