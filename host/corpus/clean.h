/* Cleans a text of what no reader sees (--normalize clean). It works before normalize.c, because a
 * character that is dropped may be between two that compose, and after width.c, because that makes
 * spaces. Cleaning twice is the same as once.
 *
 * - Control characters (C0, DEL, C1) are dropped, except newlines.
 * - U+000B, U+2028 and U+2029, which separate lines, become newlines. So does U+000C (a new page),
 *   but next to a newline it is dropped, because a page does not end a stanza.
 * - Invisible characters are dropped: zero-width spaces, soft hyphens, byte order marks, marks and
 *   overrides of the direction, and other format characters without a meaning of their own. U+200C
 *   and U+200D stay where they join or part letters: inside an emoji, after a virama, and between
 *   letters of scripts whose letters join. So do the tags of a flag inside an emoji.
 * - Tabs and blanks of any width become spaces, except U+3000, which is width.c's.
 * - Spaces in a row become one, at the start of a line too: that a line is indented may have a
 *   meaning, such as a refrain, but not by how much. At the end of a line they are dropped, with
 *   any U+3000 there. */
#ifndef LYRNN_CLEAN_H
#define LYRNN_CLEAN_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t num_controls;  /* control characters that were dropped */
    size_t num_invisible; /* invisible characters that were dropped */
    size_t num_spaces;    /* spaces that were dropped, and blanks that became one */
    size_t num_newlines;  /* characters that became newlines */
} text_clean_counts;

/* Cleans N characters in place and returns their new number. Adds to counts. The time is linear. */
size_t text_clean(uint32_t *chars, size_t N, text_clean_counts *counts);

#endif
