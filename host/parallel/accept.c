/* The listening side of the rendezvous. Anybody can connect here: whoever sends no hello is dropped
 * after a few bytes or seconds, and whoever sends one of another training gets the reason why it
 * is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "parallel/rendezvous.h"
#include "parallel/sockets.h"

/* How long a connection may take to send its hello. */
static const double hello_seconds = 10;

/* A connection whose hello is not complete. */
typedef struct {
    int socket;
    double since;
    size_t num_bytes;
    uint8_t bytes[HELLO_BYTES];
} pending;

typedef struct {
    rendezvous *meeting;
    int first;       /* the lowest rank that may come */
    int num_missing; /* connections */
    size_t num_pending;
    pending pending[LINKS_MAX_PENDING];
} reception;

static void drop(reception *reception, size_t i)
{
    close(reception->pending[i].socket);
    reception->pending[i] = reception->pending[--reception->num_pending];
}

static void answer(int socket, frame_kind kind, const char *text)
{
    uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX];
    const frame header = {kind, 0, strlen(text)};
    frame_write(&header, bytes);
    memcpy(bytes + FRAME_HEADER_BYTES, text, header.length);
    (void)send(socket, bytes, FRAME_HEADER_BYTES + header.length, MSG_NOSIGNAL);
}

/* Why a hello is refused, or "" if it is welcome. */
static void judge(const reception *reception, const rank_hello *hello, char *text, size_t size)
{
    const rendezvous *meeting = reception->meeting;
    const rank_group *group = meeting->group;
    text[0] = '\0';
    if (!hello_has_token(hello, meeting->ranks->token))
        snprintf(text, size,
                 "its token differs; start all ranks by one launcher, or with the same "
                 "LYRNN_TOKEN");
    else if (hello->size != (uint32_t)group->size)
        snprintf(text, size,
                 "it is one of %u ranks here and one of %d there; start all with one number",
                 hello->size, group->size);
    else if (hello->to != (uint32_t)group->rank || hello->from < (uint32_t)reception->first ||
             hello->from >= hello->size)
        snprintf(text, size, "rank %u is not expected there; give each process its own rank",
                 hello->from);
    else if (group->links[hello->from].sockets[hello->channel] >= 0)
        snprintf(text, size, "%s has joined as rank %u already; give each process its own rank",
                 group->members[hello->from].name, hello->from);
}

static void add_member(rendezvous *meeting, const rank_hello *hello, int socket)
{
    struct sockaddr_storage address = {0};
    socklen_t num_bytes = sizeof address;
    rank_member *member = &meeting->group->members[hello->from];
    member_set(member, hello);
    if (getpeername(socket, (struct sockaddr *)&address, &num_bytes) == 0)
        address_get_ip(&address, member->address);
}

/* Makes the connection with a whole hello a link, or refuses it. */
static void welcome(reception *reception, size_t i)
{
    rendezvous *meeting = reception->meeting;
    pending *guest = &reception->pending[i];
    rank_hello hello;
    char text[256];
    if (!hello_read(guest->bytes, &hello)) {
        drop(reception, i);
        return;
    }
    judge(reception, &hello, text, sizeof text);
    if (text[0] != '\0') {
        snprintf(meeting->problem, sizeof meeting->problem, "rank %u (%.64s) was refused: %.150s",
                 hello.from, hello.host, text);
        answer(guest->socket, FRAME_REFUSED, text);
        drop(reception, i);
        return;
    }
    if (hello.channel == CHANNEL_CONTROL && reception->first == 1)
        add_member(meeting, &hello, guest->socket);
    answer(guest->socket, FRAME_WELCOME, "");
    link_add(meeting->group, (int)hello.from, (int)hello.channel, guest->socket);
    reception->num_missing--;
    reception->pending[i] = reception->pending[--reception->num_pending];
}

