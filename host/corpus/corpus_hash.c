/* Identifies a text by its content, so that a training is resumed on the text that it began
 * with. */
#include "lyrnn/corpus.h"

#include "base/xxh128.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the hash is over little-endian code points");
_Static_assert(LYRNN_XXH128_DIGITS + 1 == LYRNN_CORPUS_HASH_SIZE, "the digits and a terminator");

void lyrnn_corpus_hash(const lyrnn_corpus *corpus, char text[LYRNN_CORPUS_HASH_SIZE])
{
    const lyrnn_byte_range chars = {corpus->chars, corpus->N * sizeof *corpus->chars};
    lyrnn_xxh128(&chars, 1, text);
}
