/* A hash table with open addressing, at most half full. Pieces with the same hash are compared. */
#include "corpus/text_set.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/memory_limit.h"
#include "corpus/grams.h"

lyrnn_status text_set_init(text_set *set, const uint32_t *chars, size_t max_pieces)
{
    *set = (text_set){.chars = chars, .mask = 1};
    while (set->mask < 2 * max_pieces)
        set->mask = 2 * set->mask + 1;
    size_t bytes = (set->mask + 1) * sizeof *set->slots;
    LYRNN_TRY(lyrnn_require_memory("corpus", bytes, "give less text"));
    set->slots = calloc(set->mask + 1, sizeof *set->slots);
    return set->slots != NULL ? LYRNN_OK : lyrnn_out_of_memory("corpus", bytes, "give less text");
}

void text_set_free(text_set *set)
{
    free(set->slots);
    *set = (text_set){0};
}

static bool is_same(const text_set *set, const text_set_slot *a, const text_set_slot *b)
{
    return a->hash == b->hash && a->num == b->num &&
           memcmp(set->chars + a->begin, set->chars + b->begin, a->num * sizeof *set->chars) == 0;
}

size_t text_set_add(text_set *set, size_t begin, size_t num, size_t id)
{
    const text_set_slot piece = {gram_hash_of(set->chars + begin, num), begin, num, id + 1};
    size_t i = (size_t)piece.hash & set->mask;
    while (set->slots[i].id != 0 && !is_same(set, &set->slots[i], &piece))
        i = (i + 1) & set->mask;
    if (set->slots[i].id == 0)
        set->slots[i] = piece;
    return set->slots[i].id - 1;
}
