/* Finds the encoding of each line of a text, so that a file put together of texts in different
 * encodings is noticed. */
#ifndef LYRNN_ENCODING_PARTS_H
#define LYRNN_ENCODING_PARTS_H

#include "corpus/charset.h"

/* The encodings that have bytes of ASCII for ASCII, so that lines are lines in all of them: UTF-8,
 * GB18030 and Big5, in this order. */
enum { NUM_LINE_CHARSETS = 3 };

/* The encodings of the lines, with few changes. */
typedef struct {
    text_charset first, last; /* of the first part and of the last */
    size_t num_changes;
    text_charset second; /* after the first change, which is where this line begins: */
    size_t offset, line; /* lines count from 1 */
    double score;        /* points per character */
} text_parts;

/* Reads the lines with all readings, which are open and count the whole text. bad[i] becomes the
 * offset of the first bytes that readings[i] does not decode, or num_bytes. */
text_parts text_find_parts(text_reading readings[NUM_LINE_CHARSETS], const char *bytes,
                           size_t num_bytes, size_t bad[NUM_LINE_CHARSETS]);

#endif
