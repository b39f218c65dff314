/* Which songs are copies, and which of them stays. */
#include "corpus/duplicates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compare.h"
#include "corpus_songs_check.h"

static duplicate_counts assert_leaves(const char *const *given, const char *const *expected)
{
    lyrnn_corpus corpus = corpus_of_songs(given);
    duplicate_counts counts;
    assert_int_equal(corpus_drop_duplicates(&corpus, &counts), LYRNN_OK);
    assert_songs(&corpus, expected);
    lyrnn_corpus_free(&corpus);
    return counts;
}

static void assert_stay(const char *const *songs)
{
    assert_int_equal(assert_leaves(songs, songs).num_dropped, 0);
}

static void equal_songs_are_copies_and_the_first_stays(void **state)
{
    (void)state;
    duplicate_counts counts =
        assert_leaves(SONGS("故事的小黄花\n从出生\n\n", "b\n", "故事的小黄花\n从出生\n\n", "b\n"),
                      SONGS("故事的小黄花\n从出生\n\n", "b\n"));
    assert_int_equal(counts.num_dropped, 2);
    assert_int_equal(counts.num_songs, 4);
    assert_int_equal(counts.num_chars, 14);
}

static void spaces_and_punctuation_do_not_count(void **state)
{
    (void)state;
    assert_leaves(SONGS("分开，分开！\n不分开…\n", "分开\n分开 不分开。\n", "分\n\n开~分开♪不分开"),
                  SONGS("分开，分开！\n不分开…\n"));
    assert_leaves(SONGS("a b\n", "«a-b»?\n", "A b\n"), SONGS("a b\n", "A b\n"));
}

static void accents_digits_and_order_count(void **state)
{
    (void)state;
    assert_stay(SONGS("ete\n", "été\n", "e te2\n", "tee\n"));
}

static void songs_without_letters_are_compared_by_symbols(void **state)
{
    (void)state;
    assert_leaves(SONGS("……\n", "? ?\n", "♪♪♪\n", "??\n"), SONGS("……\n", "? ?\n", "♪♪♪\n"));
}

/* The copy has 10 runs of 8, and the other song has as many of them as its first letters make. */
static void a_song_that_has_80_percent_in_another_one_is_a_copy(void **state)
{
    (void)state;
    assert_leaves(SONGS("abcdefghijklmno0123456789\n", "x\n", "abcdefghijklmnopq\n"),
                  SONGS("abcdefghijklmno0123456789\n", "x\n"));
    assert_stay(SONGS("abcdefghijklmn0123456789\n", "x\n", "abcdefghijklmnopq\n"));
}

static void the_song_with_more_text_stays_wherever_it_is(void **state)
{
    (void)state;
    assert_leaves(SONGS("abcdefghijklmno0\n", "x\n", "abcdefghijklmno\nand a verse\n"),
                  SONGS("x\n", "abcdefghijklmno\nand a verse\n"));
    assert_leaves(SONGS("abcdefghijklmno\nand a verse\n", "x\n", "abcdefghijklmno0\n"),
                  SONGS("abcdefghijklmno\nand a verse\n", "x\n"));
}

static void a_copy_of_a_copy_stays_if_it_is_no_copy_of_what_stays(void **state)
{
    (void)state;
    const char *a = "abcdefghijklmnopqrstuvwxyzABCDE0123456789\n";
    const char *b = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJK\n"; /* 24 of its 30 runs are in a */
    const char *c = "uvwxyzABCDEFGHIJKL\n"; /* 10 of its 11 runs are in b, and 4 in a */
    assert_leaves(SONGS(b, c), SONGS(b));
    assert_leaves(SONGS(a, b, c), SONGS(a, c));
}

static void short_songs_are_copies_only_if_they_are_equal(void **state)
{
    (void)state;
    assert_leaves(SONGS("abcdefg\n", "abcdefgh\n", "a\n", "abcdefg.\n"),
                  SONGS("abcdefg\n", "abcdefgh\n", "a\n"));
}

