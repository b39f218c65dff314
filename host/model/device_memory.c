/* Asks the backend for memory and adds purpose and remedy to its error. */
#include "model/device_memory.h"

lyrnn_status lyrnn_device_alloc(lyrnn_backend *backend, size_t bytes, const char *purpose,
                                const char *remedy, void **memory)
{
    *memory = NULL;
    if (backend->memory_alloc(backend, bytes, memory) == LYRNN_OK)
        return LYRNN_OK;
    *memory = NULL;
    return lyrnn_fail(LYRNN_ERR_MEMORY, "%s for %s; %s", lyrnn_error_text(), purpose, remedy);
}
