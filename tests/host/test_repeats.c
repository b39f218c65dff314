/* Which stanzas --repeats once drops. */
#include "corpus/repeats.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "corpus_songs_check.h"

static repeat_counts assert_leaves(const char *const *given, const char *const *expected)
{
    lyrnn_corpus corpus = corpus_of_songs(given);
    repeat_counts counts;
    assert_int_equal(corpus_drop_repeats(&corpus, &counts), LYRNN_OK);
    assert_songs(&corpus, expected);
    lyrnn_corpus_free(&corpus);
    return counts;
}

static void assert_stays(const char *const *songs)
{
    assert_int_equal(assert_leaves(songs, songs).num_stanzas, 0);
}

static void a_chorus_is_kept_where_it_is_first(void **state)
{
    (void)state;
    repeat_counts counts = assert_leaves(
        SONGS("title\n\nverse 1\na\n\nla\nlala\n\nverse 2\nb\n\nla\nlala\n\nla\nlala\n"),
        SONGS("title\n\nverse 1\na\n\nla\nlala\n\nverse 2\nb\n"));
    assert_int_equal(counts.num_stanzas, 2);
    assert_int_equal(counts.num_chars, 14);
}

static void one_line_is_no_stanza(void **state)
{
    (void)state;
    assert_stays(SONGS("la\n\nverse\nb\n\nla\n\nla\n"));
}

static void a_stanza_that_differs_at_all_stays(void **state)
{
    (void)state;
    assert_stays(SONGS("la\nla\n\nla\nla\nla\n\nla\nla!\n\n la\nla\n"));
}

static void other_songs_may_have_the_same_stanza(void **state)
{
    (void)state;
    assert_stays(SONGS("la\nlala\n\na\n", "la\nlala\n\nb\n"));
    assert_leaves(SONGS("la\nlala\n\nla\nlala\n", "la\nlala\n\nla\nlala\n", "c\n"),
                  SONGS("la\nlala\n", "la\nlala\n", "c\n"));
}

static void blank_lines_stay_with_the_stanza_before_them(void **state)
{
    (void)state;
    assert_leaves(SONGS("\n\nla\nlala\n\n\nla\nlala\n \nb\n\n\n", "c\n"),
                  SONGS("\n\nla\nlala\n\n\nb\n\n\n", "c\n"));
    assert_leaves(SONGS("la\nlala\n\n\n\nla\nlala\n\n", "c\n"), SONGS("la\nlala\n\n", "c\n"));
    assert_leaves(SONGS("la\nlala\n\nla\nlala\n\n\n", "c\n"), SONGS("la\nlala\n\n", "c\n"));
}

static void the_end_of_the_text_may_lack_its_newline(void **state)
{
    (void)state;
    assert_leaves(SONGS("la\nlala\n\nb\n\nla\nlala"), SONGS("la\nlala\n\nb\n"));
    assert_stays(SONGS("la\nlala\n\nb"));
}

static void many_stanzas_take_linear_time(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    for (int i = 0; i < 100000; i++)
        fprintf(stream, "%d\n%d\n\nla\nla\n\n", i, i);
    fclose(stream);
    lyrnn_corpus corpus = corpus_of_songs(SONGS(text));
    repeat_counts counts;
    double begin = lyrnn_seconds();
    assert_int_equal(corpus_drop_repeats(&corpus, &counts), LYRNN_OK);
    assert_true(lyrnn_seconds() - begin < 10);
    assert_int_equal(counts.num_stanzas, 99999);
    lyrnn_corpus_free(&corpus);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chorus_is_kept_where_it_is_first),
        cmocka_unit_test(one_line_is_no_stanza),
        cmocka_unit_test(a_stanza_that_differs_at_all_stays),
        cmocka_unit_test(other_songs_may_have_the_same_stanza),
        cmocka_unit_test(blank_lines_stay_with_the_stanza_before_them),
        cmocka_unit_test(the_end_of_the_text_may_lack_its_newline),
        cmocka_unit_test(many_stanzas_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