static void one_of_many_copies_stays(void **state)
{
    (void)state;
    duplicate_counts counts = assert_leaves(SONGS("a song.\n", "a song\n", "A!\n", "a, song\n"),
                                            SONGS("a song.\n", "A!\n"));
    assert_int_equal(counts.num_dropped, 2);
    counts = assert_leaves(SONGS("a\n", "a\n", "a\n"), SONGS("a\n"));
    assert_int_equal(counts.num_dropped, 2);
    assert_stay(SONGS("a\n"));
}

/* Whether most of a's runs are in b, by comparing all pairs. The letters are 'a' to 'z'. */
static bool is_copy(const char *a, const char *b)
{
    int num = 0, num_shared = 0;
    for (size_t i = 0; i + 8 <= strlen(a); i++) {
        char run[9] = {0};
        memcpy(run, a + i, 8);
        if (strstr(a, run) != a + i)
            continue;
        num++;
        num_shared += strstr(b, run) != NULL;
    }
    return strcmp(a, b) == 0 || (num > 0 && 10 * num_shared >= 8 * num);
}

static void fill_random_song(char song[60], uint64_t seed, uint64_t number)
{
    static const char *const verses[] = {"abcdefghijkl", "mnopqrstuvwx", "aaaaaaaaaaaa",
                                         "zyxwvutsrqpo", "abcabcabcabc", "q"};
    int num = 1 + random_id(seed, 100 * number, 4);
    song[0] = '\0';
    for (int i = 0; i < num; i++)
        strcat(song, verses[random_id(seed, 100 * number + 1 + (uint64_t)i, 6)]);
}

static void copies_are_those_that_comparing_all_pairs_finds(void **state)
{
    enum { NUM = 12 };
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        char songs[NUM][60];
        const char *list[NUM + 1] = {0};
        for (uint64_t i = 0; i < NUM; i++) {
            fill_random_song(songs[i], seed, i + 1);
            list[i] = songs[i];
        }
        lyrnn_corpus corpus = corpus_of_songs(list);
        duplicate_counts counts;
        assert_int_equal(corpus_drop_duplicates(&corpus, &counts), LYRNN_OK);
        bool stays[NUM] = {0};
        for (int i = 0, at = 0; i < NUM && (size_t)at < corpus.num_songs; i++) {
            const uint32_t *chars = corpus.chars + corpus.starts[at];
            size_t length = songs_end(&corpus, (size_t)at) - corpus.starts[at], same = 0;
            while (same < strlen(songs[i]) && same < length &&
                   chars[same] == (uint32_t)songs[i][same])
                same++;
            stays[i] = same == strlen(songs[i]) && (same == length || chars[same] == '\n');
            at += stays[i];
        }
        for (int i = 0; i < NUM; i++) {
            bool has_original = false;
            for (int j = 0; j < NUM; j++)
                has_original = has_original || (j != i && stays[j] && is_copy(songs[i], songs[j]));
            assert_int_equal(stays[i], !has_original);
        }
        lyrnn_corpus_free(&corpus);
    }
}

static char *line_of(const char *const *songs)
{
    lyrnn_corpus corpus = corpus_of_songs(songs);
    duplicate_counts counts;
    char *line = NULL;
    size_t size;
    FILE *log = open_memstream(&line, &size);
    assert_non_null(log);
    assert_int_equal(corpus_drop_duplicates(&corpus, &counts), LYRNN_OK);
    duplicates_log(&counts, log);
    fclose(log);
    lyrnn_corpus_free(&corpus);
    return line;
}

