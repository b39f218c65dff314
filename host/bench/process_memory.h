/* The peak resident memory of this process. */
#ifndef LYRNN_PROCESS_MEMORY_H
#define LYRNN_PROCESS_MEMORY_H

#include <stddef.h>

/* Starts a new peak from the memory that is resident now. Does nothing if the system forbids it. */
void lyrnn_peak_memory_reset(void);

/* Returns the peak since the last reset, or 0 if the system does not report it. */
size_t lyrnn_peak_memory_bytes(void);

#endif
