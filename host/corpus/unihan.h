/* The tables from Unihan, the Unicode database of Han characters. scripts/build/unihan_table.c
 * writes them when lyrnn is built (see host/data/README.md); without the data they are empty. */
#ifndef LYRNN_UNIHAN_H
#define LYRNN_UNIHAN_H

#include <stddef.h>
#include <stdint.h>

/* The tables are sorted by c, then by value. */
typedef struct {
    uint32_t c; /* code point */
    uint32_t value;
} lyrnn_unihan_entry;

/* value is the code point of a variant form of c. The relation goes both ways. */
extern const lyrnn_unihan_entry lyrnn_unihan_variants[];
extern const size_t lyrnn_unihan_num_variants;

/* value is a Mandarin reading of c: 8 * syllable + tone. Tone 0 is the neutral tone. */
extern const lyrnn_unihan_entry lyrnn_unihan_readings[];
extern const size_t lyrnn_unihan_num_readings;

/* The characters of modern dictionaries (kTGHZ2013, kXHC1983). value is how often c occurs in a
 * corpus of modern Chinese (the sum of kHanyuPinlu), or 0. A traditional form has the value of its
 * simplified form. Each c has one entry. */
extern const lyrnn_unihan_entry lyrnn_unihan_common[];
extern const size_t lyrnn_unihan_num_common;

/* The characters that only one of the two scripts has: 說 is traditional, since it has a simplified
 * form, and 说 is simplified; 后 and 分 are both. value is one of these. Each c has one entry. */
enum { LYRNN_UNIHAN_TRADITIONAL = 1, LYRNN_UNIHAN_SIMPLIFIED = 2 };
extern const lyrnn_unihan_entry lyrnn_unihan_scripts[];
extern const size_t lyrnn_unihan_num_scripts;

#endif
