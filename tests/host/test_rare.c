/* Which lines --min-count drops. */
#include "corpus/rare.h"

#include "corpus_songs_check.h"

static rare_counts assert_leaves(size_t min_count, const char *const *given,
                                 const char *const *expected)
{
    lyrnn_corpus corpus = corpus_of_songs(given);
    rare_counts counts;
    assert_int_equal(corpus_drop_rare(&corpus, min_count, &counts), LYRNN_OK);
    assert_songs(&corpus, expected);
    lyrnn_corpus_free(&corpus);
    return counts;
}

static void a_line_with_a_rare_character_is_dropped(void **state)
{
    (void)state;
    rare_counts counts =
        assert_leaves(2, SONGS("ab\nacb\nba\nbd\n", "ab"), SONGS("ab\nba\n", "ab"));
    assert_int_equal(counts.num_chars, 2);
    assert_int_equal(counts.num_lines, 2);
    assert_int_equal(counts.num_songs, 0);
    assert_leaves(3, SONGS("分分分\n开开\n分"), SONGS("分分分\n分"));
}

static void one_is_rare_for_no_character(void **state)
{
    (void)state;
    assert_leaves(1, SONGS("abc\n\ndef", "ghi"), SONGS("abc\n\ndef", "ghi"));
    assert_leaves(0, SONGS("abc"), SONGS("abc"));
}

static void blanks_and_newlines_are_never_rare(void **state)
{
    (void)state;
    assert_leaves(3,
                  SONGS("aa a\n\xE3\x80\x80"
                        "aa\n"),
                  SONGS("aa a\n\xE3\x80\x80"
                        "aa\n"));
}

static void a_song_without_lines_is_dropped(void **state)
{
    (void)state;
    rare_counts counts =
        assert_leaves(2, SONGS("c\n\nd\n\n", "aa\n", "e\n", "bb\n", "f"), SONGS("aa\n", "bb\n"));
    assert_int_equal(counts.num_songs, 3);
    assert_int_equal(counts.num_lines, 4);
}

static void a_stanza_without_lines_leaves_no_blank_lines(void **state)
{
    (void)state;
    assert_leaves(2, SONGS("aa\n\nc\nd\n\n\nbb\ne\n\nbb\n\n"), SONGS("aa\n\nbb\n\nbb\n\n"));
    assert_leaves(2, SONGS("\nc\n\naa\n"), SONGS("\naa\n"));
}

/* b is rare only once the line with d is dropped. */
static void characters_are_counted_once(void **state)
{
    (void)state;
    assert_leaves(2, SONGS("aa\nab\nbd\n"), SONGS("aa\nab\n"));
}

static void a_corpus_of_which_nothing_is_left_is_refused(void **state)
{
    (void)state;
    lyrnn_corpus corpus = corpus_of_songs(SONGS("aab\n", "aac"));
    rare_counts counts;
    assert_int_equal(corpus_drop_rare(&corpus, 5, &counts), LYRNN_ERR_CORPUS);
    assert_string_equal(lyrnn_error_text(),
                        "--min-count 5: each line has a character that the corpus has less often; "
                        "lower it, or give more text");
    lyrnn_corpus_free(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_with_a_rare_character_is_dropped),
        cmocka_unit_test(one_is_rare_for_no_character),
        cmocka_unit_test(blanks_and_newlines_are_never_rare),
        cmocka_unit_test(a_song_without_lines_is_dropped),
        cmocka_unit_test(a_stanza_without_lines_leaves_no_blank_lines),
        cmocka_unit_test(characters_are_counted_once),
        cmocka_unit_test(a_corpus_of_which_nothing_is_left_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
