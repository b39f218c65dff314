/* The one wording for "there is not enough host memory". */
#ifndef LYRNN_MEMORY_H
#define LYRNN_MEMORY_H

#include <stddef.h>

#include "lyrnn/status.h"

/* Returns LYRNN_ERR_MEMORY with the text "OBJECT: out of memory, N bytes requested; REMEDY". Pass 0
 * bytes if the number is unknown, as it is inside a library: the text then leaves it out. */
lyrnn_status lyrnn_out_of_memory(const char *object, size_t bytes, const char *remedy);
#if defined(__clang_analyzer__) /* the same hint as for lyrnn_fail */
#define lyrnn_out_of_memory(...) (lyrnn_out_of_memory(__VA_ARGS__), LYRNN_ERR_MEMORY)
#endif

#endif
