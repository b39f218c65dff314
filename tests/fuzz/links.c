/* Fuzzes what comes over a connection between ranks: hellos and frames. Whatever another process
 * sends, the readers stay within what came, and each text ends. A rank is gone or closing or
 * neither. The buffer keeps whole frames of collectives, and no more bytes than its limit.
 *
 * An input is what one rank sends to another until it closes the connection. It is also read as a
 * hello. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "parallel/links.h"

/* The buffer doubles, and a group of two has its tables. */
enum { MEMORY_MULTIPLE = 4, MEMORY_CONSTANT = 1 << 17 };

static void read_hello(const uint8_t *bytes, size_t num_bytes)
{
    rank_hello hello;
    uint8_t whole[HELLO_BYTES] = {0}, again[HELLO_BYTES];
    memcpy(whole, bytes, num_bytes < HELLO_BYTES ? num_bytes : HELLO_BYTES);
    if (!hello_read(whole, &hello))
        return;
    LYRNN_CHECK(hello_version(whole) == PROTOCOL_VERSION);
    LYRNN_CHECK(hello.channel < NUM_CHANNELS && hello.port <= UINT16_MAX);
    LYRNN_CHECK(strlen(hello.token) < sizeof hello.token && strlen(hello.host) < sizeof hello.host);
    LYRNN_CHECK(hello_has_token(&hello, hello.token));
    /* What is written is read as the same. */
    rank_hello copy;
    hello_write(&hello, again);
    LYRNN_CHECK(hello_read(again, &copy) && copy.from == hello.from && copy.to == hello.to &&
                copy.size == hello.size && copy.process == hello.process &&
                strcmp(copy.token, hello.token) == 0 && strcmp(copy.machine, hello.machine) == 0);
}

/* Takes the frames, each as the one that is expected. Another one is refused, and stays. */
static void take_frames(rank_group *group)
{
    const rank_link *link = &group->links[1];
    static uint8_t payload[FRAME_PAYLOAD_MAX];
    bool is_taken = true;
    while (is_taken && link->num_buffered >= FRAME_HEADER_BYTES) {
        const size_t before = link->num_buffered;
        frame header;
        LYRNN_CHECK(frame_read(link->buffer, &header));
        if (!frame_is_collective(header.kind))
            return; /* half a closing */
        const frame other = {header.kind, header.number + 1, header.length};
        LYRNN_CHECK(link_take(group, 1, &other, payload, &is_taken) == LYRNN_ERR_RANK);
        LYRNN_CHECK(!is_taken && link->num_buffered == before);
        fuzz_check_error_text("rank 1 (NAME)");
        LYRNN_CHECK(link_take(group, 1, &header, payload, &is_taken) == LYRNN_OK);
        LYRNN_CHECK(is_taken == (link->num_buffered < before));
    }
}

static void read_frames(const uint8_t *bytes, size_t num_bytes)
{
    int ends[2];
    rank_group *group;
    LYRNN_CHECK(group_new(0, 2, &group) == LYRNN_OK);
    LYRNN_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    strcpy(group->members[1].name, "NAME");
    link_add(group, 1, CHANNEL_CONTROL, ends[0]);
    rank_link *link = &group->links[1];
    for (size_t sent = 0; sent < num_bytes && !link->has_ended;) {
        ssize_t num = send(ends[1], bytes + sent, num_bytes - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += num > 0 ? (size_t)num : 0;
        links_poll(group, NULL, 0, 0);
    }
    close(ends[1]);
    while (!link->has_ended)
        links_poll(group, NULL, 0, -1);
    LYRNN_CHECK(link->num_buffered <= link->capacity && link->capacity <= LINK_BUFFER_MAX);
    LYRNN_CHECK(link_is_gone(link) == (!link->is_closing && !link->has_left));
    LYRNN_CHECK(link->status <= LYRNN_INTERRUPTED && strlen(link->text) <= FRAME_PAYLOAD_MAX);
    if (links_wait(group, NULL, 0, 0) == LYRNN_OK)
        take_frames(group);
    else
        fuzz_check_error_line();
    group_free(group);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t num_bytes)
{
    read_hello(bytes, num_bytes);
    fuzz_watch_memory();
    read_frames(bytes, num_bytes);
    fuzz_check_memory(num_bytes, MEMORY_MULTIPLE, MEMORY_CONSTANT);
    return 0;
}
