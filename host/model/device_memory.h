/* Allocates device memory. This is the one place that words "no device memory": the backend says
 * how many bytes it cannot give, the caller says what they are for and what the user can do. */
#ifndef LYRNN_DEVICE_MEMORY_H
#define LYRNN_DEVICE_MEMORY_H

#include <stddef.h>

#include "lyrnn/backend.h"
#include "lyrnn/status.h"

/* Sets *memory to bytes of device memory with undefined contents; backend->memory_free releases it.
 * LYRNN_ERR_MEMORY: "memory: N bytes requested, M available for PURPOSE; REMEDY", and *memory is
 * NULL. */
lyrnn_status lyrnn_device_alloc(lyrnn_backend *backend, size_t bytes, const char *purpose,
                                const char *remedy, void **memory);

#endif
