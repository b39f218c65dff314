/* The text of a song from a JSON value: a string, an array of lines, or an array of stanzas, which
 * are arrays of lines. null is an empty line or text. */
#ifndef LYRNN_JSON_TEXT_H
#define LYRNN_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

typedef struct {
    char *utf8; /* (room) owned */
    size_t num_bytes, room;
} json_text;

/* Whether a value is a string or null. */
bool json_is_line(const json_t *value);

/* Whether a value is the text of a song. */
bool json_is_text(const json_t *value);

/* Makes *text what such a value is, with a newline at its end. num_bytes is 0 if it is blank.
 * false: memory ran out. */
bool json_text_make(json_text *text, const json_t *value);

#endif
