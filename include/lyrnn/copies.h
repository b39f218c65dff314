/* Finds the passages that a text shares with the corpus that a model was trained on.
 *
 * It uses the corpus's suffix array: all positions of the corpus, sorted by the text that follows
 * each of them (Manber and Myers 1993). A lookup is then a binary search. */
#ifndef LYRNN_COPIES_H
#define LYRNN_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/corpus.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /* (N) the corpus in the model's ids; a character that the model lacks is -1. Owned. */
    int32_t *ids;
    /* (N) the suffix array. Owned. */
    int32_t *suffixes;
    size_t N;
} lyrnn_copies;

/* The maximum number of characters in the corpus. */
#define LYRNN_MAX_COPIES (INT32_MAX / 3)

/* Encodes the corpus with vocab and sorts its suffixes; it keeps neither. LYRNN_ERR_CORPUS: the
 * corpus has more than LYRNN_MAX_COPIES characters. LYRNN_ERR_MEMORY. On failure copies is
 * zeroed. */
lyrnn_status lyrnn_copies_init(lyrnn_copies *copies, const lyrnn_corpus *corpus,
                               const lyrnn_vocab *vocab);

/* Accepts zeroed copies. */
void lyrnn_copies_free(lyrnn_copies *copies);

/* Whether the corpus contains the num ids in a row. */
bool lyrnn_copies_has(const lyrnn_copies *copies, const int32_t *ids, size_t num);

/* Finds the longest run of ids (num) that the corpus contains and that ends at position `first` or
 * later. Returns its length and sets *start to its first position; the first of equally long runs
 * wins. A return value of 0 means that there is none. */
size_t lyrnn_copies_longest(const lyrnn_copies *copies, const int32_t *ids, size_t num,
                            size_t first, size_t *start);

#ifdef __cplusplus
}
#endif
#endif
