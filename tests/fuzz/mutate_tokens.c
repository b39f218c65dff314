/* Mutations for inputs that are JSON or lines of words. Half of them delete, repeat or replace a
 * whole token, which libFuzzer's own mutations, made byte by byte, rarely do. Linked to the targets
 * that need it. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"

/* libFuzzer's interface. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t num_bytes, size_t max_bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t num_bytes, size_t max_bytes, unsigned seed);

typedef struct {
    size_t begin, end; /* end is after the delimiter that follows it */
} token;

static size_t draw(unsigned *state, size_t count)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % count;
}

static bool is_delimiter(uint8_t c)
{
    return c != '\0' && strchr(" ,:[]{}\n", c) != NULL;
}

static token draw_token(const uint8_t *bytes, size_t num_bytes, unsigned *state)
{
    token result = {.begin = draw(state, num_bytes)};
    result.end = result.begin;
    while (result.begin > 0 && !is_delimiter(bytes[result.begin - 1]))
        result.begin--;
    while (result.end < num_bytes && !is_delimiter(bytes[result.end]))
        result.end++;
    if (result.end < num_bytes)
        result.end++;
    return result;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t num_bytes, size_t max_bytes, unsigned seed)
{
    enum { ERASE, REPEAT, REPLACE, NUM_CHANGES };
    uint8_t copy[128];
    if (num_bytes == 0 || draw(&seed, 2) == 0)
        return LLVMFuzzerMutate(bytes, num_bytes, max_bytes);
    token from = draw_token(bytes, num_bytes, &seed), to = draw_token(bytes, num_bytes, &seed);
    size_t change = draw(&seed, NUM_CHANGES), copied = from.end - from.begin;
    if (change == REPEAT)
        to.end = to.begin;
    if (change == ERASE)
        copied = 0;
    size_t changed_bytes = num_bytes - (to.end - to.begin) + copied;
    if (copied > sizeof copy || changed_bytes > max_bytes)
        return LLVMFuzzerMutate(bytes, num_bytes, max_bytes);
    memcpy(copy, bytes + from.begin, copied);
    memmove(bytes + to.begin + copied, bytes + to.end, num_bytes - to.end);
    memcpy(bytes + to.begin, copy, copied);
    return changed_bytes;
}
