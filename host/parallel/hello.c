/* Writes and reads hellos and frames. These bytes come from the network, so nothing is believed. */
#include "parallel/hello.h"

#include <string.h>

static const uint8_t magic[8] = {'l', 'y', 'r', 'n', 'n', 'r', 'n', 'k'};
static const uint8_t frame_magic[3] = {'l', 'y', 'r'};

static void put_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

/* The layout of a hello. A field of text is filled up with zeros. */
enum {
    AT_VERSION = sizeof magic,
    AT_FROM = HELLO_PREFIX_BYTES,
    AT_TO = AT_FROM + 4,
    AT_SIZE = AT_TO + 4,
    AT_CHANNEL = AT_SIZE + 4,
    AT_PROCESS = AT_CHANNEL + 4,
    AT_PORT = AT_PROCESS + 4,
    AT_TOKEN = AT_PORT + 4,
    TOKEN_BYTES = 64,
    AT_HOST = AT_TOKEN + TOKEN_BYTES,
    HOST_BYTES = 64,
    AT_MACHINE = AT_HOST + HOST_BYTES,
    MACHINE_BYTES = 40
};
_Static_assert(AT_MACHINE + MACHINE_BYTES <= HELLO_BYTES, "a hello has room for all its fields");

static void put_text(uint8_t *bytes, const char *text, size_t num_bytes)
{
    memcpy(bytes, text, strnlen(text, num_bytes));
}

static void get_text(char *text, const uint8_t *bytes, size_t num_bytes)
{
    memcpy(text, bytes, num_bytes);
    text[num_bytes] = '\0';
}

void hello_write(const rank_hello *hello, uint8_t bytes[HELLO_BYTES])
{
    memset(bytes, 0, HELLO_BYTES);
    memcpy(bytes, magic, sizeof magic);
    put_u32(bytes + AT_VERSION, PROTOCOL_VERSION);
    put_u32(bytes + AT_FROM, hello->from);
    put_u32(bytes + AT_TO, hello->to);
    put_u32(bytes + AT_SIZE, hello->size);
    put_u32(bytes + AT_CHANNEL, hello->channel);
    put_u32(bytes + AT_PROCESS, hello->process);
    put_u32(bytes + AT_PORT, hello->port);
    put_text(bytes + AT_TOKEN, hello->token, TOKEN_BYTES);
    put_text(bytes + AT_HOST, hello->host, HOST_BYTES);
    put_text(bytes + AT_MACHINE, hello->machine, MACHINE_BYTES);
}

bool hello_is_possible(const uint8_t *bytes, size_t num_bytes)
{
    return memcmp(bytes, magic, num_bytes < sizeof magic ? num_bytes : sizeof magic) == 0;
}

uint32_t hello_version(const uint8_t *bytes)
{
    return get_u32(bytes + AT_VERSION);
}

bool hello_read(const uint8_t bytes[HELLO_BYTES], rank_hello *hello)
{
    if (!hello_is_possible(bytes, HELLO_BYTES) || hello_version(bytes) != PROTOCOL_VERSION)
        return false;
    hello->from = get_u32(bytes + AT_FROM);
    hello->to = get_u32(bytes + AT_TO);
    hello->size = get_u32(bytes + AT_SIZE);
    hello->channel = get_u32(bytes + AT_CHANNEL);
    hello->process = get_u32(bytes + AT_PROCESS);
    hello->port = get_u32(bytes + AT_PORT);
    get_text(hello->token, bytes + AT_TOKEN, TOKEN_BYTES);
    get_text(hello->host, bytes + AT_HOST, HOST_BYTES);
    get_text(hello->machine, bytes + AT_MACHINE, MACHINE_BYTES);
    return hello->channel < NUM_CHANNELS && hello->port <= UINT16_MAX;
}

bool hello_has_token(const rank_hello *hello, const char *token)
{
    uint8_t expected[TOKEN_BYTES] = {0}, got[TOKEN_BYTES] = {0};
    put_text(expected, token, TOKEN_BYTES);
    put_text(got, hello->token, TOKEN_BYTES);
    unsigned difference = 0;
    for (int i = 0; i < TOKEN_BYTES; i++)
        difference |= (unsigned)(expected[i] ^ got[i]);
    return difference == 0;
}

void frame_write(const frame *header, uint8_t bytes[FRAME_HEADER_BYTES])
{
    memcpy(bytes, frame_magic, sizeof frame_magic);
    bytes[3] = (uint8_t)header->kind;
    put_u32(bytes + 4, header->number);
    put_u32(bytes + 8, (uint32_t)header->length);
    put_u32(bytes + 12, (uint32_t)(header->length >> 32));
}

bool frame_read(const uint8_t bytes[FRAME_HEADER_BYTES], frame *header)
{
    if (memcmp(bytes, frame_magic, sizeof frame_magic) != 0 || bytes[3] == 0 ||
        bytes[3] >= FRAME_KINDS)
        return false;
    header->kind = (frame_kind)bytes[3];
    header->number = get_u32(bytes + 4);
    header->length = get_u32(bytes + 8) | (uint64_t)get_u32(bytes + 12) << 32;
    return frame_is_collective(header->kind) || header->length <= FRAME_PAYLOAD_MAX;
}

bool frame_is_collective(frame_kind kind)
{
    return kind >= FRAME_BROADCAST && kind <= FRAME_ALL_GATHER;
}

const char *frame_name(frame_kind kind)
{
    static const char *const names[FRAME_KINDS] = {
        [FRAME_WELCOME] = "welcome",     [FRAME_REFUSED] = "refused",
        [FRAME_BROADCAST] = "broadcast", [FRAME_GATHER] = "gather",
        [FRAME_EXCHANGE] = "exchange",   [FRAME_ALL_GATHER] = "all_gather",
        [FRAME_CLOSING] = "closing",     [FRAME_GOODBYE] = "goodbye",
    };
    return names[kind];
}
