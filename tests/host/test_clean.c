/* What a text loses when it is cleaned, and what it keeps. */
#include "corpus/clean.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "base/clock.h"
#include "compare.h"
#include "corpus/normalize.h"
#include "corpus/width.h"
#include "lyrnn/corpus.h"

enum { MAX = 200 };

static text_clean_counts assert_cleans_to(const char32_t *given, const char32_t *expected)
{
    uint32_t chars[MAX];
    size_t N = 0, num = 0;
    for (; given[N] != 0; N++)
        chars[N] = given[N];
    while (expected[num] != 0)
        num++;
    text_clean_counts counts = {0};
    assert_int_equal(text_clean(chars, N, &counts), num);
    assert_memory_equal(chars, expected, num * sizeof *chars);
    return counts;
}

static void assert_stays(const char32_t *text)
{
    text_clean_counts counts = assert_cleans_to(text, text), none = {0};
    assert_memory_equal(&counts, &none, sizeof none);
}

static void controls_are_dropped(void **state)
{
    (void)state;
    text_clean_counts counts =
        assert_cleans_to(U"\x01\x62\x07\x1B[0m\x7F分\x85\x80\x9F开\x08", U"b[0m分开");
    assert_int_equal(counts.num_controls, 8);
    assert_int_equal(counts.num_invisible + counts.num_spaces + counts.num_newlines, 0);
}

static void invisible_characters_are_dropped(void **state)
{
    (void)state;
    text_clean_counts counts = assert_cleans_to(
        U"分\u200B开\u2060\uFEFF\u00AD了\u200E\u200F\u061C\u202A\u202E\u2066\u2069吗\uFFF9\u2063",
        U"分开了吗");
    assert_int_equal(counts.num_invisible, 13);
    assert_int_equal(counts.num_controls, 0);
}

static void characters_that_join_stay_where_they_do(void **state)
{
    (void)state;
    assert_stays(U"\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645"); /* Persian, in a word */
    assert_stays(U"\u06CC\u0301\u200C\u062E");                   /* with a mark of another script */
    assert_stays(U"\u0915\u094D\u200D\u0937");                   /* Hindi, after a virama */
    assert_stays(U"\u0915\u094D\u200C\n");                       /* at the end of a line */
    assert_stays(U"\u0DC1\u0DCA\u200D\u0DBB\u0DD3");             /* Sri, in Sinhala */
    assert_stays(U"\U0001F468\u200D\U0001F469\u200D\U0001F467"); /* a family */
    assert_stays(U"\U0001F468\U0001F3FD\u200D\U0001F680");       /* with a color of the skin */
    assert_stays(U"\u2764\uFE0F\u200D\U0001F525");               /* a heart on fire */
    assert_stays(U"\U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F");
}

static void characters_that_join_nothing_are_dropped(void **state)
{
    (void)state;
    assert_cleans_to(U"分\u200D开\u200C了", U"分开了");
    assert_cleans_to(U"a\u200Cb\u200D", U"ab");
    assert_cleans_to(U"\u0645\u06CC\u200C\u200C\u200D\u062E", U"\u0645\u06CC\u200C\u062E");
    assert_cleans_to(U"\u0645\u06CC\u200B\u200C\u062E", U"\u0645\u06CC\u200C\u062E");
    assert_cleans_to(U"\u0645\u06CC\u200C \u062E", U"\u0645\u06CC \u062E");
    assert_cleans_to(U"\U0001F468\u200Da\u200D\U0001F469", U"\U0001F468a\U0001F469");
    assert_cleans_to(U"\U0001F468\u200D\u200D\U0001F469", U"\U0001F468\u200D\U0001F469");
    assert_cleans_to(U"a\U000E0067\U000E0001", U"a");
}

static void spaces_in_a_row_become_one(void **state)
{
    (void)state;
    text_clean_counts counts =
        assert_cleans_to(U"a  b\t\tc\u00A0d \u2003 e\u202Ff", U"a b c d e f");
    assert_int_equal(counts.num_spaces, 7);
    assert_cleans_to(U"a \u200B b", U"a b");
    assert_cleans_to(U"a \x07 b", U"a b");
}

static void an_indented_line_keeps_one_space(void **state)
{
    (void)state;
    assert_cleans_to(U"    a\n\tb\n c\n", U" a\n b\n c\n");
}

static void spaces_at_the_end_of_a_line_are_dropped(void **state)
{
    (void)state;
    text_clean_counts counts =
        assert_cleans_to(U"a \n \t \nb\u3000\u00A0 \n\u3000\nc ", U"a\n\nb\n\nc");
    assert_int_equal(counts.num_spaces, 9);
    assert_cleans_to(U"a \u200B\n", U"a\n");
    assert_stays(U"a\u3000b\n\u3000\u3000c\n");
}

static void what_separates_lines_becomes_a_newline(void **state)
{
    (void)state;
    text_clean_counts counts = assert_cleans_to(U"a\vb \u2028c\u2029d", U"a\nb\nc\nd");
    assert_int_equal(counts.num_newlines, 3);
    assert_cleans_to(U"a\fb", U"a\nb");
    assert_cleans_to(U"\fa\n\fb\f\nc\f\fd\f", U"a\nb\nc\nd");
    assert_cleans_to(U"a\f\vb", U"a\nb");
}

