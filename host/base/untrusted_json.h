/* Parses JSON from a file that nobody vouches for, strictly and in memory bounded by its length. */
#ifndef LYRNN_UNTRUSTED_JSON_H
#define LYRNN_UNTRUSTED_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* What is wrong with a text, for example "is not JSON", and at which byte and in which line. If
 * problem is NULL, memory ran out. */
typedef struct {
    const char *problem;
    int byte, line;
} untrusted_json_error;

/* Returns a new reference, or NULL with *error set. It refuses bytes that are not UTF-8 or not
 * JSON, a key that occurs twice, and more brackets or values than the descriptions of tensors, a
 * configuration or a vocabulary have. */
json_t *untrusted_json_parse(const char *text, size_t num_bytes, untrusted_json_error *error);

/* Parses any value, however large. The caller first asks how much memory that takes. An integer
 * becomes a real, so that the number of a song may have any size. */
json_t *untrusted_json_parse_any(const char *text, size_t num_bytes, untrusted_json_error *error);

/* The bytes of memory that untrusted_json_parse_any takes at most for a text. */
size_t untrusted_json_memory(const char *text, size_t num_bytes);

#endif
