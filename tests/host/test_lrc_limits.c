/* Which texts are LRC, the limits of a file, and hostile lines. */
#include "songs_check.h"

#include "corpus/lrc.h"

static lrc_counts counts; /* of the last text that was read */

static lyrnn_status read_text(const char *text, size_t num_bytes, kept_songs *songs)
{
    char *copy = copy_exactly(text, num_bytes);
    *songs = (kept_songs){0};
    counts = (lrc_counts){0};
    const song_sink sink = {.song = keep_song, .context = songs};
    lyrnn_status status = lrc_read("song.lrc", copy, num_bytes, &sink, &counts);
    free(copy);
    return status;
}

static void a_name_decides_what_is_lrc(void **state)
{
    (void)state;
    assert_true(lrc_is("a.lrc", "a", 1));
    assert_true(lrc_is("A.LRC", "", 0));
    assert_false(lrc_is("lrc", "a", 1));
    assert_false(lrc_is("a.lrc.txt", "a", 1));
}

static void is_lrc(const char *text, bool expected)
{
    char *copy = copy_exactly(text, strlen(text));
    assert_int_equal(lrc_is("song.txt", copy, strlen(text)), expected);
    assert_int_equal(lrc_is(NULL, copy, strlen(text)), expected);
    free(copy);
}

static void three_lines_with_times_are_lrc(void **state)
{
    (void)state;
    is_lrc("[ti:a]\n[00:01.00]a\n[00:02]b\n [100:03:00]c\n", true);
    is_lrc("[00:01.00]a\n[00:02.00]b\nc\n", false);
    is_lrc("[00:01.00]a\n[00:02.00]b\n[Chorus]\n", false);
    is_lrc("[a:b]\n[1:2]\n[00:0\n[00:01\n[00:02\n", false);
    is_lrc("\xEF\xBB\xBF[00:01.00]a\r[00:02.00]b\r[00:03.00]c", true);
}

static void three_lines_with_times_in_a_long_text_are_no_lrc(void **state)
{
    (void)state;
    char text[256] = "[12:00] a\n[12:01] b\n[12:02] c\n";
    for (int i = 0; i < 27; i++)
        strcat(text, "d\n\n");
    is_lrc(text, true);
    strcat(text, "d\n");
    is_lrc(text, false);
}

static void assert_refused(const char *text, size_t num_bytes, const char *error)
{
    kept_songs songs;
    assert_int_equal(read_text(text, num_bytes, &songs), LYRNN_ERR_CORPUS);
    assert_string_equal(lyrnn_error_text(), error);
    assert_int_equal(songs.num_songs, 0);
}

static void a_file_of_more_than_1_mb_is_refused(void **state)
{
    (void)state;
    char *text = malloc(LRC_MAX_BYTES + 1);
    assert_non_null(text);
    memset(text, 'a', LRC_MAX_BYTES + 1);
    kept_songs songs;
    assert_int_equal(read_text(text, LRC_MAX_BYTES, &songs), LYRNN_OK);
    assert_int_equal(songs.num_bytes, LRC_MAX_BYTES + 1);
    assert_refused(text, LRC_MAX_BYTES + 1,
                   "song.lrc: is too large for LRC, one song with times: it has more than 1 MB; "
                   "split it into one file per song");
    free(text);
}

/* The limit counts lines that are dropped as well. */
static void a_file_of_more_than_10000_lines_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"a\n", "[by:a]\n"};
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(lines[i]);
        char *text = malloc((LRC_MAX_LINES + 1) * length);
        assert_non_null(text);
        for (size_t at = 0; at <= LRC_MAX_LINES; at++)
            memcpy(text + at * length, lines[i], length);
        kept_songs songs;
        assert_int_equal(read_text(text, LRC_MAX_LINES * length, &songs), LYRNN_OK);
        assert_int_equal(songs.num_bytes, i == 0 ? LRC_MAX_LINES * length : 0);
        assert_refused(text, (LRC_MAX_LINES + 1) * length,
                       "song.lrc: is too large for LRC, one song with times: it has more than "
                       "10,000 lines; split it into one file per song");
        free(text);
    }
}

/* A line with so many times that the song would have a hundred times the file's bytes. */
static void many_times_of_a_long_line_are_refused(void **state)
{
    (void)state;
    enum { NUM_TIMES = LRC_MAX_LINES, TIME_BYTES = 6, TEXT_BYTES = 10000 };
    char *text = malloc((NUM_TIMES + 1) * TIME_BYTES + TEXT_BYTES);
    assert_non_null(text);
    for (size_t i = 0; i <= NUM_TIMES; i++)
        memcpy(text + i * TIME_BYTES, "[1:23]", TIME_BYTES);
    memset(text + NUM_TIMES * TIME_BYTES, 'a', TEXT_BYTES);
    assert_refused(
        text, NUM_TIMES * TIME_BYTES + TEXT_BYTES,
        "song.lrc: is too large for LRC, one song with times: it has more than 1 MB when "
        "its lines are repeated as they are sung; split it into one file per song");
    memset(text + NUM_TIMES * TIME_BYTES, 'a', TEXT_BYTES);
    memcpy(text + NUM_TIMES * TIME_BYTES, "[1:23]", TIME_BYTES);
    assert_refused(text, (NUM_TIMES + 1) * TIME_BYTES + 1,
                   "song.lrc: is too large for LRC, one song with times: it has more than 10,000 "
                   "lines; split it into one file per song");
    free(text);
}

/* One long line of what makes a search expensive takes no quadratic time. */
static void hostile_lines_take_linear_time(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "[",      "]",           "1]",  "[[ti:",   "[00:00", "<00:00",      " ",
        "[ti:a]", "[00:00.00] ", "v1:", "<00:00>", "作词",   "\xE3\x80\x80"};
    char *text = malloc(LRC_MAX_BYTES);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t length = strlen(pieces[i]), num_bytes = LRC_MAX_BYTES / length * length;
        for (size_t at = 0; at < num_bytes; at += length)
            memcpy(text + at, pieces[i], length);
        kept_songs songs;
        lyrnn_status status = read_text(text, num_bytes, &songs);
        assert_true(status == LYRNN_OK || status == LYRNN_ERR_CORPUS);
    }
    free(text);
}

static lyrnn_status refuse_song(void *context, const char *title, const char *utf8,
                                size_t num_bytes)
{
    (void)context, (void)title, (void)utf8, (void)num_bytes;
    return lyrnn_fail(LYRNN_ERR_MEMORY, "no room");
}

static void a_failure_of_the_sink_is_passed_on(void **state)
{
    (void)state;
    const song_sink sink = {.song = refuse_song};
    assert_int_equal(lrc_read("a", "[00:01]a", 8, &sink, &counts), LYRNN_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_decides_what_is_lrc),
        cmocka_unit_test(three_lines_with_times_are_lrc),
        cmocka_unit_test(three_lines_with_times_in_a_long_text_are_no_lrc),
        cmocka_unit_test(a_file_of_more_than_1_mb_is_refused),
        cmocka_unit_test(a_file_of_more_than_10000_lines_is_refused),
        cmocka_unit_test(many_times_of_a_long_line_are_refused),
        cmocka_unit_test(hostile_lines_take_linear_time),
        cmocka_unit_test(a_failure_of_the_sink_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
