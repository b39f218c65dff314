/* The hash XXH3 with 128 bits (xxhash.com), written as hexadecimal digits. It is fast and finds
 * damage; it is not cryptographic, so it does not stop a forger. */
#ifndef LYRNN_XXH128_H
#define LYRNN_XXH128_H

#include <stddef.h>

enum { LYRNN_XXH128_DIGITS = 32 };

typedef struct {
    const void *data;
    size_t num_bytes;
} lyrnn_byte_range;

/* Hashes the ranges as if they were one. digits gets the big-endian form that xxhsum and Python's
 * xxhash.xxh3_128(data).hexdigest() print, with a terminator. */
void lyrnn_xxh128(const lyrnn_byte_range *ranges, size_t num_ranges,
                  char digits[LYRNN_XXH128_DIGITS + 1]);

#endif
