/* What validation shares with training, compared with loops over all pairs of positions. */
#include "corpus/leaks.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "base/clock.h"
#include "compare.h"
#include "corpus_songs_check.h"

enum { MAX = 300, MAX_SONGS = 30 };

typedef struct {
    uint32_t chars[MAX];
    size_t starts[MAX_SONGS];
    bool is_validation[MAX_SONGS];
    size_t N, num_songs;
} example;

static leak_texts texts_of(const example *e)
{
    return (leak_texts){e->chars, e->N, e->starts, e->num_songs, e->is_validation};
}

static void add_song(example *e, const char32_t *text, bool is_validation)
{
    e->starts[e->num_songs] = e->N;
    e->is_validation[e->num_songs++] = is_validation;
    for (; *text != 0; text++)
        e->chars[e->N++] = *text;
}

static leaks find(const example *e)
{
    leaks found;
    leak_texts texts = texts_of(e);
    assert_int_equal(leaks_find(&texts, &found), LYRNN_OK);
    return found;
}

static size_t song_of(const example *e, size_t position)
{
    size_t song = 0;
    while (song + 1 < e->num_songs && e->starts[song + 1] <= position)
        song++;
    return song;
}

/* How many characters from a and b on are the same, within a song each. */
static size_t common(const example *e, size_t a, size_t b)
{
    size_t num = 0, song_a = song_of(e, a), song_b = song_of(e, b);
    while (a + num < e->N && b + num < e->N && song_of(e, a + num) == song_a &&
           song_of(e, b + num) == song_b && e->chars[a + num] == e->chars[b + num])
        num++;
    return num;
}

/* Expects what loops over all pairs of positions find. */
static void check_against_loops(const example *e)
{
    bool is_shared[MAX] = {0};
    size_t longest = 0, num_shared = 0;
    for (size_t a = 0; a < e->N; a++)
        for (size_t b = 0; b < e->N && e->is_validation[song_of(e, a)]; b++) {
            size_t num = e->is_validation[song_of(e, b)] ? 0 : common(e, a, b);
            for (size_t i = 0; i < num && num >= LEAKS_MIN_RUN; i++)
                is_shared[a + i] = true;
            longest = num > longest ? num : longest;
        }
    for (size_t a = 0; a < e->N; a++)
        num_shared += is_shared[a];
    leaks found = find(e);
    assert_int_equal(found.num_shared, num_shared);
    assert_int_equal(found.longest, longest >= LEAKS_MIN_RUN ? longest : 0);
}

static void leaks_are_those_that_loops_find(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        example e = {0};
        int num_distinct = 1 + random_id(seed, 0, 3);
        for (size_t song = 0; song < 8; song++) {
            char32_t text[40] = {0};
            int num = 1 + random_id(seed, 100 + song, 35);
            for (int i = 0; i < num; i++)
                text[i] = (char32_t)('a' + random_id(seed, 1000 * (song + 1) + (uint64_t)i,
                                                     num_distinct));
            add_song(&e, text, random_id(seed, 200 + song, 2) == 0);
        }
        check_against_loops(&e);
    }
}

static void a_run_of_eight_leaks_and_one_of_seven_does_not(void **state)
{
    (void)state;
    example e = {0}, shorter = {0};
    add_song(&e, U"一二三四五六七八九\n", false);
    add_song(&e, U"你二三四五六七八九他\n", true);
    leaks found = find(&e);
    assert_int_equal(found.num_songs, 1);
    assert_int_equal(found.num_chars, 11);
    assert_int_equal(found.num_shared, 8);
    assert_int_equal(found.longest, 8);
    assert_string_equal(found.text, "二三四五六七八九");
    add_song(&shorter, U"一二三四五六七八九\n", false);
    add_song(&shorter, U"你我三四五六七八九他\n", true);
    found = find(&shorter);
    assert_int_equal(found.num_shared, 0);
    assert_int_equal(found.longest, 0);
    assert_string_equal(found.text, "");
}

static void a_run_does_not_cross_songs(void **state)
{
    (void)state;
    example e = {0};
    add_song(&e, U"abcdefg\n", false);
    add_song(&e, U"hijklmn\n", false);
    add_song(&e, U"defg\nhijk\n", true);
    add_song(&e, U"abcd", true);
    add_song(&e, U"efg\n", true);
    assert_int_equal(find(&e).num_shared, 0);
}

static void the_longest_run_is_shown_without_newlines_and_cut(void **state)
{
    (void)state;
    example e = {0};
    char32_t song[61] = {0};
    for (int i = 0; i < 60; i++)
        song[i] = i == 4 ? '\n' : (char32_t)(0x4E00 + i);
    add_song(&e, song, true);
    add_song(&e, song, false);
    leaks found = find(&e);
    assert_int_equal(found.longest, 60);
    assert_int_equal(found.num_shared, 60);
    assert_non_null(strstr(found.text, "一丁丂七 丅"));
    assert_int_equal(strlen(found.text), 39 * 3 + 1 + 3);
    assert_non_null(strstr(found.text, "…"));
}

/* Returns what leaks_log prints. */
static char *line_of(const leaks *found)
{
    char *line = NULL;
    size_t size;
    FILE *log = open_memstream(&line, &size);
    assert_non_null(log);
    leaks_log(found, log);
    fclose(log);
    return line;
}

