/* The bar that shows training go on: on a terminal alone, drawn over itself a few times a
 * second. */
#ifndef LYRNN_PROGRESS_H
#define LYRNN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    FILE *log;
    bool shown; /* whether log is a terminal */
    int num_epochs;
    int64_t first_step, total_steps;
    int chars_per_step;
    double start_seconds, drawn_seconds;
} lyrnn_progress;

/* first_step steps were taken earlier, by another process. */
void lyrnn_progress_init(lyrnn_progress *progress, FILE *log, int num_epochs, int64_t first_step,
                         int64_t total_steps, int chars_per_step);

/* After step steps, in an epoch counted from 1. Cheap when it is not yet time to draw. */
void lyrnn_progress_update(lyrnn_progress *progress, int epoch, int64_t step);

/* Wipes the bar, so that a line can be printed. */
void lyrnn_progress_clear(lyrnn_progress *progress);

#endif
