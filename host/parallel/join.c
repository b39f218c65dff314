/* The connecting side of the rendezvous. It tries again until the other rank answers, because ranks
 * start in any order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parallel/rendezvous.h"
#include "parallel/sockets.h"

/* One address may not answer at all where another would. */
static const double connect_seconds = 10;

/* The pause between two tries grows up to the last of these. */
enum { FIRST_PAUSE_MS = 20, LAST_PAUSE_MS = 1000 };

typedef struct {
    rendezvous *meeting;
    int rank, channel; /* where to */
    int socket;        /* -1: this try has failed, for the reason in meeting->problem */
} joining;

/* Waits for a socket. Returns false at the deadline. */
static lyrnn_status wait_for(rendezvous *meeting, int socket, short events, double deadline,
                             bool *is_ready)
{
    struct pollfd poll = {.fd = socket, .events = events};
    *is_ready = false;
    while (!*is_ready) {
        int left_ms = milliseconds_until(deadline, 1000);
        LYRNN_TRY(links_wait(meeting->group, &poll, 1, left_ms));
        *is_ready = poll.revents != 0;
        if (left_ms == 0)
            break;
    }
    return LYRNN_OK;
}

static void set_problem(rendezvous *meeting, const char *text)
{
    snprintf(meeting->problem, sizeof meeting->problem, "%s", text);
}

static lyrnn_status connect_to(joining *attempt, const struct sockaddr *address, socklen_t num)
{
    rendezvous *meeting = attempt->meeting;
    double deadline = lyrnn_seconds() + connect_seconds;
    bool is_ready;
    attempt->socket = socket_connect(address, num);
    if (attempt->socket < 0) {
        set_problem(meeting, strerror(errno));
        return LYRNN_OK;
    }
    LYRNN_TRY(wait_for(meeting, attempt->socket, POLLOUT,
                       deadline < meeting->deadline ? deadline : meeting->deadline, &is_ready));
    int error = is_ready ? socket_error(attempt->socket) : ETIMEDOUT;
    if (error != 0) {
        set_problem(meeting, strerror(error));
        close(attempt->socket);
        attempt->socket = -1;
    }
    return LYRNN_OK;
}

/* Opens the listener for the ranks above, at the address by which this rank reached rank 0. */
static lyrnn_status open_listener(rendezvous *meeting, int socket)
{
    struct sockaddr_storage address = {0};
    socklen_t num = sizeof address;
    if (meeting->listener >= 0)
        close(meeting->listener);
    meeting->listener = -1;
    if (getsockname(socket, (struct sockaddr *)&address, &num) == 0) {
        address_set_port(&address, 0);
        meeting->listener = socket_listen((const struct sockaddr *)&address, num);
        num = sizeof address;
    }
    if (meeting->listener < 0 ||
        getsockname(meeting->listener, (struct sockaddr *)&address, &num) != 0)
        return lyrnn_fail(LYRNN_ERR_IO, "rank %d: cannot listen: %s; see ip_local_port_range",
                          meeting->group->rank, strerror(errno));
    meeting->hello.port = (uint32_t)address_port(&address);
    return LYRNN_OK;
}

