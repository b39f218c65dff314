/* Reads and writes the connections of control, and notices whoever fails or is gone. */
#include "parallel/links.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

/* A host that vanishes without a word is noticed after this time. */
enum { IDLE_SECONDS = 10, PROBE_SECONDS = 5, NUM_PROBES = 4, UNANSWERED_MS = 30000 };

static const double close_seconds = 10;

lyrnn_status group_new(int rank, int size, rank_group **group)
{
    const size_t n = (size_t)size;
    rank_group *made = calloc(1, sizeof *made);
    *group = made;
    if (made == NULL)
        return lyrnn_out_of_memory("ranks", sizeof *made, "close other programs");
    made->rank = rank;
    made->size = size;
    made->close_seconds = close_seconds;
    made->members = calloc(n, sizeof *made->members);
    made->links = calloc(n, sizeof *made->links);
    made->transfers = calloc(n, sizeof *made->transfers);
    made->polls = calloc(2 * n + LINKS_MAX_PENDING + 1, sizeof *made->polls);
    if (made->members == NULL || made->links == NULL || made->transfers == NULL ||
        made->polls == NULL)
        return lyrnn_out_of_memory("ranks", n * sizeof *made->links, "close other programs");
    for (int r = 0; r < size; r++) {
        for (int channel = 0; channel < NUM_CHANNELS; channel++)
            made->links[r].sockets[channel] = -1;
    }
    return LYRNN_OK;
}

void group_free(rank_group *group)
{
    if (group == NULL)
        return;
    for (int r = 0; group->links != NULL && r < group->size; r++) {
        for (int channel = 0; channel < NUM_CHANNELS; channel++) {
            if (group->links[r].sockets[channel] >= 0)
                close(group->links[r].sockets[channel]);
        }
        free(group->links[r].buffer);
    }
    free(group->members);
    free(group->links);
    free(group->transfers);
    free(group->polls);
    free(group);
}

static void set_option(int socket, int level, int option, int value)
{
    /* An option that the system lacks costs speed, or time until a vanished host is noticed. */
    (void)setsockopt(socket, level, option, &value, sizeof value);
}

void link_add(rank_group *group, int rank, int channel, int socket)
{
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    /* The probes also keep firewalls from forgetting a connection that has nothing to do. */
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_SECONDS);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, NUM_PROBES);
    /* A connection of data may wait long for a rank that is slow to read, so only that of control,
     * whose few bytes always have room, is timed. */
    if (channel == CHANNEL_CONTROL)
        set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, UNANSWERED_MS);
    group->links[rank].sockets[channel] = socket;
}

bool link_is_gone(const rank_link *link)
{
    return link->has_ended && !link->is_closing && !link->has_left;
}

static size_t payload_bytes(const frame *header)
{
    return header->length <= FRAME_PAYLOAD_MAX ? (size_t)header->length : 0;
}

static void remove_bytes(rank_link *link, size_t begin, size_t num_bytes)
{
    link->num_buffered -= num_bytes;
    memmove(link->buffer + begin, link->buffer + begin + num_bytes, link->num_buffered - begin);
}

/* Takes note of a frame that may come at any time. */
static void note(rank_link *link, const frame *header, const uint8_t *payload)
{
    if (header->kind == FRAME_GOODBYE) {
        link->has_left = true;
        link->reports = header->number != 0;
        return;
    }
    link->is_closing = true;
    link->status =
        header->number <= LYRNN_INTERRUPTED ? (lyrnn_status)header->number : LYRNN_ERR_RANK;
    snprintf(link->text, sizeof link->text, "%.*s", (int)header->length, (const char *)payload);
    if (link->text[0] == '\0')
        snprintf(link->text, sizeof link->text, "has failed; see there why");
}

