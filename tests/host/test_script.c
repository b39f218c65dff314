/* Simplified and traditional Chinese, by phrases: songs keep their boundaries, and everything else
 * stays as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include <cmocka.h>

#include "corpus/script.h"

/* A corpus of songs, which `chars` separates by U+001F. */
static lyrnn_corpus corpus_of(const char32_t *chars)
{
    lyrnn_corpus corpus = {.chars = calloc(1 << 17, sizeof *corpus.chars),
                           .starts = calloc(64, sizeof *corpus.starts),
                           .num_songs = 1};
    assert_true(corpus.chars != NULL && corpus.starts != NULL);
    for (; *chars != 0; chars++)
        if (*chars == 0x1F)
            corpus.starts[corpus.num_songs++] = corpus.N;
        else
            corpus.chars[corpus.N++] = *chars;
    return corpus;
}

static void assert_same(const lyrnn_corpus *corpus, const lyrnn_corpus *expected)
{
    assert_int_equal(corpus->N, expected->N);
    assert_memory_equal(corpus->chars, expected->chars, expected->N * sizeof *expected->chars);
    assert_int_equal(corpus->num_songs, expected->num_songs);
    assert_memory_equal(corpus->starts, expected->starts,
                        expected->num_songs * sizeof *expected->starts);
}

static void assert_converts(lyrnn_script script, const char32_t *from, const char32_t *to,
                            size_t num_changed)
{
    lyrnn_corpus corpus = corpus_of(from), expected = corpus_of(to);
    size_t num;
    assert_int_equal(corpus_convert_script(&corpus, script, &num), LYRNN_OK);
    assert_same(&corpus, &expected);
    assert_int_equal(num, num_changed);
    lyrnn_corpus_free(&corpus);
    lyrnn_corpus_free(&expected);
}

static void assert_refuses(lyrnn_script script, const char *folder, const char *error_text)
{
    lyrnn_corpus corpus = corpus_of(U"頭髮\n"), before = corpus_of(U"頭髮\n");
    size_t num;
    lyrnn_status status = folder != NULL ? corpus_convert_script_by(folder, &corpus, script, &num)
                                         : corpus_convert_script(&corpus, script, &num);
    assert_int_equal(status, LYRNN_ERR_UNSUPPORTED);
    assert_string_equal(lyrnn_error_text(), error_text);
    assert_same(&corpus, &before);
    assert_int_equal(num, 0);
    lyrnn_corpus_free(&corpus);
    lyrnn_corpus_free(&before);
}

static void a_text_that_is_kept_needs_nothing(void **state)
{
    (void)state;
    assert_converts(LYRNN_SCRIPT_KEEP, U"頭髮发展\n", U"頭髮发展\n", 0);
}

#ifndef LYRNN_HAS_OPENCC

