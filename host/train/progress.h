/* The progress bar of a training. It is drawn only on a terminal, over itself, a few times per
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

/* Starts a bar for total_steps steps of chars_per_step characters. first_step of them were done
 * earlier, by another process. */
void lyrnn_progress_init(lyrnn_progress *progress, FILE *log, int num_epochs, int64_t first_step,
                         int64_t total_steps, int chars_per_step);

/* Draws the bar if it is time to. step counts the steps done, epoch from 1. */
void lyrnn_progress_update(lyrnn_progress *progress, int epoch, int64_t step);

/* Erases the bar, so that a line can be printed. lyrnn_progress_log also returns the log to print it
 * to. */
void lyrnn_progress_clear(lyrnn_progress *progress);
FILE *lyrnn_progress_log(lyrnn_progress *progress);

#endif
