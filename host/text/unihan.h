/* What lyrnn knows of Unihan: tables that scripts/build/unihan_table.c writes at build time, empty where the build did
 * not find the data. */
#ifndef LYRNN_UNIHAN_H
#define LYRNN_UNIHAN_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t c; /* code point; tables are in ascending order of it, then of value */
    uint32_t value;
} lyrnn_unihan_entry;

/* A variant form of c, and of that form c; value is its code point. */
extern const lyrnn_unihan_entry lyrnn_unihan_variants[];
extern const size_t lyrnn_unihan_num_variants;

/* A Mandarin reading of c; value is 8 * syllable + tone, tone 0 the neutral one. */
extern const lyrnn_unihan_entry lyrnn_unihan_readings[];
extern const size_t lyrnn_unihan_num_readings;

#endif
