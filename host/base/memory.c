/* One wording for every failed allocation on the host, so that a user always finds the same three
 * things: what needed the memory, how much, and which option lowers it. */
#include "base/memory.h"

#undef lyrnn_out_of_memory /* a macro for Clang's analyzer only */
lyrnn_status lyrnn_out_of_memory(const char *object, size_t bytes, const char *remedy)
{
    if (bytes == 0)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "%s: out of memory; %s", object, remedy);
    return lyrnn_fail(LYRNN_ERR_MEMORY, "%s: out of memory, %zu bytes requested; %s", object, bytes,
                      remedy);
}
