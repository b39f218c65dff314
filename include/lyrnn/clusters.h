/* Grapheme clusters: what a reader counts as one character (Unicode Standard Annex #29, extended
 * clusters). It may be several characters of a vocabulary: e and U+0301, the jamo of a Hangul
 * syllable, an emoji with its modifiers, the two letters of a flag.
 *
 * Where a cluster begins depends on the characters before it only by a small state. So the rules
 * become a table, and a device counts with it. */
#ifndef LYRNN_CLUSTERS_H
#define LYRNN_CLUSTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int V, num_states, num_classes;
    int32_t *classes; /* (V)  class of each id, owned */
    /* (num_states,num_classes)  what a character of this class does in this state, owned: twice
     * the next state, plus 1 if it begins a cluster. A line begins in state 0. */
    int32_t *steps;
} lyrnn_clusters;

/* Makes the table for a vocabulary. LYRNN_ERR_MEMORY. The caller frees clusters; on failure they
 * are zeroed. */
lyrnn_status lyrnn_clusters_init(lyrnn_clusters *clusters, const lyrnn_vocab *vocab);

/* Accepts zeroed clusters. */
void lyrnn_clusters_free(lyrnn_clusters *clusters);

/* Whether the characters of the vocabulary can form a cluster of several at all. */
bool lyrnn_clusters_join(const lyrnn_clusters *clusters);

#ifdef __cplusplus
}
#endif
#endif
