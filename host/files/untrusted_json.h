/* JSON out of a model file, parsed strictly and in memory bounded by its length. */
#ifndef LYRNN_UNTRUSTED_JSON_H
#define LYRNN_UNTRUSTED_JSON_H

#include <stddef.h>

#include <jansson.h>

/* What is wrong with a text: "is not JSON", at a byte of it; problem NULL: memory did not suffice. */
typedef struct {
    const char *problem;
    int byte;
} untrusted_json_error;

/* A new reference, or NULL with the error set: bytes that are not UTF-8, not JSON, or have a key twice, and a
 * text with more brackets than there are in tensors' descriptions, a configuration or a vocabulary. */
json_t *untrusted_json_parse(const char *text, size_t num_bytes, untrusted_json_error *error);

#endif