/* Looks through the frames in the buffer. Those of collectives stay there. */
static void note_frames(rank_link *link)
{
    size_t at = 0;
    while (link->num_buffered - at >= FRAME_HEADER_BYTES) {
        frame header;
        const uint8_t *bytes = link->buffer + at;
        if (!frame_read(bytes, &header) || header.kind < FRAME_BROADCAST) {
            link->has_ended = true;
            link->num_buffered = at;
            return;
        }
        const size_t num_bytes = FRAME_HEADER_BYTES + payload_bytes(&header);
        if (link->num_buffered - at < num_bytes)
            return;
        if (frame_is_collective(header.kind)) {
            at += num_bytes;
        } else {
            note(link, &header, bytes + FRAME_HEADER_BYTES);
            remove_bytes(link, at, num_bytes);
        }
    }
}

/* Makes room for more bytes. A rank that is ahead of this one may have sent many short frames, and
 * its end must be seen behind them. Returns false if there is no room. */
static bool has_room(rank_link *link)
{
    if (link->num_buffered < link->capacity)
        return true;
    size_t capacity = link->capacity == 0 ? LINK_BUFFER_BYTES : 2 * link->capacity;
    uint8_t *larger = capacity > LINK_BUFFER_MAX ? NULL : realloc(link->buffer, capacity);
    if (larger == NULL)
        return false;
    link->buffer = larger;
    link->capacity = capacity;
    return true;
}

static void link_fill(rank_link *link)
{
    ssize_t num = recv(link->sockets[CHANNEL_CONTROL], link->buffer + link->num_buffered,
                       link->capacity - link->num_buffered, MSG_DONTWAIT);
    if (num > 0) {
        link->num_buffered += (size_t)num;
        note_frames(link);
    } else if (num == 0 || (errno != EAGAIN && errno != EINTR)) {
        link->has_ended = true;
    }
}

void links_poll(rank_group *group, struct pollfd *extra, size_t num_extra, int timeout_ms)
{
    struct pollfd *polls = group->polls;
    if (num_extra > 0)
        memcpy(polls, extra, num_extra * sizeof *extra);
    for (int r = 0; r < group->size; r++) {
        rank_link *link = &group->links[r];
        bool is_read = !link->has_ended && has_room(link);
        /* poll passes over a negative number. */
        polls[num_extra + (size_t)r] =
            (struct pollfd){.fd = is_read ? link->sockets[CHANNEL_CONTROL] : -1, .events = POLLIN};
    }
    int num_ready = poll(polls, num_extra + (nfds_t)group->size, timeout_ms);
    for (size_t i = 0; i < num_extra; i++) {
        extra[i].revents = 0;
        if (num_ready > 0)
            extra[i].revents = polls[i].revents;
    }
    for (int r = 0; num_ready > 0 && r < group->size; r++) {
        if (polls[num_extra + (size_t)r].revents != 0)
            link_fill(&group->links[r]);
    }
}

bool link_has_failed(const rank_link *link)
{
    return link->is_closing && link->status != LYRNN_OK && link->status != LYRNN_INTERRUPTED;
}

lyrnn_status group_status(const rank_group *group)
{
    return group->status == LYRNN_OK ? LYRNN_OK : lyrnn_fail(group->status, "%s", group->text);
}

lyrnn_status group_fail(rank_group *group, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(group->text, sizeof group->text, format, arguments);
    va_end(arguments);
    group->status = LYRNN_ERR_RANK;
    return lyrnn_fail(LYRNN_ERR_RANK, "%s", group->text);
}

lyrnn_status group_fail_gone(rank_group *group, int rank)
{
    return group_fail(
        group,
        "rank %d (%s): is gone; see there why it ended, then start again, or continue "
        "with --resume if a run was saved",
        rank, group->members[rank].name);
}

lyrnn_status links_wait(rank_group *group, struct pollfd *extra, size_t num_extra, int timeout_ms)
{
    LYRNN_TRY(group_status(group));
    links_poll(group, extra, num_extra, timeout_ms);
    for (int r = 0; r < group->size; r++) {
        if (link_has_failed(&group->links[r]))
            return group_fail(group, "%s", group->links[r].text);
    }
    for (int r = 0; r < group->size; r++) {
        if (link_is_gone(&group->links[r]))
            return group_fail_gone(group, r);
    }
    return LYRNN_OK;
}

