/* Recipes: inputs of lines that sound safetensors files are made of, so that changes to one line reach what
 * stands behind the format's own rules. Linked into the targets that want them. */
#ifndef LYRNN_FUZZ_RECIPE_H
#define LYRNN_FUZZ_RECIPE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* A copy of an input, to be freed, with a NUL after it. */
char *fuzz_copy_text(const uint8_t *bytes, size_t num_bytes);

/* The next line of a text, cut off; the rest begins after it. */
char *fuzz_take_line(char **rest);

/* A file, to be freed, of a header, which is released, and what the rest of a recipe adds to it:
 *
 *     NAME DTYPE ROWS COLS          a line for each tensor, any number of dimensions
 *                                   an empty line
 *     bytes of data up to end, repeated as often as the tensors take them; none: zeros
 *
 * NULL where it makes no file, since a text in it is not UTF-8. */
uint8_t *fuzz_cook(json_t *header, char *rest, const char *end, size_t *num_bytes);

#endif
