/* Identifies a text by its content, so that a training is resumed on the text that it began with.
 * The hash is XXH3 with 128 bits (xxhash.com); it is fast, and not cryptographic. */
#include "lyrnn/corpus.h"

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the hash is over little-endian code points");

void lyrnn_corpus_hash(const lyrnn_corpus *corpus, char text[LYRNN_CORPUS_HASH_SIZE])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical,
                             XXH3_128bits(corpus->chars, corpus->N * sizeof *corpus->chars));
    _Static_assert(2 * sizeof canonical.digest + 1 == LYRNN_CORPUS_HASH_SIZE,
                   "two hexadecimal digits per byte");
    for (size_t i = 0; i < sizeof canonical.digest; i++)
        snprintf(text + 2 * i, 3, "%02x", canonical.digest[i]);
}