/* Reads exactly num_bytes. is_whole: false if the connection ended before. */
static lyrnn_status read_whole(joining *attempt, void *bytes, size_t num_bytes, bool *is_whole)
{
    rendezvous *meeting = attempt->meeting;
    size_t got = 0;
    *is_whole = false;
    while (got < num_bytes) {
        bool is_ready;
        LYRNN_TRY(wait_for(meeting, attempt->socket, POLLIN, meeting->deadline, &is_ready));
        ssize_t num =
            is_ready ? recv(attempt->socket, (uint8_t *)bytes + got, num_bytes - got, MSG_DONTWAIT)
                     : 0;
        if (num < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (num <= 0) {
            /* When the time is up, an earlier reason says more. */
            if (is_ready || meeting->problem[0] == '\0')
                set_problem(meeting, is_ready ? "the connection was closed" : "no answer");
            return LYRNN_OK;
        }
        got += (size_t)num;
    }
    *is_whole = true;
    return LYRNN_OK;
}

/* Sends the hello, and reads the answer. */
static lyrnn_status introduce(joining *attempt, bool *is_welcome)
{
    rendezvous *meeting = attempt->meeting;
    uint8_t hello[HELLO_BYTES], bytes[FRAME_HEADER_BYTES];
    char text[FRAME_PAYLOAD_MAX + 1] = "";
    frame header = {0};
    *is_welcome = false;
    meeting->hello.to = (uint32_t)attempt->rank;
    meeting->hello.channel = (uint32_t)attempt->channel;
    hello_write(&meeting->hello, hello);
    /* A new connection has room for a hello. */
    if (send(attempt->socket, hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello) {
        set_problem(meeting, "the connection was closed");
        return LYRNN_OK;
    }
    bool is_whole;
    LYRNN_TRY(read_whole(attempt, bytes, sizeof bytes, &is_whole));
    if (!is_whole)
        return LYRNN_OK;
    if (!frame_read(bytes, &header) ||
        (header.kind != FRAME_WELCOME && header.kind != FRAME_REFUSED)) {
        set_problem(meeting, "another program answers there");
        return LYRNN_OK;
    }
    *is_welcome = header.kind == FRAME_WELCOME;
    if (*is_welcome)
        return LYRNN_OK;
    LYRNN_TRY(read_whole(attempt, text, (size_t)header.length, &is_whole));
    return lyrnn_fail(LYRNN_ERR_USAGE, "rank %d: rank %d refuses it: %s", meeting->group->rank,
                      attempt->rank, text);
}

/* Keeps where rank 0 is. Until the table of ranks comes, that is also its name. */
static void note_leader(rendezvous *meeting, const struct sockaddr *address, socklen_t num)
{
    rank_member *member = &meeting->group->members[0];
    memcpy(&meeting->leader, address, num);
    address_text(&meeting->leader, member->name);
    snprintf(member->host, sizeof member->host, "%.*s", (int)sizeof member->host - 1, member->name);
}

/* Connects and introduces itself. On LYRNN_OK, attempt->socket is -1 if it may try again. */
static lyrnn_status try_address(joining *attempt, const struct sockaddr *address, socklen_t num)
{
    rendezvous *meeting = attempt->meeting;
    bool is_welcome = false;
    LYRNN_TRY(connect_to(attempt, address, num));
    if (attempt->socket < 0)
        return LYRNN_OK;
    if (attempt->rank == 0 && attempt->channel == CHANNEL_CONTROL)
        LYRNN_TRY(open_listener(meeting, attempt->socket));
    LYRNN_TRY(introduce(attempt, &is_welcome));
    if (is_welcome) {
        if (attempt->rank == 0)
            note_leader(meeting, address, num);
        return LYRNN_OK;
    }
    close(attempt->socket);
    attempt->socket = -1;
    return LYRNN_OK;
}

/* Tries all addresses of rank 0's name. */
static lyrnn_status try_leader(joining *attempt)
{
    rendezvous *meeting = attempt->meeting;
    struct addrinfo *addresses = NULL;
    int error = socket_resolve(meeting->ranks->address, meeting->ranks->port, &addresses);
    lyrnn_status status = LYRNN_OK;
    if (error != 0) {
        set_problem(meeting, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
        return LYRNN_OK;
    }
    for (const struct addrinfo *a = addresses;
         a != NULL && status == LYRNN_OK && attempt->socket < 0; a = a->ai_next)
        status = try_address(attempt, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(addresses);
    return status;
}

static lyrnn_status try_member(joining *attempt)
{
    struct sockaddr_storage address = attempt->meeting->leader;
    if (attempt->rank != 0) {
        const rank_member *member = &attempt->meeting->group->members[attempt->rank];
        address_set_ip(&address, member->address);
        address_set_port(&address, (int)member->port);
    }
    return try_address(attempt, (const struct sockaddr *)&address,
                       address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                     : sizeof(struct sockaddr_in));
}

static lyrnn_status pause_until(rendezvous *meeting, double deadline)
{
    int left_ms;
    while ((left_ms = milliseconds_until(deadline, LAST_PAUSE_MS)) > 0)
        LYRNN_TRY(links_wait(meeting->group, NULL, 0, left_ms));
    return LYRNN_OK;
}

/* Tries until the deadline. Afterwards attempt->socket is -1 if nobody answered. */
static lyrnn_status keep_trying(joining *attempt, lyrnn_status (*one_try)(joining *))
{
    rendezvous *meeting = attempt->meeting;
    double pause = FIRST_PAUSE_MS * 1e-3;
    LYRNN_TRY(one_try(attempt));
    while (attempt->socket < 0 && lyrnn_seconds() < meeting->deadline) {
        double until = lyrnn_seconds() + pause;
        LYRNN_TRY(pause_until(meeting, until < meeting->deadline ? until : meeting->deadline));
        pause = pause * 2 < LAST_PAUSE_MS * 1e-3 ? pause * 2 : LAST_PAUSE_MS * 1e-3;
        LYRNN_TRY(one_try(attempt));
    }
    return LYRNN_OK;
}

static lyrnn_status join(joining *attempt, lyrnn_status (*one_try)(joining *))
{
    rendezvous *meeting = attempt->meeting;
    attempt->socket = -1;
    lyrnn_status status = keep_trying(attempt, one_try);
    if (status != LYRNN_OK) {
        if (attempt->socket >= 0)
            close(attempt->socket);
        return status;
    }
    if (attempt->socket >= 0)
        link_add(meeting->group, attempt->rank, attempt->channel, attempt->socket);
    return LYRNN_OK;
}

lyrnn_status join_leader(rendezvous *meeting)
{
    const lyrnn_ranks *ranks = meeting->ranks;
    joining control = {meeting, 0, CHANNEL_CONTROL, -1}, data = {meeting, 0, CHANNEL_DATA, -1};
    LYRNN_TRY(join(&control, try_leader));
    if (control.socket >= 0)
        LYRNN_TRY(join(&data, try_member));
    if (data.socket >= 0)
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_IO,
                      "rank %d: rank 0 (%s port %d) did not answer within %g s; see whether it "
                      "runs, and whether this host reaches it (%s)",
                      ranks->rank, ranks->address, ranks->port, meeting->timeout, meeting->problem);
}

lyrnn_status join_member(rendezvous *meeting, int rank)
{
    const rank_member *member = &meeting->group->members[rank];
    for (int channel = 0; channel < NUM_CHANNELS; channel++) {
        joining attempt = {meeting, rank, channel, -1};
        LYRNN_TRY(join(&attempt, try_member));
        if (attempt.socket < 0)
            return lyrnn_fail(LYRNN_ERR_IO,
                              "it cannot reach rank %d (%s) within %g s (%s); open the ports "
                              "between the hosts",
                              rank, member->name, meeting->timeout, meeting->problem);
    }
    return LYRNN_OK;
}
