/* Unicode's normalization form C (Unicode Standard Annex #15): characters that can be composed are,
 * so that e + U+0301 and é are the same text. */
#ifndef LYRNN_NORMALIZE_H
#define LYRNN_NORMALIZE_H

#include <stddef.h>
#include <stdint.h>

/* The maximum number of characters that one character becomes. */
enum { TEXT_MAX_COMPOSED = 4 };

/* Writes the form C of N characters to `composed`, which has room for TEXT_MAX_COMPOSED * N and is
 * not the same memory. Returns its length. The time is linear, except for the sorting of marks. */
size_t text_normalize(const uint32_t *chars, size_t N, uint32_t *composed);

#endif
