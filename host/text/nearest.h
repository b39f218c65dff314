/* Finds the character of a vocabulary that is nearest to a character that the vocabulary lacks.
 *
 * The nearest one is a variant form (simplified, traditional, or another way to write it), or else
 * a character with the same Mandarin reading. The data comes from Unihan, if the build found it. */
#ifndef LYRNN_NEAREST_H
#define LYRNN_NEAREST_H

#include <stdint.h>

#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

/* From near to far. */
typedef enum {
    LYRNN_RELATION_VARIANT,  /* a variant form of the character */
    LYRNN_RELATION_READING,  /* the same reading with the same tone: 园 yuán, 圆 yuán */
    LYRNN_RELATION_SYLLABLE, /* the same reading with another tone */
    LYRNN_RELATION_NONE
} lyrnn_relation;

/* The relation in words for a message, for example "a variant form". */
const char *lyrnn_relation_text(lyrnn_relation relation);

/* Returns the id of the character nearest to c, or -1 if no character is related. Among equally
 * near ones it is the one with the lowest code point. *relation says how near it is. */
int32_t lyrnn_nearest_id(const lyrnn_vocab *vocab, uint32_t c, lyrnn_relation *relation);

/* LYRNN_ERR_UNSUPPORTED: this build has no Unihan data, so lyrnn_nearest_id finds nothing. */
lyrnn_status lyrnn_nearest_check(void);

#endif
