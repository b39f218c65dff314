/* Which character of a vocabulary comes nearest to one that it does not have: a variant form (simplified,
 * traditional, or another way to write it), else one that is read the same in Mandarin. From Unihan, where the
 * build found it. */
#ifndef LYRNN_NEAREST_H
#define LYRNN_NEAREST_H

#include <stdint.h>

#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From near to far. */
typedef enum {
    LYRNN_RELATION_VARIANT,  /* a variant form */
    LYRNN_RELATION_READING,  /* the same reading, tone and all: 园 yuán, 圆 yuán */
    LYRNN_RELATION_SYLLABLE, /* the same but for the tone */
    LYRNN_RELATION_NONE
} lyrnn_relation;

/* "a variant form" and so on. */
const char *lyrnn_relation_text(lyrnn_relation relation);

/* The id of the character nearest to c, the lowest code point among equally near ones, or -1 where there is
 * none; relation says how near. */
int32_t lyrnn_nearest_id(const lyrnn_vocab *vocab, uint32_t c, lyrnn_relation *relation);

/* LYRNN_ERR_UNSUPPORTED: this build has no Unihan, and nothing is near to anything. */
lyrnn_status lyrnn_nearest_check(void);

#ifdef __cplusplus
}
#endif
#endif
