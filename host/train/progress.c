/* Shows the progress: epoch, bar, perplexity, characters per second and the time that is left.
 * Speed and time come from the steps of this process. */
#include "train/progress.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

/* The bar is drawn ten times per second. A line of a file comes after a minute at the earliest, and
 * then after every twentieth of the work, or every hour. */
static const double BAR_SECONDS = 0.1, LINE_SECONDS = 60.0, LINE_SHARE = 0.05,
                    LONGEST_SILENCE_SECONDS = 3600.0, LOSS_SECONDS = 0.5;

void lyrnn_progress_init(lyrnn_progress *progress, FILE *log, int num_epochs, int64_t first_step,
                         int64_t total_steps, double chars_per_step)
{
    double now = lyrnn_seconds();
    *progress = (lyrnn_progress){
        .log = log,
        .is_terminal = isatty(fileno(log)) == 1,
        .num_epochs = num_epochs,
        .first_step = first_step,
        .total_steps = total_steps,
        .chars_per_step = chars_per_step,
        .nats_per_char = (double)NAN,
        .start_seconds = now,
        .drawn_seconds = now,
        .loss_seconds = now - LOSS_SECONDS,
        .drawn_step = first_step,
    };
}

bool lyrnn_progress_is_due(const lyrnn_progress *progress, int64_t step)
{
    double silence = lyrnn_seconds() - progress->drawn_seconds;
    if (progress->is_terminal)
        return silence >= BAR_SECONDS;
    bool is_first = progress->drawn_step == progress->first_step;
    double share = (double)(step - progress->drawn_step) / (double)progress->total_steps;
    return progress->num_epochs > 0 && silence >= LINE_SECONDS &&
           (is_first || share >= LINE_SHARE || silence >= LONGEST_SILENCE_SECONDS);
}

bool lyrnn_progress_needs_loss(lyrnn_progress *progress)
{
    double now = lyrnn_seconds();
    if (now - progress->loss_seconds < LOSS_SECONDS)
        return false;
    progress->loss_seconds = now;
    return true;
}

/* Columns of the terminal, which its user may change at any time. A terminal that does not know
 * them has 80. The last column stays free, because some terminals begin a new line after it. */
