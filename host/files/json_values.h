/* Puts values into JSON that it cannot represent as they are. */
#ifndef LYRNN_JSON_VALUES_H
#define LYRNN_JSON_VALUES_H

#include <jansson.h>
#include <math.h>

/* Returns a new reference to value, or to null if value is NaN or infinite, which JSON does not
 * have. */
static inline json_t *json_real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* The shortest decimal that reads back as this float: 0.001, not 0.0010000000474974513. */
json_t *json_of_float(float value);

/* A new string for a reader, or null if text is NULL. A path need not be UTF-8, but JSON must be:
 * each byte that belongs to no character becomes U+FFFD. NULL: out of memory. */
json_t *json_string_or_null(const char *text);

/* A new string from which json_path_value gets the same path again. It is the path itself, or its
 * file URI (RFC 8089), "file:///songs/%E9.txt", if the path is not UTF-8. NULL: out of memory. */
json_t *json_of_path(const char *path);

/* The path of a string that json_of_path made; the string then holds it. NULL: no string, or out of
 * memory. */
const char *json_path_value(json_t *string);

#endif
