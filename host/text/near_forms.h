/* The same character in another form, for nearest.c. */
#ifndef LYRNN_NEAR_FORMS_H
#define LYRNN_NEAR_FORMS_H

#include "text/nearest.h"

/* Fills *nearest with a form of the first character that is the same text, or a similar mark, or
 * the same letter. The relation stays LYRNN_RELATION_NONE if there is none. */
void near_forms_find(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                     lyrnn_nearest *nearest);

#endif