static void other_scripts_and_signs_stay(void **state)
{
    (void)state;
    assert_stays(U"Çà et là, «l'été»\n\nñandú ¡olé!\n");
    assert_stays(U"愛してる〜♪ ①℃ｱ\n사랑해\n\u0E23\u0E31\u0E01\n");
    assert_stays(U"\U0001F1E8\U0001F1F3 1\uFE0F\u20E3 \u1820\u180E\u1820 \U0001F600\n");
}

/* Odd characters of all kinds in any order. */
static size_t fill_odd(uint32_t *chars, uint64_t seed)
{
    static const char32_t odd[] =
        U"ab \t\n\v\f\x01\x7F\x85\u00A0\u00AD\u0301é\u0915\u094D\u06CC\u0645"
        U"\u200B\u200C\u200D\u2028\u2003\u3000\uFEFF\uFE0F\u202E\U0001F468"
        U"\U0001F3FD\u2764\U000E0067\uFF21\U000E0001";
    size_t N = (size_t)random_id(seed, 0, MAX);
    for (size_t i = 0; i < N; i++)
        chars[i] = odd[random_id(seed, 1 + i, sizeof odd / sizeof *odd - 1)];
    return N;
}

static void cleaning_twice_is_the_same_as_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        uint32_t once[MAX], twice[MAX];
        text_clean_counts counts = {0}, none = {0};
        size_t N = fill_odd(once, seed);
        size_t num = text_clean(once, N, &counts);
        assert_true(num <= N);
        memcpy(twice, once, sizeof twice);
        memset(&counts, 0, sizeof counts);
        assert_int_equal(text_clean(twice, num, &counts), num);
        assert_memory_equal(once, twice, num * sizeof *once);
        assert_memory_equal(&counts, &none, sizeof none);
    }
}

/* A corpus that is saved as lyrnn has it is the same corpus when it is read. */
static void a_cleaned_text_stays_clean_when_it_is_normalized(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        uint32_t chars[MAX], composed[TEXT_MAX_COMPOSED * MAX], again[TEXT_MAX_COMPOSED * MAX];
        text_clean_counts counts = {0}, none = {0};
        size_t N = fill_odd(chars, seed);
        text_to_half_width(chars, N);
        N = text_normalize(chars, text_clean(chars, N, &counts), composed);
        memcpy(again, composed, N * sizeof *again);
        memset(&counts, 0, sizeof counts);
        assert_int_equal(text_to_half_width(again, N), 0);
        assert_int_equal(text_clean(again, N, &counts), N);
        assert_memory_equal(&counts, &none, sizeof none);
        assert_memory_equal(again, composed, N * sizeof *again);
    }
}

static void the_sample_lyrics_stay(void **state)
{
    (void)state;
    lyrnn_corpus corpus;
    const lyrnn_corpus_rules rules = {.normalize = LYRNN_NORMALIZE_NONE};
    assert_int_equal(lyrnn_corpus_load_sample(&corpus, &rules), LYRNN_OK);
    uint32_t *chars = malloc(corpus.N * sizeof *chars);
    assert_non_null(chars);
    memcpy(chars, corpus.chars, corpus.N * sizeof *chars);
    text_clean_counts counts = {0}, none = {0};
    assert_int_equal(text_to_half_width(chars, corpus.N), 0);
    assert_int_equal(text_clean(chars, corpus.N, &counts), corpus.N);
    assert_memory_equal(chars, corpus.chars, corpus.N * sizeof *chars);
    assert_memory_equal(&counts, &none, sizeof none);
    free(chars);
    lyrnn_corpus_free(&corpus);
}

/* Each joiner asks for the next visible character, which is far. */
static void a_row_of_joiners_takes_linear_time(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    uint32_t *chars = malloc(N * sizeof *chars);
    assert_non_null(chars);
    for (size_t i = 0; i < N; i++)
        chars[i] = i == 0 ? 0x06CC : i % 2 == 0 ? 0x200C : 0x01;
    text_clean_counts counts = {0};
    double begin = lyrnn_seconds();
    assert_int_equal(text_clean(chars, N, &counts), 1);
    assert_true(lyrnn_seconds() - begin < 10);
    for (size_t i = 0; i < N; i++)
        chars[i] = ' ';
    assert_int_equal(text_clean(chars, N, &counts), 0);
    free(chars);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_are_dropped),
        cmocka_unit_test(invisible_characters_are_dropped),
        cmocka_unit_test(characters_that_join_stay_where_they_do),
        cmocka_unit_test(characters_that_join_nothing_are_dropped),
        cmocka_unit_test(spaces_in_a_row_become_one),
        cmocka_unit_test(an_indented_line_keeps_one_space),
        cmocka_unit_test(spaces_at_the_end_of_a_line_are_dropped),
        cmocka_unit_test(what_separates_lines_becomes_a_newline),
        cmocka_unit_test(other_scripts_and_signs_stay),
        cmocka_unit_test(cleaning_twice_is_the_same_as_once),
        cmocka_unit_test(a_cleaned_text_stays_clean_when_it_is_normalized),
        cmocka_unit_test(the_sample_lyrics_stay),
        cmocka_unit_test(a_row_of_joiners_takes_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