static int num_columns_of(FILE *log)
{
    enum { DEFAULT_COLUMNS = 80 };
    struct winsize size;
    bool is_known = ioctl(fileno(log), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return (is_known ? size.ws_col : DEFAULT_COLUMNS) - 1;
}

static void format_time(double seconds, char text[32])
{
    const double longest = 1e9;
    long long left = seconds < longest ? (long long)(seconds + 0.5) : (long long)longest;
    long long days = left / 86400, hours = left / 3600 % 24, minutes = left / 60 % 60;
    int rest = (int)(left % 60);
    if (days > 0)
        snprintf(text, 32, "%lld d %lld:%02lld:%02d", days, hours, minutes, rest);
    else if (hours > 0)
        snprintf(text, 32, "%lld:%02lld:%02d", hours, minutes, rest);
    else
        snprintf(text, 32, "%lld:%02d", minutes, rest);
}

/* The parts of a bar, formatted; "" if there is nothing to say. */
typedef struct {
    char percent[8], epoch[40], perplexity[40], speed[40], left[48];
} view_texts;

static void format_view(const lyrnn_progress_view *view, view_texts *texts)
{
    char time[32];
    format_time(view->left_seconds, time);
    snprintf(texts->percent, sizeof texts->percent, "%d%%", (int)(100.0 * view->done));
    snprintf(texts->epoch, sizeof texts->epoch, "%d/%d", view->epoch, view->num_epochs);
    if (view->num_epochs == 0)
        snprintf(texts->epoch, sizeof texts->epoch, "%s", texts->percent);
    texts->perplexity[0] = '\0';
    if (!isnan(view->nats_per_char))
        snprintf(texts->perplexity, sizeof texts->perplexity, "perplexity %.4g, ",
                 exp(view->nats_per_char));
    snprintf(texts->speed, sizeof texts->speed, "%.0f chars/s, ", view->chars_per_second);
    snprintf(texts->left, sizeof texts->left, "%s left", time);
}

/* Writes "epoch 3/8 [####......] " with a bar that fills num_columns columns with what follows. */
static void print_bar(const lyrnn_progress_view *view, const char *label, int num_inner, char *text)
{
    int length = snprintf(text, LYRNN_PROGRESS_BYTES, "%s [", label);
    int filled = (int)(view->done * num_inner);
    for (int i = 0; i < num_inner; i++)
        text[length++] = i < filled ? '#' : '.';
    snprintf(text + length, (size_t)(LYRNN_PROGRESS_BYTES - length), "] ");
}

void lyrnn_progress_bar(const lyrnn_progress_view *view, int num_columns,
                        char text[LYRNN_PROGRESS_BYTES])
{
    enum { SHORTEST = 5, LONGEST = 30, NUM_WITH_BAR = 3, BRACKETS = 4 };
    view_texts t;
    char label[48];
    format_view(view, &t);
    snprintf(label, sizeof label, "%s%s", view->num_epochs > 0 ? "epoch " : "", t.epoch);
    /* What follows the bar, the most first. */
    const char *const after[NUM_WITH_BAR][3] = {
        {t.perplexity, t.speed, t.left}, {t.perplexity, "", t.left}, {"", "", t.left}};
    for (int i = 0; i < NUM_WITH_BAR; i++) {
        char rest[LYRNN_PROGRESS_BYTES];
        int length = snprintf(rest, sizeof rest, "%s%s%s", after[i][0], after[i][1], after[i][2]);
        int num_inner = num_columns - (int)strlen(label) - BRACKETS - length;
        if (num_inner < SHORTEST)
            continue;
        print_bar(view, label, num_inner < LONGEST ? num_inner : LONGEST, text);
        strncat(text, rest, LYRNN_PROGRESS_BYTES - strlen(text) - 1);
        return;
    }
    /* Too narrow for a bar. */
    char label_and_left[LYRNN_PROGRESS_BYTES];
    snprintf(label_and_left, sizeof label_and_left, "%s, %s", label, t.left);
    const char *const narrow[] = {label_and_left, label, t.epoch, t.percent, ""};
    size_t i = 0;
    while (narrow[i][0] != '\0' && (int)strlen(narrow[i]) > num_columns)
        i++;
    snprintf(text, LYRNN_PROGRESS_BYTES, "%s", narrow[i]);
}

void lyrnn_progress_line(const lyrnn_progress_view *view, char text[LYRNN_PROGRESS_BYTES])
{
    view_texts t;
    format_view(view, &t);
    snprintf(text, LYRNN_PROGRESS_BYTES, "epoch %s, %s done, %s%s%s", t.epoch, t.percent,
             t.perplexity, t.speed, t.left);
}

void lyrnn_progress_show(lyrnn_progress *progress, int epoch, int64_t step)
{
    char text[LYRNN_PROGRESS_BYTES];
    double now = lyrnn_seconds(), elapsed = now - progress->start_seconds;
    double own_steps = (double)(step - progress->first_step);
    const lyrnn_progress_view view = {
        .epoch = epoch,
        .num_epochs = progress->num_epochs,
        .done = (double)step / (double)progress->total_steps,
        .nats_per_char = progress->nats_per_char,
        .chars_per_second = own_steps * progress->chars_per_step / elapsed,
        .left_seconds = elapsed / own_steps * (double)(progress->total_steps - step),
    };
    progress->drawn_seconds = now;
    progress->drawn_step = step;
    if (progress->is_terminal) {
        lyrnn_progress_bar(&view, num_columns_of(progress->log), text);
        fprintf(progress->log, "\r\033[K%s", text);
    } else {
        lyrnn_progress_line(&view, text);
        fprintf(progress->log, "%s\n", text);
    }
    fflush(progress->log);
}

void lyrnn_progress_clear(lyrnn_progress *progress)
{
    if (!progress->is_terminal)
        return;
    fputs("\r\033[K", progress->log);
    fflush(progress->log);
}

FILE *lyrnn_progress_log(lyrnn_progress *progress)
{
    lyrnn_progress_clear(progress);
    return progress->log;
}
