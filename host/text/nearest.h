/* Finds the characters of a vocabulary that are nearest to a character that the vocabulary lacks.
 *
 * The nearest one is the same character in another form: composed or decomposed, of another width,
 * a similar mark, in the other case, without its accent. Among Han characters it is a variant form
 * (simplified, traditional, or another way to write it), or else one with the same Mandarin
 * reading. utf8proc has the data of the former; Unihan has that of the latter, if the build found
 * it. */
#ifndef LYRNN_NEAREST_H
#define LYRNN_NEAREST_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

typedef enum {
    LYRNN_RELATION_NONE,
    /* Forms of the same character. */
    LYRNN_RELATION_COMPOSED,
    LYRNN_RELATION_DECOMPOSED,
    LYRNN_RELATION_WIDE,
    LYRNN_RELATION_NARROW,
    LYRNN_RELATION_COMPATIBLE,
    /* Marks that look alike. */
    LYRNN_RELATION_SPACE,
    LYRNN_RELATION_QUOTE,
    LYRNN_RELATION_DASH,
    LYRNN_RELATION_ELLIPSIS,
    LYRNN_RELATION_MARK,
    /* Forms of the same letter. */
    LYRNN_RELATION_UPPER,
    LYRNN_RELATION_LOWER,
    LYRNN_RELATION_WITHOUT_ACCENT,
    LYRNN_RELATION_WITH_ACCENT,
    LYRNN_RELATION_OTHER_ACCENT,
    LYRNN_RELATION_LETTER,
    /* Han characters. */
    LYRNN_RELATION_VARIANT, /* a variant form of the character */
    LYRNN_RELATION_READING, /* the same reading with the same tone: 园 yuán, 圆 yuán */
    LYRNN_RELATION_SYLLABLE /* the same reading with another tone */
} lyrnn_relation;

/* The relation in words for a message, for example "a variant form". */
const char *lyrnn_relation_text(lyrnn_relation relation);

enum { LYRNN_MAX_NEAREST = 18 };

typedef struct {
    lyrnn_relation relation; /* LYRNN_RELATION_NONE: there is none */
    size_t num_read;         /* characters of the text that are replaced, at least 1 */
    size_t num;              /* ids that replace them */
    int32_t ids[LYRNN_MAX_NEAREST];
} lyrnn_nearest;

/* Finds what is nearest to the first of N characters (at least 1), or to the first few together if
 * they are one character in pieces. Among equally near ones it takes the lowest code point. */
void lyrnn_nearest_find(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                        lyrnn_nearest *nearest);

/* LYRNN_ERR_UNSUPPORTED: this build has no Unihan data, so no Han character is found. */
lyrnn_status lyrnn_nearest_check(void);

#endif
