/* The clock that all durations are measured with. */
#ifndef LYRNN_CLOCK_H
#define LYRNN_CLOCK_H

/* Seconds since an unspecified start; they never jump (CLOCK_MONOTONIC). */
double lyrnn_seconds(void);

#endif