static void a_build_without_opencc_says_so(void **state)
{
    (void)state;
    assert_refuses(LYRNN_SCRIPT_SIMPLIFIED, NULL,
                   "--script simplified: this build lacks OpenCC; install libopencc-dev and build "
                   "again");
    assert_refuses(LYRNN_SCRIPT_TRADITIONAL, NULL,
                   "--script traditional: this build lacks OpenCC; install libopencc-dev and build "
                   "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_is_kept_needs_nothing),
        cmocka_unit_test(a_build_without_opencc_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include "temp_dir.h"

static void phrases_decide(void **state)
{
    (void)state;
    assert_converts(LYRNN_SCRIPT_SIMPLIFIED, U"頭髮發展\n乾淨的乾坤\n著作裡\n",
                    U"头发发展\n干净的乾坤\n著作里\n", 6);
    assert_converts(LYRNN_SCRIPT_TRADITIONAL, U"头发发展\n干净的干部\n皇后后来\n",
                    U"頭髮發展\n乾淨的幹部\n皇后後來\n", 8);
}

static void songs_keep_their_boundaries(void **state)
{
    (void)state;
    assert_converts(LYRNN_SCRIPT_TRADITIONAL, U"头发\n\n\x1F发展\n\x1F后\n\n\n\x1Fa",
                    U"頭髮\n\n\x1F發展\n\x1F後\n\n\n\x1Fa", 4);
}

/* 头 at the end of a song and 发 at the start of the next are no phrase. */
static void no_phrase_crosses_a_boundary(void **state)
{
    (void)state;
    assert_converts(LYRNN_SCRIPT_TRADITIONAL, U"头\x1F发\n", U"頭\x1F發\n", 2);
    assert_converts(LYRNN_SCRIPT_TRADITIONAL, U"头\n发\n", U"頭\n發\n", 2);
}

static void other_characters_stay(void **state)
{
    (void)state;
    const char32_t *text =
        U" a\tZ\r\nπ　《》…\U0001F3B5\U0010FFFF\u0301\uE000\uFFFD\u3042\uD55C\n\n";
    assert_converts(LYRNN_SCRIPT_SIMPLIFIED, text, text, 0);
    assert_converts(LYRNN_SCRIPT_TRADITIONAL, text, text, 0);
}

/* Longer than a piece: of lines, and one line with and without a place to cut. */
static void a_long_text_is_converted_as_a_short_one(void **state)
{
    (void)state;
    enum { NUM = 30000 };
    static char32_t from[3 * NUM + 1], to[3 * NUM + 1];
    static const char32_t *const ends[] = {U"\n", U" ", U"的"};
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        for (size_t i = 0; i < NUM; i++) {
            const char32_t before[] = {U'头', U'发', ends[k][0]};
            const char32_t after[] = {U'頭', U'髮', ends[k][0]};
            memcpy(from + 3 * i, before, sizeof before);
            memcpy(to + 3 * i, after, sizeof after);
        }
        if (k < 2)
            assert_converts(LYRNN_SCRIPT_TRADITIONAL, from, to, (size_t)2 * NUM);
        lyrnn_corpus corpus = corpus_of(from);
        size_t num;
        assert_int_equal(corpus_convert_script(&corpus, LYRNN_SCRIPT_TRADITIONAL, &num), LYRNN_OK);
        assert_int_equal(corpus.N, 3 * NUM);
        assert_int_equal(num, 2 * NUM);
        lyrnn_corpus_free(&corpus);
    }
}

static void missing_data_are_an_error(void **state)
{
    (void)state;
    assert_refuses(LYRNN_SCRIPT_SIMPLIFIED, "/nonexistent",
                   "--script simplified: OpenCC cannot read its data (/nonexistent/t2s.json not "
                   "found or not accessible.); install libopencc-data");
}

/* OpenCC's own phrases keep their length today. These do not. */
static void songs_may_get_longer_and_shorter(void **state)
{
    (void)state;
    static const char config[] =
        "{\"segmentation\": {\"type\": \"mmseg\", \"dict\": {\"type\": \"text\", \"file\": "
        "\"d.txt\"}},"
        " \"conversion_chain\": [{\"dict\": {\"type\": \"text\", \"file\": \"d.txt\"}}]}";
    static const char words[] = "一\t一二三\n五六七\t五\n";
    assert_true(write_file("t2s.json", config, sizeof config - 1));
    assert_true(write_file("d.txt", words, sizeof words - 1));
    lyrnn_corpus corpus = corpus_of(U"a一\n\x1F五六七\n\n\x1Fb\n"),
                 expected = corpus_of(U"a一二三\n\x1F五\n\n\x1Fb\n");
    size_t num;
    assert_int_equal(corpus_convert_script_by(".", &corpus, LYRNN_SCRIPT_SIMPLIFIED, &num),
                     LYRNN_OK);
    assert_same(&corpus, &expected);
    assert_int_equal(num, 2 + 2);
    lyrnn_corpus_free(&corpus);
    lyrnn_corpus_free(&expected);
}

/* OpenCC itself would take this file. */
static void the_working_directory_has_no_say(void **state)
{
    (void)state;
    assert_true(write_file("t2s.json", "{", 1));
    assert_converts(LYRNN_SCRIPT_SIMPLIFIED, U"頭髮\n", U"头发\n", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_is_kept_needs_nothing),
        cmocka_unit_test_setup_teardown(songs_may_get_longer_and_shorter, temp_dir_enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(the_working_directory_has_no_say, temp_dir_enter,
                                        temp_dir_leave),
        cmocka_unit_test(phrases_decide),
        cmocka_unit_test(songs_keep_their_boundaries),
        cmocka_unit_test(no_phrase_crosses_a_boundary),
        cmocka_unit_test(other_characters_stay),
        cmocka_unit_test(a_long_text_is_converted_as_a_short_one),
        cmocka_unit_test(missing_data_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
