/* The collectives of lyrnn/comm.h over the links between ranks.
 *
 * Each is a set of transfers between this rank and others. A payload of up to FRAME_PAYLOAD_MAX
 * bytes travels in its frame, which the sender sends at once. For a longer one both sides send the
 * frame without it, so that each knows that the other is there and means the same collective; then
 * the bytes follow over the connections of data, in all directions at once. */
#include "parallel/comm.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

/* The connection of data of a rank may end a little before that of control gives the reason. */
static const double end_seconds = 5;

/* The most bytes that one call sends or receives, so that all ranks have their turn. */
enum { TURN_BYTES = 1 << 20 };

static bool is_long(const frame *header)
{
    return header->length > FRAME_PAYLOAD_MAX;
}

static lyrnn_status data_has_ended(rank_group *group, int rank)
{
    const double deadline = lyrnn_seconds() + end_seconds;
    while (lyrnn_seconds() < deadline)
        LYRNN_TRY(links_wait(group, NULL, 0, milliseconds_until(deadline, 1000)));
    return group_fail_gone(group, rank);
}

/* Moves as many of a long payload's bytes as there is room for. `events` gets what to wait for. */
static lyrnn_status move_bytes(rank_group *group, int rank, size_t num_bytes, short *events)
{
    rank_transfer *transfer = &group->transfers[rank];
    const int fd = group->links[rank].sockets[CHANNEL_DATA];
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    *events = 0;
    if (transfer->out != NULL && transfer->num_sent < num_bytes) {
        size_t left = num_bytes - transfer->num_sent;
        ssize_t num = send(fd, transfer->out + transfer->num_sent,
                           left < TURN_BYTES ? left : TURN_BYTES, flags);
        if (num > 0)
            transfer->num_sent += (size_t)num;
        else if (errno != EAGAIN && errno != EINTR)
            return data_has_ended(group, rank);
        if (transfer->num_sent < num_bytes)
            *events |= POLLOUT;
    }
    if (transfer->in != NULL && transfer->num_received < num_bytes) {
        size_t left = num_bytes - transfer->num_received;
        ssize_t num = recv(fd, transfer->in + transfer->num_received,
                           left < TURN_BYTES ? left : TURN_BYTES, flags);
        if (num > 0)
            transfer->num_received += (size_t)num;
        else if (num == 0 || (errno != EAGAIN && errno != EINTR))
            return data_has_ended(group, rank);
        if (transfer->num_received < num_bytes)
            *events |= POLLIN;
    }
    return LYRNN_OK;
}

static lyrnn_status advance(rank_group *group, int rank, const frame *header, short *events)
{
    rank_transfer *transfer = &group->transfers[rank];
    *events = 0;
    if (!transfer->is_met) {
        LYRNN_TRY(link_take(group, rank, header, transfer->in, &transfer->is_met));
        if (!transfer->is_met)
            return LYRNN_OK;
    }
    if (is_long(header))
        LYRNN_TRY(move_bytes(group, rank, (size_t)header->length, events));
    transfer->is_done = *events == 0;
    return LYRNN_OK;
}

/* Begins with the rank after this one, so that not all ranks send to the same one first. */
static int partner(const rank_group *group, int i)
{
    return (group->rank + i) % group->size;
}

static lyrnn_status send_frames(rank_group *group, const frame *header)
{
    for (int i = 1; i < group->size; i++) {
        int r = partner(group, i);
        rank_transfer *transfer = &group->transfers[r];
        transfer->is_done = transfer->out == NULL && transfer->in == NULL;
        if (transfer->out != NULL || (transfer->in != NULL && is_long(header)))
            LYRNN_TRY(link_send(group, r, header, transfer->out));
        /* Nothing comes back for a short payload. */
        if (transfer->in == NULL && !is_long(header))
            transfer->is_done = true;
    }
    return LYRNN_OK;
}

