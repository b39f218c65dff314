/* --min-count N: a character that the corpus has less than N times cannot be learned. It is not
 * mapped to another one: its line is dropped.
 *
 * Characters are counted once, over the whole corpus. Those of the dropped lines may then be left
 * less than N times. Counting again would drop more lines, again and again: at N = 20, Yuan qu
 * keeps 21,717 of 31,018 lines, and would keep 1,437. */
#ifndef LYRNN_RARE_H
#define LYRNN_RARE_H

#include <stddef.h>

#include "lyrnn/corpus.h"

typedef struct {
    size_t num_chars;            /* distinct characters that are rare */
    size_t num_lines, num_songs; /* what was dropped */
} rare_counts;

/* Drops all lines with a character that the corpus has less than min_count times; blanks and
 * newlines do not count. Newlines are kept. A song that loses all of its lines is dropped.
 * LYRNN_ERR_CORPUS: nothing is left. LYRNN_ERR_MEMORY. */
lyrnn_status corpus_drop_rare(lyrnn_corpus *corpus, size_t min_count, rare_counts *counts);

#endif