int milliseconds_until(double deadline, int most_ms)
{
    double left = (deadline - lyrnn_seconds()) * 1000;
    return left <= 0 ? 0 : left < most_ms ? (int)left + 1 : most_ms;
}

static size_t frame_bytes(const frame *header, const void *payload,
                          uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX])
{
    size_t num_payload = payload == NULL ? 0 : payload_bytes(header);
    frame_write(header, bytes);
    if (num_payload > 0)
        memcpy(bytes + FRAME_HEADER_BYTES, payload, num_payload);
    return FRAME_HEADER_BYTES + num_payload;
}

lyrnn_status link_send(rank_group *group, int rank, const frame *header, const void *payload)
{
    uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX];
    const size_t num_bytes = frame_bytes(header, payload, bytes);
    const int fd = group->links[rank].sockets[CHANNEL_CONTROL];
    for (size_t sent = 0; sent < num_bytes;) {
        ssize_t num = send(fd, bytes + sent, num_bytes - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (num > 0) {
            sent += (size_t)num;
        } else if (errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            LYRNN_TRY(links_wait(group, &room, 1, -1));
        } else if (errno != EINTR) {
            /* What it said before its end is still to be read. */
            LYRNN_TRY(links_wait(group, NULL, 0, 0));
            return group_fail_gone(group, rank);
        }
    }
    return LYRNN_OK;
}

void links_send_last(rank_group *group, const frame *header, const void *payload)
{
    uint8_t bytes[FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX];
    const size_t num_bytes = frame_bytes(header, payload, bytes);
    for (int r = 0; r < group->size; r++) {
        const int fd = group->links[r].sockets[CHANNEL_CONTROL];
        if (fd >= 0)
            (void)send(fd, bytes, num_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

void group_close_with(rank_group *group, lyrnn_status status, const char *text)
{
    (void)group_fail(group, "%s", text);
    group->status = status;
    const frame closing = {FRAME_CLOSING, (uint32_t)status, strlen(group->text)};
    links_send_last(group, &closing, group->text);
}

/* Whether the next frame has begun, and is no closing that is still incomplete. */
static bool has_collective(const rank_link *link, frame *header)
{
    return link->num_buffered >= FRAME_HEADER_BYTES && frame_read(link->buffer, header) &&
           frame_is_collective(header->kind);
}

lyrnn_status link_take(rank_group *group, int rank, const frame *expected, void *payload,
                       bool *is_taken)
{
    rank_link *link = &group->links[rank];
    frame header;
    *is_taken = false;
    if (!has_collective(link, &header)) {
        if (!link->is_closing && !link->has_left)
            return LYRNN_OK;
        return group_fail(group, "rank %d (%s): has left before rank %d; this is a bug in lyrnn",
                          rank, group->members[rank].name, group->rank);
    }
    if (header.kind != expected->kind || header.number != expected->number ||
        header.length != expected->length)
        return group_fail(group,
                          "rank %d (%s): calls %s of %llu bytes where rank %d calls %s of %llu; "
                          "run the same lyrnn with the same options on all ranks",
                          rank, group->members[rank].name, frame_name(header.kind),
                          (unsigned long long)header.length, group->rank,
                          frame_name(expected->kind), (unsigned long long)expected->length);
    size_t num_bytes = payload_bytes(&header);
    if (link->num_buffered < FRAME_HEADER_BYTES + num_bytes)
        return LYRNN_OK;
    if (num_bytes > 0)
        memcpy(payload, link->buffer + FRAME_HEADER_BYTES, num_bytes);
    remove_bytes(link, 0, FRAME_HEADER_BYTES + num_bytes);
    *is_taken = true;
    return LYRNN_OK;
}