/* Carries out group->transfers, each of num_bytes. */
static lyrnn_status transfer_all(rank_group *group, frame_kind kind, size_t num_bytes)
{
    /* A rank that only sends may never wait, but must notice too that the group has failed. */
    LYRNN_TRY(links_wait(group, NULL, 0, 0));
    const frame header = {kind, group->num_collectives++, num_bytes};
    struct pollfd data[LYRNN_RANKS_MAX];
    LYRNN_TRY(send_frames(group, &header));
    for (;;) {
        size_t num_data = 0;
        bool is_done = true;
        for (int i = 1; i < group->size; i++) {
            int r = partner(group, i);
            short events = 0;
            if (group->transfers[r].is_done)
                continue;
            LYRNN_TRY(advance(group, r, &header, &events));
            is_done = is_done && group->transfers[r].is_done;
            if (events != 0)
                data[num_data++] =
                    (struct pollfd){.fd = group->links[r].sockets[CHANNEL_DATA], .events = events};
        }
        if (is_done)
            return LYRNN_OK;
        LYRNN_TRY(links_wait(group, data, num_data, -1));
    }
}

/* Forgets the transfers of the collective before, and returns the group. */
static rank_group *begin(lyrnn_comm *comm)
{
    rank_group *group = comm->state;
    memset(group->transfers, 0, (size_t)group->size * sizeof *group->transfers);
    return group;
}

static lyrnn_status broadcast(lyrnn_comm *self, void *bytes, size_t num_bytes)
{
    rank_group *group = begin(self);
    for (int r = 1; r < group->size; r++) {
        if (group->rank == 0)
            group->transfers[r].out = bytes;
    }
    if (group->rank != 0)
        group->transfers[0].in = bytes;
    return transfer_all(group, FRAME_BROADCAST, num_bytes);
}

static lyrnn_status gather(lyrnn_comm *self, const void *mine, size_t num_bytes, void *all)
{
    rank_group *group = begin(self);
    if (group->rank != 0) {
        group->transfers[0].out = mine;
        return transfer_all(group, FRAME_GATHER, num_bytes);
    }
    uint8_t *places = all;
    memcpy(places, mine, num_bytes);
    for (int r = 1; r < group->size; r++)
        group->transfers[r].in = places + (size_t)r * num_bytes;
    return transfer_all(group, FRAME_GATHER, num_bytes);
}

static lyrnn_status exchange(lyrnn_comm *self, const void *pieces, void *received, size_t num_bytes)
{
    rank_group *group = begin(self);
    const uint8_t *from = pieces;
    uint8_t *to = received;
    const size_t own = (size_t)group->rank * num_bytes;
    for (int r = 0; r < group->size; r++) {
        group->transfers[r].out = from + (size_t)r * num_bytes;
        group->transfers[r].in = to + (size_t)r * num_bytes;
    }
    LYRNN_TRY(transfer_all(group, FRAME_EXCHANGE, num_bytes));
    memcpy(to + own, from + own, num_bytes);
    return LYRNN_OK;
}

static lyrnn_status all_gather(lyrnn_comm *self, void *pieces, size_t num_bytes)
{
    rank_group *group = begin(self);
    uint8_t *places = pieces;
    for (int r = 0; r < group->size; r++) {
        group->transfers[r].out = places + (size_t)group->rank * num_bytes;
        group->transfers[r].in = places + (size_t)r * num_bytes;
    }
    return transfer_all(group, FRAME_ALL_GATHER, num_bytes);
}

static lyrnn_status check(lyrnn_comm *self)
{
    return links_wait(self->state, NULL, 0, 0);
}

static void fail(lyrnn_comm *self, const char *text)
{
    rank_group *group = self->state;
    group_close_with(group, LYRNN_ERR_IO, text);
}

void comm_set(lyrnn_comm *comm, rank_group *group)
{
    *comm = (lyrnn_comm){
        .rank = group->rank,
        .size = group->size,
        .local_size = 1,
        .state = group,
        .broadcast = broadcast,
        .gather = gather,
        .exchange = exchange,
        .all_gather = all_gather,
        .check = check,
        .fail = fail,
        .end = comm_end,
    };
}

const char *lyrnn_comm_carrier(const lyrnn_comm *comm)
{
    const rank_group *group = comm->state;
    return group->carrier.text;
}

const char *lyrnn_comm_member(const lyrnn_comm *comm, int rank)
{
    const rank_group *group = comm->state;
    return group->members[rank].name;
}
