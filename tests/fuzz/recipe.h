/* Recipes: inputs of lines from which valid safetensors files are made. So a change to a line
 * reaches the code behind the format's own rules. Linked to the targets that need it. */
#ifndef LYRNN_FUZZ_RECIPE_H
#define LYRNN_FUZZ_RECIPE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Returns a copy of the input that ends in NUL. The caller frees it. */
char *fuzz_copy_text(const uint8_t *bytes, size_t num_bytes);

/* Cuts the next line off a text and returns it. *rest becomes the text after it. */
char *fuzz_take_line(char **rest);

/* Returns a file, which the caller frees, made of a header, which is released, and the rest of a
 * recipe:
 *
 *     NAME DTYPE ROWS COLS          one line per tensor, with any number of dimensions
 *                                   an empty line
 *     the data: bytes up to `end`, repeated as often as the tensors need; none: zeros
 *
 * Returns NULL if a text in the recipe is not UTF-8. */
uint8_t *fuzz_cook(json_t *header, char *rest, const char *end, size_t *num_bytes);

#endif
