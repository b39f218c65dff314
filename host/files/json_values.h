/* Puts values into JSON that it cannot represent: they become null. */
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

/* A new reference to text, or to null if text is NULL or not UTF-8: a path need not be UTF-8, but
 * JSON must be. */
static inline json_t *json_string_or_null(const char *text)
{
    json_t *string = text != NULL ? json_string(text) : NULL;
    return string != NULL ? string : json_null();
}

#endif
