/* The progress of long work. On a terminal it is a bar, drawn over itself a few times per second
 * and never longer than the terminal is wide. In a log file it is a line now and then, which a
 * work that ends within a minute does not have. */
#ifndef LYRNN_PROGRESS_H
#define LYRNN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    FILE *log;
    bool is_terminal;
    int num_epochs; /* 0: the work has no epochs, and no lines in a file */
    int64_t first_step, total_steps;
    double chars_per_step; /* on average */
    double nats_per_char;  /* mean loss of the epoch so far; NaN: unknown */
    double start_seconds, drawn_seconds, loss_seconds;
    int64_t drawn_step;
} lyrnn_progress;

/* Starts the progress of total_steps steps of chars_per_step characters. first_step of them were
 * done earlier, by another process. */
void lyrnn_progress_init(lyrnn_progress *progress, FILE *log, int num_epochs, int64_t first_step,
                         int64_t total_steps, double chars_per_step);

/* Whether it is time to show that `step` steps are done. */
bool lyrnn_progress_is_due(const lyrnn_progress *progress, int64_t step);

/* Whether nats_per_char is so old that it should be set before the progress is shown. To read it
 * makes the host wait for the device, so this is true at most twice per second. */
bool lyrnn_progress_needs_loss(lyrnn_progress *progress);

/* Draws the bar or prints the line. epoch counts from 1. */
void lyrnn_progress_show(lyrnn_progress *progress, int epoch, int64_t step);

/* Erases the bar, so that a line can be printed. lyrnn_progress_log also returns the log to print
 * it to. */
void lyrnn_progress_clear(lyrnn_progress *progress);
FILE *lyrnn_progress_log(lyrnn_progress *progress);

/* What a progress shows. */
typedef struct {
    int epoch, num_epochs; /* num_epochs 0: there are none */
    double done;           /* 0 to 1 */
    double nats_per_char;  /* NaN: unknown */
    double chars_per_second, left_seconds;
} lyrnn_progress_view;

enum { LYRNN_PROGRESS_BYTES = 200 };

/* Writes the bar in at most num_columns columns of ASCII: the narrower, the fewer parts. */
void lyrnn_progress_bar(const lyrnn_progress_view *view, int num_columns,
                        char text[LYRNN_PROGRESS_BYTES]);

/* Writes the line of a log file. */
void lyrnn_progress_line(const lyrnn_progress_view *view, char text[LYRNN_PROGRESS_BYTES]);

#endif
