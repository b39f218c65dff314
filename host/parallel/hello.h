/* What ranks send each other: the hello of a connection, and frames. All numbers are little-endian.
 *
 * Whoever connects sends a hello. It begins with the same 12 bytes in every version of the
 * protocol. A connection of control then carries frames: a header of 16 bytes and a short payload.
 * A connection of data carries only bytes, which two ranks have agreed on by frames. */
#ifndef LYRNN_HELLO_H
#define LYRNN_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTOCOL_VERSION = 1,
    HELLO_PREFIX_BYTES = 12, /* "lyrnnrnk" and the version */
    HELLO_BYTES = 208,
    FRAME_HEADER_BYTES = 16,
    FRAME_PAYLOAD_MAX = 4096, /* more than that travels over the connection of data */
};

enum { CHANNEL_CONTROL, CHANNEL_DATA, NUM_CHANNELS };

/* Who connects, and to whom. */
typedef struct {
    uint32_t from, to, size; /* the two ranks, and how many there are */
    uint32_t channel;
    uint32_t process; /* its number on its host */
    uint32_t port;    /* where it listens for the ranks above it; 0: for none */
    char token[65];   /* what all ranks of this training know */
    char host[65];    /* the host's name */
    char machine[41]; /* differs from machine to machine, even if names do not */
} rank_hello;

void hello_write(const rank_hello *hello, uint8_t bytes[HELLO_BYTES]);

/* Whether the first num_bytes of a connection can be those of a rank. */
bool hello_is_possible(const uint8_t *bytes, size_t num_bytes);

/* The version in a hello's first HELLO_PREFIX_BYTES. */
uint32_t hello_version(const uint8_t *bytes);

/* Returns false if the rest is no hello of this version. The texts of *hello are terminated. */
bool hello_read(const uint8_t bytes[HELLO_BYTES], rank_hello *hello);

/* Compares in a time that does not depend on where they differ. */
bool hello_has_token(const rank_hello *hello, const char *token);

typedef enum {
    FRAME_WELCOME = 1, /* the hello is accepted */
    FRAME_REFUSED,     /* payload: the reason */
    FRAME_BROADCAST,
    FRAME_GATHER,
    FRAME_EXCHANGE,
    FRAME_ALL_GATHER,
    FRAME_CLOSING, /* `number`: the sender's status; payload: its error text */
    FRAME_GOODBYE, /* the last one; `number`: 1 if the sender reports the failure */
    FRAME_KINDS
} frame_kind;

typedef struct {
    frame_kind kind;
    uint32_t number; /* of a collective: how many came before it */
    uint64_t length; /* of a collective: bytes per rank; else the bytes of the payload */
} frame;

void frame_write(const frame *header, uint8_t bytes[FRAME_HEADER_BYTES]);

/* Returns false if this is no header. */
bool frame_read(const uint8_t bytes[FRAME_HEADER_BYTES], frame *header);

bool frame_is_collective(frame_kind kind);

/* "broadcast", "gather" ... */
const char *frame_name(frame_kind kind);

#endif
