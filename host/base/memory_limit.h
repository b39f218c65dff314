/* How much memory this process may still use. malloc would not fail: Linux grants more memory than
 * there is, and then kills the process that uses it. */
#ifndef LYRNN_BASE_MEMORY_LIMIT_H
#define LYRNN_BASE_MEMORY_LIMIT_H

#include <stddef.h>

#include "lyrnn/status.h"

typedef struct {
    size_t bytes; /* what is left; SIZE_MAX: nothing limits it */
    /* What limits it, " (the cgroup's memory.max, 60 MiB)". "": the memory of this machine. */
    char reason[96];
} lyrnn_memory_left;

/* The minimum of what this machine (MemAvailable), the cgroups of each level, ulimit -v and
 * ulimit -d leave. `root` comes before /proc and /sys: "", or a test's folder. */
lyrnn_memory_left lyrnn_find_memory_left(const char *root);

/* LYRNN_ERR_MEMORY: there are not so many bytes left for OBJECT. Up to 64 KiB are not checked. */
lyrnn_status lyrnn_require_memory(const char *object, size_t bytes, const char *remedy);

#endif
