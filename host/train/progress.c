/* Draws the progress bar: epoch, bar, characters per second and the time that is left. Speed and
 * time come from the steps of this process. */
#include "train/progress.h"

#include <unistd.h>

#include "base/clock.h"

void lyrnn_progress_init(lyrnn_progress *progress, FILE *log, int num_epochs, int64_t first_step,
                         int64_t total_steps, int chars_per_step)
{
    double now = lyrnn_seconds();
    *progress = (lyrnn_progress){
        .log = log,
        .shown = isatty(fileno(log)) == 1,
        .num_epochs = num_epochs,
        .first_step = first_step,
        .total_steps = total_steps,
        .chars_per_step = chars_per_step,
        .start_seconds = now,
        .drawn_seconds = now,
    };
}

void lyrnn_progress_update(lyrnn_progress *progress, int epoch, int64_t step)
{
    enum { WIDTH = 30 };
    const double interval_seconds = 0.1;
    double now = lyrnn_seconds();
    if (!progress->shown || now - progress->drawn_seconds < interval_seconds)
        return;
    progress->drawn_seconds = now;
    double elapsed = now - progress->start_seconds;
    double done = (double)step / (double)progress->total_steps;
    int filled = (int)(done * WIDTH);
    double own_steps = (double)(step - progress->first_step);
    double left_seconds = elapsed / own_steps * (double)(progress->total_steps - step);
    int left = left_seconds < 1e9 ? (int)(left_seconds + 0.5) : 1000000000;
    fprintf(progress->log, "\r\033[Kepoch %d/%d [", epoch, progress->num_epochs);
    for (int i = 0; i < WIDTH; i++)
        fputc(i < filled ? '#' : '.', progress->log);
    fprintf(progress->log, "] %.0f chars/s, %d:%02d left",
            own_steps * progress->chars_per_step / elapsed, left / 60, left % 60);
    fflush(progress->log);
}

void lyrnn_progress_clear(lyrnn_progress *progress)
{
    if (!progress->shown)
        return;
    fputs("\r\033[K", progress->log);
    fflush(progress->log);
}

FILE *lyrnn_progress_log(lyrnn_progress *progress)
{
    lyrnn_progress_clear(progress);
    return progress->log;
}
