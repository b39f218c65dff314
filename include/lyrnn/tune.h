/* When a training measures the plans of its recurrences. A plan is a way to compute a recurrence
 * (lyrnn/backend.h); only CUDA devices have several. */
#ifndef LYRNN_TUNE_H
#define LYRNN_TUNE_H

#ifdef __cplusplus
extern "C" {
#endif

/* The names of the values of lyrnn_tune_mode, in their order. */
#define LYRNN_TUNE_WORDS "off|cache|now"

typedef enum {
    LYRNN_TUNE_OFF,   /* never: the device's estimate chooses, and nothing is verified */
    LYRNN_TUNE_CACHE, /* only plans that the user's cache does not have */
    LYRNN_TUNE_NOW    /* always; the cache gets the result */
} lyrnn_tune_mode;

#ifdef __cplusplus
}
#endif
#endif