/* Reads what a connection has sent. */
static void listen_to(reception *reception, size_t i)
{
    pending *guest = &reception->pending[i];
    ssize_t num = recv(guest->socket, guest->bytes + guest->num_bytes,
                       HELLO_BYTES - guest->num_bytes, MSG_DONTWAIT);
    if (num < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    guest->num_bytes += num > 0 ? (size_t)num : 0;
    if (num <= 0 || !hello_is_possible(guest->bytes, guest->num_bytes)) {
        drop(reception, i);
    } else if (guest->num_bytes >= HELLO_PREFIX_BYTES &&
               hello_version(guest->bytes) != PROTOCOL_VERSION) {
        answer(guest->socket, FRAME_REFUSED,
               "it is another version of lyrnn; install the same one on all hosts");
        drop(reception, i);
    } else if (guest->num_bytes == HELLO_BYTES) {
        welcome(reception, i);
    }
}

static size_t oldest(const reception *reception)
{
    size_t found = 0;
    for (size_t i = 1; i < reception->num_pending; i++) {
        if (reception->pending[i].since < reception->pending[found].since)
            found = i;
    }
    return found;
}

/* Lets in whoever waits. If too many are silent, the one that has been so for longest must go. */
static void let_in(reception *reception)
{
    for (int num = 0; num < LINKS_MAX_PENDING; num++) {
        int fd = accept4(reception->meeting->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (reception->num_pending == LINKS_MAX_PENDING)
            drop(reception, oldest(reception));
        pending *guest = &reception->pending[reception->num_pending++];
        guest->socket = fd;
        guest->since = lyrnn_seconds();
        guest->num_bytes = 0;
        listen_to(reception, reception->num_pending - 1);
    }
}

static lyrnn_status receive_guests(reception *reception)
{
    rendezvous *meeting = reception->meeting;
    struct pollfd polls[LINKS_MAX_PENDING + 1];
    const size_t num = reception->num_pending;
    for (size_t i = 0; i < num; i++)
        polls[i] = (struct pollfd){.fd = reception->pending[i].socket, .events = POLLIN};
    polls[num] = (struct pollfd){.fd = meeting->listener, .events = POLLIN};
    LYRNN_TRY(
        links_wait(meeting->group, polls, num + 1, milliseconds_until(meeting->deadline, 1000)));
    /* From the last on: the place of one that goes is taken by one that was looked at. */
    for (size_t i = num; i-- > 0;) {
        if (polls[i].revents != 0)
            listen_to(reception, i);
        else if (lyrnn_seconds() - reception->pending[i].since > hello_seconds)
            drop(reception, i);
    }
    if (polls[num].revents != 0)
        let_in(reception);
    return LYRNN_OK;
}

/* "ranks 2 and 3": those that have not come. */
static void name_missing(const reception *reception, char *text, size_t size)
{
    enum { MOST = 8 };
    const rank_group *group = reception->meeting->group;
    int missing[LYRNN_RANKS_MAX], num = 0;
    for (int r = reception->first; r < group->size; r++) {
        const rank_link *link = &group->links[r];
        if (link->sockets[CHANNEL_CONTROL] < 0 || link->sockets[CHANNEL_DATA] < 0)
            missing[num++] = r;
    }
    int shown = num > MOST ? MOST : num;
    size_t at = (size_t)snprintf(text, size, "rank%s", num > 1 ? "s" : "");
    for (int i = 0; i < shown; i++)
        at += (size_t)snprintf(text + at, size - at, "%s %d",
                               i == 0         ? ""
                               : i == num - 1 ? " and"
                                              : ",",
                               missing[i]);
    if (shown < num)
        snprintf(text + at, size - at, " and %d more", num - shown);
}

static lyrnn_status too_late(const reception *reception)
{
    const rendezvous *meeting = reception->meeting;
    const rank_group *group = meeting->group;
    struct sockaddr_storage address = {0};
    socklen_t num_bytes = sizeof address;
    char missing[128], where[ADDRESS_TEXT_BYTES];
    name_missing(reception, missing, sizeof missing);
    (void)getsockname(meeting->listener, (struct sockaddr *)&address, &num_bytes);
    address_text(&address, where);
    if (reception->first > 1)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s of %d did not reach it at %s within %g s; open this port range "
                          "between the hosts",
                          missing, group->size, where, meeting->timeout);
    return lyrnn_fail(
        LYRNN_ERR_IO, "rank 0: %s of %d did not come within %g s; %s%s%s %s%s", missing,
        group->size, meeting->timeout, meeting->problem, meeting->problem[0] == '\0' ? "" : "; ",
        "see whether they run and reach", where,
        address_is_loopback(&address) ? ", which other hosts cannot: set MASTER_ADDR to an "
                                        "IP address that they reach"
                                      : "");
}

lyrnn_status accept_ranks(rendezvous *meeting, int first)
{
    reception reception = {.meeting = meeting,
                           .first = first,
                           .num_missing = NUM_CHANNELS * (meeting->group->size - first)};
    lyrnn_status status = LYRNN_OK;
    while (status == LYRNN_OK && reception.num_missing > 0) {
        status = receive_guests(&reception);
        if (status == LYRNN_OK && reception.num_missing > 0 && lyrnn_seconds() >= meeting->deadline)
            status = too_late(&reception);
    }
    while (reception.num_pending > 0)
        drop(&reception, 0);
    return status;
}
