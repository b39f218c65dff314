/* Lets a caller watch long work: it learns how far the work is, and it may end it. */
#ifndef LYRNN_WATCHER_H
#define LYRNN_WATCHER_H

#include <stddef.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* piece_done is called between two pieces of the work, with the characters that are done and those
 * of the whole work. If it returns anything but LYRNN_OK, the work ends there and returns that. */
typedef struct {
    lyrnn_status (*piece_done)(void *context, size_t done, size_t total);
    void *context;
} lyrnn_watcher;

#ifdef __cplusplus
}
#endif
#endif
