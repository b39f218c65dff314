/* Whether a text mixes traditional and simplified Chinese: 說 and 说 are then two characters to
 * learn. */
#ifndef LYRNN_MIXED_SCRIPTS_H
#define LYRNN_MIXED_SCRIPTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The characters that only one script has, by Unihan. */
typedef struct {
    size_t num_traditional, num_simplified;
} script_counts;

/* Counts those of a text. Lines with kana are left out: Japanese has forms of both. */
script_counts text_count_scripts(const uint32_t *chars, size_t N);

/* Prints one line if each script has at least 5 % of them, and 3 characters. */
void mixed_scripts_log(const script_counts *counts, FILE *log);

#endif
