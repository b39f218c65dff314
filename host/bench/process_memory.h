/* The greatest memory of this process so far. */
#ifndef LYRNN_PROCESS_MEMORY_H
#define LYRNN_PROCESS_MEMORY_H

#include <stddef.h>

/* Forgets what was so far, where the system lets it. */
void lyrnn_peak_memory_reset(void);

/* 0 where the system does not say. */
size_t lyrnn_peak_memory_bytes(void);

#endif
