/* --repeats once: a chorus that a song repeats is learned once. A stanza is the lines between blank
 * lines. It is dropped if it has at least two lines and was in the same song before, character by
 * character; the blank lines after it go with it. */
#ifndef LYRNN_REPEATS_H
#define LYRNN_REPEATS_H

#include <stddef.h>

#include "lyrnn/corpus.h"

typedef struct {
    size_t num_stanzas, num_chars; /* what was dropped */
} repeat_counts;

/* Drops repeated stanzas from all songs of a corpus whose newlines are kept. Every song keeps at
 * least its first stanza. LYRNN_ERR_MEMORY: the corpus can only be freed. */
lyrnn_status corpus_drop_repeats(lyrnn_corpus *corpus, repeat_counts *counts);

#endif