static void the_line_names_examples(void **state)
{
    (void)state;
    char *line = line_of(SONGS("\n晴天\n", "b\n", "晴天!\n"));
    assert_string_equal(line, "songs: dropped 1 of 3 that are copies of others: song 3 (晴天!) of "
                              "song 1 (晴天); --keep-duplicates keeps them\n");
    free(line);
    line = line_of(SONGS("b", "a", "a", "a", "a", "a"));
    assert_non_null(strstr(line, "dropped 4 of 6"));
    assert_non_null(strstr(line,
                           "song 3 (a) of song 2 (a), song 4 (a) of song 2 (a), song 5 (a) of "
                           "song 2 (a) and more; --keep"));
    free(line);
    line = line_of(SONGS("一二三四五六七八九十一二三四五六七八九十\n",
                         "一二三四五六七八九十一二三四五六七八"
                         "九十。\n"));
    assert_string_equal(line, "songs: all 2 are copies of one, song 1 "
                              "(一二三四五六七八九十一二三四五六七八九十), which stays; "
                              "--keep-duplicates keeps them\n");
    free(line);
    line = line_of(SONGS("a", "b"));
    assert_string_equal(line, "");
    free(line);
}

/* Runs that differ in their last characters only must not be neighbors in the index. */
static void songs_that_count_are_compared_with_the_right_ones(void **state)
{
    enum { NUM = 20000 };
    (void)state;
    static char texts[NUM][20];
    static const char *songs[NUM + 1];
    for (int i = 0; i < NUM; i++) {
        snprintf(texts[i], sizeof texts[i], "aaaaaaaa%d\n", i);
        songs[i] = texts[i];
    }
    lyrnn_corpus corpus = corpus_of_songs(songs);
    duplicate_counts counts;
    double begin = lyrnn_seconds();
    assert_int_equal(corpus_drop_duplicates(&corpus, &counts), LYRNN_OK);
    assert_true(lyrnn_seconds() - begin < 5);
    assert_int_equal(counts.num_dropped, 18199); /* as comparing all pairs finds */
    lyrnn_corpus_free(&corpus);
}

/* Songs that all have the same run, and are different otherwise. */
static void the_same_run_in_all_songs_takes_no_quadratic_time(void **state)
{
    enum { NUM = 100000, LENGTH = 20 };
    (void)state;
    lyrnn_corpus corpus = {.N = (size_t)NUM * LENGTH, .num_songs = NUM};
    corpus.chars = malloc(corpus.N * sizeof *corpus.chars);
    corpus.starts = malloc(NUM * sizeof *corpus.starts);
    assert_true(corpus.chars != NULL && corpus.starts != NULL);
    for (size_t song = 0; song < NUM; song++) {
        corpus.starts[song] = song * LENGTH;
        uint32_t *chars = corpus.chars + song * LENGTH;
        for (size_t i = 0; i < LENGTH; i++)
            chars[i] = i < 9             ? 'a'
                       : i == LENGTH - 1 ? '\n'
                                         : (uint32_t)(0x4E00 + song / 10 % 10000 + i * i);
        chars[10] = (uint32_t)(0x4E00 + song % 20000);
    }
    duplicate_counts counts;
    double begin = lyrnn_seconds();
    assert_int_equal(corpus_drop_duplicates(&corpus, &counts), LYRNN_OK);
    assert_true(lyrnn_seconds() - begin < 10);
    lyrnn_corpus_free(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_songs_are_copies_and_the_first_stays),
        cmocka_unit_test(spaces_and_punctuation_do_not_count),
        cmocka_unit_test(accents_digits_and_order_count),
        cmocka_unit_test(songs_without_letters_are_compared_by_symbols),
        cmocka_unit_test(a_song_that_has_80_percent_in_another_one_is_a_copy),
        cmocka_unit_test(the_song_with_more_text_stays_wherever_it_is),
        cmocka_unit_test(a_copy_of_a_copy_stays_if_it_is_no_copy_of_what_stays),
        cmocka_unit_test(short_songs_are_copies_only_if_they_are_equal),
        cmocka_unit_test(one_of_many_copies_stays),
        cmocka_unit_test(copies_are_those_that_comparing_all_pairs_finds),
        cmocka_unit_test(the_line_names_examples),
        cmocka_unit_test(songs_that_count_are_compared_with_the_right_ones),
        cmocka_unit_test(the_same_run_in_all_songs_takes_no_quadratic_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
