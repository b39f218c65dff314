/* Whether this process may map more memory. OpenBLAS before 0.3.30 maps a buffer again and again
 * until the system grants it, so the question must be asked first. */
#ifndef LYRNN_BASE_ADDRESS_SPACE_H
#define LYRNN_BASE_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stddef.h>

/* What OpenBLAS maps for that many threads: two buffers and a stack for each of them. Few of these
 * bytes are ever used. */
size_t lyrnn_openblas_bytes(size_t num_threads);

/* Asks the system itself: a limit on the address space (ulimit -v), one on data (ulimit -d), and
 * strict accounting can each refuse. */
bool lyrnn_can_map(size_t bytes);

#endif
