/* The connections of a rank to all others, and what is known about them.
 *
 * Two connections join each pair of ranks. The one of control carries frames (hello.h), and is
 * watched all the time: a rank that fails says so there, and one that dies ends it. The one of data
 * carries long payloads without frames, so that a transfer can be abandoned at any byte. */
#ifndef LYRNN_LINKS_H
#define LYRNN_LINKS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/ranks.h"
#include "mpi_module/mpi_module.h"
#include "parallel/hello.h"

enum {
    LINK_BUFFER_BYTES = 4 * (FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX),
    LINK_BUFFER_MAX = 256 * LINK_BUFFER_BYTES,
    /* Connections at the rendezvous whose hello is not complete. */
    LINKS_MAX_PENDING = 64
};

/* What rank 0 hands out about each rank. */
typedef struct {
    char name[96]; /* "HOST, process NUMBER" */
    char host[65];
    char machine[41];
    uint8_t address[16]; /* of the family by which it reached rank 0 */
    uint32_t port;
} rank_member;

typedef struct {
    int sockets[NUM_CHANNELS]; /* -1: not connected */
    bool has_ended;            /* nothing more can be read from the one of control */
    bool is_closing;           /* a closing came: */
    lyrnn_status status;
    char text[FRAME_PAYLOAD_MAX + 1];
    bool has_left, reports; /* a goodbye came, and it reports the failure */
    uint8_t *buffer;        /* (capacity)  what came and was not taken yet */
    size_t num_buffered, capacity;
} rank_link;

/* One rank's part of a collective. */
typedef struct {
    const uint8_t *out; /* what goes to it; NULL: nothing */
    uint8_t *in;        /* where to put what comes from it; NULL: nothing */
    size_t num_sent, num_received;
    bool is_met, is_done;
} rank_transfer;

/* What moves long payloads. */
typedef struct {
    bool is_of_mpirun;          /* it started the ranks */
    const lyrnn_mpi_entry *mpi; /* NULL: the links do */
    char text[256];             /* for people */
} rank_carrier;

typedef struct {
    int rank, size;
    rank_carrier carrier;
    uint32_t num_collectives;
    rank_member *members;     /* (size) */
    rank_link *links;         /* (size)  its own is not used */
    rank_transfer *transfers; /* (size) */
    struct pollfd *polls;
    double close_seconds; /* the most that lyrnn_comm_close waits for other ranks */
    /* A failure that this rank knows of, which lasts. LYRNN_ERR_RANK: of another rank. */
    lyrnn_status status;
    char text[FRAME_PAYLOAD_MAX + 1];
} rank_group;

lyrnn_status group_new(int rank, int size, rank_group **group);
/* Closes all connections. NULL is fine. */
void group_free(rank_group *group);

/* Makes a connected socket the link to a rank. */
void link_add(rank_group *group, int rank, int channel, int socket);

/* Whether a rank's connection broke before its goodbye; whether it said that it failed. */
bool link_is_gone(const rank_link *link);
bool link_has_failed(const rank_link *link);

/* Waits until one of the sockets in `extra` is ready, or something came from a rank, but not longer
 * than timeout_ms (-1: for ever). It may return early. It takes note of all that came. */
void links_poll(rank_group *group, struct pollfd *extra, size_t num_extra, int timeout_ms);

/* The same, and fails if a rank has failed or is gone, or had before. */
lyrnn_status links_wait(rank_group *group, struct pollfd *extra, size_t num_extra, int timeout_ms);

/* Sends a frame of control, and waits until it is on its way. */
lyrnn_status link_send(rank_group *group, int rank, const frame *header, const void *payload);

/* The same to all ranks, without waiting, whatever becomes of it: for a group that ends. */
void links_send_last(rank_group *group, const frame *header, const void *payload);

/* Sets a failure of this rank, which lasts, and sends a closing with it. lyrnn_comm_close sends
 * another one, but only after the backend was closed, which may need the other ranks. */
void group_close_with(rank_group *group, lyrnn_status status, const char *text);

/* Looks whether a rank's next frame has come whole, and then takes it if it is as expected. Its
 * payload goes to `payload`. Another frame is a failure of the group. */
lyrnn_status link_take(rank_group *group, int rank, const frame *expected, void *payload,
                       bool *is_taken);

/* Sets the lasting failure and its text, and returns LYRNN_ERR_RANK. */
lyrnn_status group_fail(rank_group *group, const char *format, ...) LYRNN_PRINTF(2, 3);
lyrnn_status group_fail_gone(rank_group *group, int rank);

/* The lasting failure, if there is one. */
lyrnn_status group_status(const rank_group *group);

/* The milliseconds until a time of lyrnn_seconds, for poll: from 0 to most_ms. */
int milliseconds_until(double deadline, int most_ms);

#endif
