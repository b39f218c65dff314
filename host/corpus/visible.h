/* Which characters a reader sees. */
#ifndef LYRNN_VISIBLE_H
#define LYRNN_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the character is neither a blank, nor a control, nor without width. */
bool text_is_visible(uint32_t c);

/* Whether one of the characters (N) is visible. */
bool text_has_visible(const uint32_t *chars, size_t N);

#endif
