/* One allocation that several arrays share. A layout function takes the arrays one after the other,
 * and runs twice: with a base of NULL it only counts bytes; with the allocated memory as the base
 * it returns addresses. */
#ifndef LYRNN_ARENA_H
#define LYRNN_ARENA_H

#include <stddef.h>

typedef struct {
    char *base;
    size_t num_bytes; /* taken up to now */
} lyrnn_arena;

/* Takes the next count items of size bytes each, aligned for any device. Returns NULL if base is
 * NULL. */
static inline void *lyrnn_arena_take(lyrnn_arena *arena, size_t count, size_t size)
{
    enum { ALIGNMENT = 256 };
    size_t offset = arena->num_bytes;
    arena->num_bytes += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return arena->base == NULL ? NULL : arena->base + offset;
}

#endif
