/* One allocation that several arrays share. The function that lays the arrays out runs twice: over a base
 * of NULL it only counts bytes, over the memory then allocated it hands out addresses. */
#ifndef LYRNN_ARENA_H
#define LYRNN_ARENA_H

#include <stddef.h>

typedef struct {
    char *base;
    size_t num_bytes; /* taken so far */
} lyrnn_arena;

/* The next count items of size bytes each, aligned for any device. */
static inline void *lyrnn_arena_take(lyrnn_arena *arena, size_t count, size_t size)
{
    enum { ALIGNMENT = 256 };
    size_t offset = arena->num_bytes;
    arena->num_bytes += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return arena->base == NULL ? NULL : arena->base + offset;
}

#endif
