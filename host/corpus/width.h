/* --width half: full-width letters and digits (U+FF10 to U+FF19, U+FF21 to U+FF3A, U+FF41 to
 * U+FF5A) become ASCII, and the ideographic space (U+3000) becomes a space. Punctuation stays,
 * because a comma of Chinese is full-width. Unicode's form KC would change more: circled digits,
 * signs of units. */
#ifndef LYRNN_WIDTH_H
#define LYRNN_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* Changes N characters in place. Returns how many changed. */
size_t text_to_half_width(uint32_t *chars, size_t N);

#endif