static void the_line_has_the_numbers(void **state)
{
    (void)state;
    char *line = line_of(&(leaks){41, 9812, 618, 31, "分开"});
    assert_string_equal(line, "validation: 41 songs, 9,812 characters; 6.3 % are in runs of 8 or "
                              "more that training has too (longest 31: 分开)\n");
    free(line);
    line = line_of(&(leaks){.num_songs = 1, .num_chars = 1234567});
    assert_string_equal(line, "validation: 1 song, 1,234,567 characters; 0.0 % are in runs of 8 or "
                              "more that training has too\n");
    free(line);
}

/* Every position starts a run that is in both parts, and the longest is the whole text. */
static void a_text_of_one_character_takes_linear_time(void **state)
{
    (void)state;
    enum { N = 1 << 19 };
    uint32_t *chars = malloc(N * sizeof *chars);
    assert_non_null(chars);
    for (size_t i = 0; i < N; i++)
        chars[i] = 'a';
    const size_t starts[] = {0, N / 2};
    const bool is_validation[] = {false, true};
    const leak_texts texts = {chars, N, starts, 2, is_validation};
    leaks found;
    double begin = lyrnn_seconds();
    assert_int_equal(leaks_find(&texts, &found), LYRNN_OK);
    assert_true(lyrnn_seconds() - begin < 10); /* a quadratic time is minutes */
    assert_int_equal(found.num_shared, N / 2);
    assert_int_equal(found.longest, N / 2);
    free(chars);
}

static leak_counts assert_leaves(const char *const *given, bool *is_validation,
                                 const char *const *expected)
{
    lyrnn_corpus corpus = corpus_of_songs(given);
    leak_counts dropped;
    leaks found;
    assert_int_equal(leaks_drop(&corpus, is_validation, &dropped), LYRNN_OK);
    assert_songs(&corpus, expected);
    const leak_texts texts = {corpus.chars, corpus.N, corpus.starts, corpus.num_songs,
                              is_validation};
    assert_int_equal(leaks_find(&texts, &found), LYRNN_OK);
    assert_int_equal(found.num_shared, 0);
    lyrnn_corpus_free(&corpus);
    return dropped;
}

static void lines_of_training_that_leak_are_dropped(void **state)
{
    (void)state;
    bool is_validation[] = {false, false, true, false};
    leak_counts dropped = assert_leaves(
        SONGS("a verse\nI love you so\nanother\n\n", "I love you so\n", //
              "they\nI love you so!\n", "the last"),
        is_validation, SONGS("a verse\nanother\n\n", "they\nI love you so!\n", "the last"));
    assert_int_equal(dropped.num_lines, 2);
    assert_int_equal(dropped.num_songs, 1);
    assert_false(is_validation[0]);
    assert_true(is_validation[1]);
    assert_false(is_validation[2]);
}

/* The run covers a line and the newlines around it. Once that line is dropped, its neighbors make
 * another run. */
static void runs_over_several_lines_are_dropped_until_there_is_none(void **state)
{
    (void)state;
    bool is_validation[] = {false, true};
    assert_leaves(SONGS("x\nabcdef\ny\n", "1\nabcdef\n2\n"), is_validation,
                  SONGS("x\ny\n", "1\nabcdef\n2\n"));
    bool again[] = {false, true, true};
    assert_leaves(SONGS("abcd\nI love you so\nefgh\nend\n", "abcd\nefgh\n", "I love you so\n"),
                  again, SONGS("end\n", "abcd\nefgh\n", "I love you so\n"));
}

/* Running text is cut anywhere, also inside a line. */
static void a_song_may_begin_inside_a_line(void **state)
{
    (void)state;
    bool is_validation[] = {false, true};
    lyrnn_corpus corpus =
        corpus_of_songs(SONGS("I love you so\na verse and more\nI love you so\n"));
    corpus.starts = realloc(corpus.starts, 2 * sizeof *corpus.starts);
    assert_non_null(corpus.starts);
    corpus.starts[corpus.num_songs++] = 20;
    leak_counts dropped;
    assert_int_equal(leaks_drop(&corpus, is_validation, &dropped), LYRNN_OK);
    assert_int_equal(dropped.num_lines, 1);
    assert_int_equal(corpus.num_songs, 2);
    assert_int_equal(corpus.starts[1], 6);
    assert_chars(&corpus, CHARS(U"a verse and more\nI love you so\n"));
    lyrnn_corpus_free(&corpus);
}

static void a_training_text_of_which_nothing_is_left_is_refused(void **state)
{
    (void)state;
    bool is_validation[] = {false, true};
    lyrnn_corpus corpus = corpus_of_songs(SONGS("I love you so\n", "I love you so\n"));
    leak_counts dropped;
    assert_int_equal(leaks_drop(&corpus, is_validation, &dropped), LYRNN_ERR_CORPUS);
    assert_non_null(strstr(lyrnn_error_text(), "--drop-leaks: each line of training has a run"));
    lyrnn_corpus_free(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaks_are_those_that_loops_find),
        cmocka_unit_test(a_run_of_eight_leaks_and_one_of_seven_does_not),
        cmocka_unit_test(a_run_does_not_cross_songs),
        cmocka_unit_test(the_longest_run_is_shown_without_newlines_and_cut),
        cmocka_unit_test(the_line_has_the_numbers),
        cmocka_unit_test(a_text_of_one_character_takes_linear_time),
        cmocka_unit_test(lines_of_training_that_leak_are_dropped),
        cmocka_unit_test(runs_over_several_lines_are_dropped_until_there_is_none),
        cmocka_unit_test(a_song_may_begin_inside_a_line),
        cmocka_unit_test(a_training_text_of_which_nothing_is_left_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
