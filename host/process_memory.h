/* The greatest memory of this process so far. */
#ifndef LYRNN_PROCESS_MEMORY_H
#define LYRNN_PROCESS_MEMORY_H

#include <stddef.h>

/* Forgets what was so far, where the system lets it. */
void lyrnn_peak_memory_reset(void);

size_t lyrnn_peak_memory_bytes(void);

#endif
