/* From bytes to characters. */
#ifndef LYRNN_DECODE_H
#define LYRNN_DECODE_H

#include <stddef.h>

#include "lyrnn/corpus.h"

/* Appends the text of num_bytes of UTF-8 to corpus by its rules (lyrnn/corpus.h). *bad becomes
 * num_bytes, or the offset of the first byte that is not of a text: corpus then keeps what it had,
 * and the caller reports it. LYRNN_ERR_CORPUS: too many characters. LYRNN_ERR_MEMORY. `name` names
 * the text in errors. */
lyrnn_status text_decode(lyrnn_corpus *corpus, const char *name, const char *bytes,
                         size_t num_bytes, const lyrnn_corpus_rules *rules, size_t *bad);

#endif
