/* Finds what a text has in common with the corpus that a model learnt, by the corpus's suffix array: the
 * places of the corpus in the order of the text that follows each. */
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
    int32_t *ids; /* (N)  the corpus in the model's ids, -1 where it has no such character; owned */
    int32_t *suffixes; /* (N)  its suffix array, owned */
    size_t N;
} lyrnn_copies;

/* LYRNN_ERR_MEMORY, or a corpus of more than LYRNN_MAX_COPIES characters. */
#define LYRNN_MAX_COPIES (INT32_MAX / 3)
lyrnn_status lyrnn_copies_init(lyrnn_copies *copies, const lyrnn_corpus *corpus,
                               const lyrnn_vocab *vocab);
/* Zeroed copies are fine. */
void lyrnn_copies_free(lyrnn_copies *copies);

/* Whether num ids in a row stand somewhere in the corpus. */
bool lyrnn_copies_has(const lyrnn_copies *copies, const int32_t *ids, size_t num);

/* The longest run of ids (num) that stands in the corpus and ends at place first or later: the characters
 * [*start, *start + the returned length). The first of equally long ones. */
size_t lyrnn_copies_longest(const lyrnn_copies *copies, const int32_t *ids, size_t num,
                            size_t first, size_t *start);

#ifdef __cplusplus
}
#endif
#endif
