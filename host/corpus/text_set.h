/* A set of pieces of one text, by their characters. */
#ifndef LYRNN_TEXT_SET_H
#define LYRNN_TEXT_SET_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/status.h"

typedef struct {
    uint64_t hash;
    size_t begin, num; /* the piece */
    size_t id;         /* plus 1; 0: the slot is free */
} text_set_slot;

typedef struct {
    const uint32_t *chars; /* borrowed */
    text_set_slot *slots;  /* (mask + 1) */
    size_t mask;
} text_set;

/* Makes an empty set for at most max_pieces of chars. LYRNN_ERR_MEMORY. The caller frees it. */
lyrnn_status text_set_init(text_set *set, const uint32_t *chars, size_t max_pieces);

/* Accepts a zeroed set. */
void text_set_free(text_set *set);

/* Returns the id of the piece that has the same characters as chars[begin] to
 * chars[begin + num - 1]. If there is none, adds this one and returns its id. */
size_t text_set_add(text_set *set, size_t begin, size_t num, size_t id);

#endif
