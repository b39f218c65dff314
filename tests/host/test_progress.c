/* The progress bar at every width, the line of a log file, and when each is shown. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/progress.h"

static lyrnn_progress_view view_of(double done)
{
    return (lyrnn_progress_view){
        .epoch = 12,
        .num_epochs = 250,
        .done = done,
        .nats_per_char = log(39.122988),
        .chars_per_second = 81148.4,
        .left_seconds = 63.4,
    };
}

static void assert_bar(const lyrnn_progress_view *view, int num_columns, const char *expected)
{
    char text[LYRNN_PROGRESS_BYTES];
    lyrnn_progress_bar(view, num_columns, text);
    assert_string_equal(text, expected);
}

static void a_narrow_bar_has_fewer_parts(void **state)
{
    (void)state;
    const lyrnn_progress_view view = view_of(0.5);
    assert_bar(&view, 500,
               "epoch 12/250 [###############...............] perplexity 39.12, 81148 chars/s, "
               "1:03 left");
    assert_bar(&view, 79,
               "epoch 12/250 [##########...........] perplexity 39.12, 81148 chars/s, 1:03 "
               "left");
    assert_bar(&view, 50, "epoch 12/250 [###....] perplexity 39.12, 1:03 left");
    assert_bar(&view, 30, "epoch 12/250 [##...] 1:03 left");
    assert_bar(&view, 29, "epoch 12/250, 1:03 left");
    assert_bar(&view, 12, "epoch 12/250");
    assert_bar(&view, 11, "12/250");
    assert_bar(&view, 5, "50%");
    assert_bar(&view, 2, "");
    assert_bar(&view, 0, "");
}

/* Also numbers with as many digits as there can be. */
static void no_bar_is_wider_than_asked(void **state)
{
    (void)state;
    lyrnn_progress_view views[] = {view_of(0.0), view_of(0.999), view_of(1.0), view_of(0.3)};
    views[1].epoch = views[1].num_epochs = 1000000;
    views[1].chars_per_second = 1e12;
    views[1].left_seconds = (double)INFINITY;
    views[1].nats_per_char = 1e300;
    views[2].num_epochs = 0;
    views[2].nats_per_char = (double)NAN;
    views[3].left_seconds = (double)NAN;
    views[3].chars_per_second = (double)NAN;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        size_t shorter = 0;
        for (int num_columns = 0; num_columns <= 600; num_columns++) {
            char text[LYRNN_PROGRESS_BYTES];
            lyrnn_progress_bar(&views[i], num_columns, text);
            assert_true(strlen(text) <= (size_t)num_columns);
            assert_true(strlen(text) >= shorter);
            assert_null(strpbrk(text, "\r\n\033"));
            shorter = strlen(text);
        }
    }
}

static void assert_left(double seconds, const char *expected)
{
    lyrnn_progress_view view = view_of(0.25);
    char text[LYRNN_PROGRESS_BYTES], line[LYRNN_PROGRESS_BYTES];
    view.left_seconds = seconds;
    lyrnn_progress_line(&view, text);
    snprintf(line, sizeof line, "epoch 12/250, 25%% done, perplexity 39.12, 81148 chars/s, %s left",
             expected);
    assert_string_equal(text, line);
}

static void long_times_have_hours_and_days(void **state)
{
    (void)state;
    assert_left(0.2, "0:00");
    assert_left(59.6, "1:00");
    assert_left(3599.0, "59:59");
    assert_left(3600.0, "1:00:00");
    assert_left(86399.0, "23:59:59");
    assert_left(2 * 86400.0 + 3661.0, "2 d 1:01:01");
}

static void a_loss_that_is_unknown_or_infinite(void **state)
{
    (void)state;
    lyrnn_progress_view view = view_of(0.5);
    view.nats_per_char = (double)NAN;
    assert_bar(&view, 500,
               "epoch 12/250 [###############...............] 81148 chars/s, 1:03 left");
    view.nats_per_char = 1000.0;
    assert_bar(&view, 500,
               "epoch 12/250 [###############...............] perplexity inf, 81148 chars/s, "
               "1:03 left");
    view.num_epochs = 0;
    view.nats_per_char = (double)NAN;
    assert_bar(&view, 500, "50% [###############...............] 81148 chars/s, 1:03 left");
}

/* Moves everything that happened into the past. */
static void wait_seconds(lyrnn_progress *progress, double seconds)
{
    progress->start_seconds -= seconds;
    progress->drawn_seconds -= seconds;
    progress->loss_seconds -= seconds;
}

/* The last line in the log, without its newline. */
static const char *last_line(FILE *log)
{
    static char line[LYRNN_PROGRESS_BYTES];
    rewind(log);
    line[0] = '\0';
    while (fgets(line, sizeof line, log) != NULL)
        line[strcspn(line, "\n")] = '\0';
    return line;
}

static void a_file_gets_a_line_now_and_then(void **state)
{
    (void)state;
    lyrnn_progress progress;
    FILE *log = tmpfile();
    assert_non_null(log);
    lyrnn_progress_init(&progress, log, 10, 200, 1000, 100);
    assert_false(lyrnn_progress_is_due(&progress, 201));
    wait_seconds(&progress, 59.0);
    assert_false(lyrnn_progress_is_due(&progress, 700));
    /* The first line comes after a minute. */
    wait_seconds(&progress, 2.0);
    assert_true(lyrnn_progress_is_due(&progress, 201));
    progress.nats_per_char = 0.0;
    lyrnn_progress_show(&progress, 3, 300);
    assert_string_equal(last_line(log),
                        "epoch 3/10, 30% done, perplexity 1, 164 chars/s, 7:07 left");
    /* The next one after a minute and a twentieth of the work, */
    assert_false(lyrnn_progress_is_due(&progress, 900));
    wait_seconds(&progress, 61.0);
    assert_false(lyrnn_progress_is_due(&progress, 349));
    assert_true(lyrnn_progress_is_due(&progress, 350));
    /* or after an hour. */
    wait_seconds(&progress, 3600.0);
    assert_true(lyrnn_progress_is_due(&progress, 301));
    /* Work without epochs has no lines. */
    lyrnn_progress_init(&progress, log, 0, 0, 1000, 1);
    wait_seconds(&progress, 7200.0);
    assert_false(lyrnn_progress_is_due(&progress, 500));
    lyrnn_progress_clear(&progress);
    assert_string_equal(last_line(log),
                        "epoch 3/10, 30% done, perplexity 1, 164 chars/s, 7:07 left");
    fclose(log);
}

static void the_loss_is_read_twice_per_second(void **state)
{
    (void)state;
    lyrnn_progress progress;
    lyrnn_progress_init(&progress, stderr, 10, 0, 1000, 100);
    assert_true(lyrnn_progress_needs_loss(&progress));
    assert_false(lyrnn_progress_needs_loss(&progress));
    wait_seconds(&progress, 0.6);
    assert_true(lyrnn_progress_needs_loss(&progress));
    assert_false(lyrnn_progress_needs_loss(&progress));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_narrow_bar_has_fewer_parts),
        cmocka_unit_test(no_bar_is_wider_than_asked),
        cmocka_unit_test(long_times_have_hours_and_days),
        cmocka_unit_test(a_loss_that_is_unknown_or_infinite),
        cmocka_unit_test(a_file_gets_a_line_now_and_then),
        cmocka_unit_test(the_loss_is_read_twice_per_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
