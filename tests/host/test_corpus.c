/* From text to code points: newline forms, byte order marks, and every way in which bytes can be
 * invalid UTF-8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "corpus_check.h"

/* Appends from a copy without a spare byte, so that a sanitizer sees a read past its end. */
static lyrnn_status append(lyrnn_corpus *corpus, const char *bytes, size_t num_bytes,
                           lyrnn_newlines newlines)
{
    char *copy = malloc(num_bytes > 0 ? num_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, num_bytes);
    lyrnn_status status = lyrnn_corpus_append_text(corpus, "lyrics.txt", copy, num_bytes,
                                                   &(lyrnn_corpus_rules){.newlines = newlines});
    free(copy);
    return status;
}

static void assert_decodes(const char *bytes, size_t num_bytes, lyrnn_newlines newlines,
                           const char32_t *chars, size_t N)
{
    lyrnn_corpus corpus = {0};
    assert_int_equal(append(&corpus, bytes, num_bytes, newlines), LYRNN_OK);
    assert_chars(&corpus, chars, N);
    lyrnn_corpus_free(&corpus);
}

static void assert_keeps(const char *bytes, size_t num_bytes, const char32_t *chars, size_t N)
{
    assert_decodes(bytes, num_bytes, LYRNN_NEWLINES_KEEP, chars, N);
}

static void assert_rejected(const char *bytes, size_t num_bytes, const char *error_text)
{
    lyrnn_corpus corpus = {0};
    assert_int_equal(append(&corpus, bytes, num_bytes, LYRNN_NEWLINES_KEEP), LYRNN_ERR_CORPUS);
    assert_string_equal(lyrnn_error_text(), error_text);
    assert_int_equal(corpus.N, 0);
    lyrnn_corpus_free(&corpus);
}

static void utf8_of_each_length_decodes_to_code_points(void **state)
{
    (void)state;
    assert_keeps(BYTES("ab"), CHARS(U"ab"));
    assert_keeps(BYTES("é分😀"), CHARS(U"\u00E9\u5206\U0001F600"));
}

static void the_first_and_last_character_of_each_length_are_text(void **state)
{
    (void)state;
    static const char32_t limits[] = {0x01,   0x7F,   0x80,   0x7FF,   0x800,
                                      0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
    assert_keeps(BYTES("\x01\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
                       "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"),
                 limits, sizeof limits / sizeof *limits);
}

static void lf_is_a_newline(void **state)
{
    (void)state;
    assert_keeps(BYTES("a\nb\n\n"), CHARS(U"a\nb\n\n"));
}

static void crlf_is_one_newline(void **state)
{
    (void)state;
    assert_keeps(BYTES("a\r\nb\r\n\r\n"), CHARS(U"a\nb\n\n"));
}

static void lone_cr_is_one_newline(void **state)
{
    (void)state;
    assert_keeps(BYTES("a\rb\r\rc\r"), CHARS(U"a\nb\n\nc\n"));
}

static void mixed_newlines_each_count_once(void **state)
{
    (void)state;
    assert_keeps(BYTES("a\r\r\nb\n\rc\n\r\n"), CHARS(U"a\n\nb\n\nc\n\n"));
}

static void newlines_become_one_space_each_on_request(void **state)
{
    (void)state;
    assert_decodes(BYTES("a\nb\r\nc\rd\n\n"), LYRNN_NEWLINES_SPACE, CHARS(U"a b c d  "));
}

static void other_unicode_line_separators_stay_themselves(void **state)
{
    (void)state;
    assert_decodes(BYTES("a\xC2\x85\xE2\x80\xA8\t"), LYRNN_NEWLINES_SPACE, CHARS(U"a\x85\u2028\t"));
}

static const lyrnn_corpus_rules as_it_is = {.normalize = LYRNN_NORMALIZE_NONE};

/* The rules decide what the bytes become. */
static void assert_becomes(const char *utf8, const lyrnn_corpus_rules *rules, const char32_t *chars,
                           size_t N, size_t num_dropped)
{
    lyrnn_corpus corpus = {0};
    assert_int_equal(lyrnn_corpus_append_text(&corpus, "text", utf8, strlen(utf8), rules),
                     LYRNN_OK);
    assert_chars(&corpus, chars, N);
    assert_int_equal(corpus.counts.num_marks, num_dropped);
    lyrnn_corpus_free(&corpus);
}

static void byte_order_marks_inside_the_text_are_dropped_and_counted(void **state)
{
    (void)state;
    const lyrnn_corpus_rules nfc = {0};
    assert_becomes(BOM "a" BOM, &nfc, CHARS(U"a"), 1);
    assert_becomes(BOM BOM "a" BOM "b", &nfc, CHARS(U"ab"), 2);
    assert_becomes(BOM BOM "a" BOM, &as_it_is, CHARS(U"\uFEFFa\uFEFF"), 0);
    assert_keeps(BYTES(BOM), CHARS(U""));
}

static void texts_are_composed_unless_they_are_taken_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *utf8;
        const char32_t *composed;
    } cases[] = {
        {"e\u0301t\u00e9", U"\u00e9t\u00e9"},
        {"\u304b\u3099\u304c", U"\u304c\u304c"},
        {"\u1112\u1161\u11ab\u1100\u1161", U"\ud55c\uac00"}, /* Hangul */
        {"\u212b", U"\u00c5"},                               /* a singleton */
        {"\u0958", U"\u0915\u093c"},                         /* an exclusion: it gets longer */
        {"a\u0323\u0307b a\u0307\u0323", U"\u1ea1\u0307b \u1ea1\u0307"}, /* marks are sorted */
        {"a\u0315\u0300\u05ae\u0300b", U"\u00e0\u05ae\u0300\u0315b"},
        {"\n\u0301e\n\u0301", U"\n\u0301e\n\u0301"}, /* nothing composes with a newline */
        {"\u6708\u5149\uff0c\uff21", U"\u6708\u5149\uff0c\uff21"},
        {"\uf900", U"\u8c48"}, /* a compatibility ideograph of one code point */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t N = 0;
        while (cases[i].composed[N] != 0)
            N++;
        assert_becomes(cases[i].utf8, &(lyrnn_corpus_rules){0}, cases[i].composed, N, 0);
    }
    assert_becomes("e\u0301", &as_it_is, CHARS(U"e\u0301"), 0);
}

/* Sorting a million marks must not take quadratic time. */
static void a_base_with_a_million_marks_is_composed_soon(void **state)
{
    (void)state;
    enum { NUM = 1000000 };
    char *utf8 = malloc(2 * NUM + 2);
    assert_non_null(utf8);
    utf8[0] = 'a';
    for (size_t i = 0; i < NUM; i++)
        memcpy(utf8 + 1 + 2 * i, i % 2 == 0 ? "\u0307" : "\u0323", 2);
    utf8[2 * NUM + 1] = '\0';
    lyrnn_corpus corpus = {0};
    alarm(20);
    assert_int_equal(
        lyrnn_corpus_append_text(&corpus, "text", utf8, 2 * NUM + 1, &(lyrnn_corpus_rules){0}),
        LYRNN_OK);
    alarm(0);
    assert_int_equal(corpus.N, NUM);
    assert_int_equal(corpus.chars[0], 0x1EA1);
    assert_int_equal(corpus.chars[1], 0x0323);
    assert_int_equal(corpus.chars[NUM - 1], 0x0307);
    lyrnn_corpus_free(&corpus);
    free(utf8);
}

static void empty_text_appends_nothing(void **state)
{
    (void)state;
    assert_keeps(BYTES(""), CHARS(U""));
}

static void texts_append_one_after_the_other(void **state)
{
    (void)state;
    lyrnn_corpus corpus = {0};
    assert_int_equal(append(&corpus, BYTES("分"), LYRNN_NEWLINES_KEEP), LYRNN_OK);
    assert_int_equal(append(&corpus, BYTES(""), LYRNN_NEWLINES_KEEP), LYRNN_OK);
    assert_int_equal(append(&corpus, BYTES("开"), LYRNN_NEWLINES_KEEP), LYRNN_OK);
    assert_chars(&corpus, CHARS(U"分开"));
    lyrnn_corpus_free(&corpus);
}

static void failed_append_keeps_what_was_there(void **state)
{
    (void)state;
    lyrnn_corpus corpus = {0};
    assert_int_equal(append(&corpus, BYTES("ab"), LYRNN_NEWLINES_KEEP), LYRNN_OK);
    assert_int_equal(append(&corpus, BYTES("cd\xFF"), LYRNN_NEWLINES_KEEP), LYRNN_ERR_CORPUS);
    assert_chars(&corpus, CHARS(U"ab"));
    lyrnn_corpus_free(&corpus);
}

static void each_kind_of_invalid_utf8_is_rejected_with_its_byte_offset(void **state)
{
    (void)state;
    static const struct {
        const char *what, *bytes;
    } cases[] = {
        {"lone continuation byte", "\x80"},
        {"lone last continuation byte", "\xBF"},
        {"overlong /", "\xC0\xAF"},
        {"overlong NUL", "\xC0\x80"},
        {"overlong U+007F", "\xC1\xBF"},
        {"overlong in 3 bytes", "\xE0\x80\xAF"},
        {"overlong U+07FF", "\xE0\x9F\xBF"},
        {"overlong in 4 bytes", "\xF0\x80\x80\xAF"},
        {"overlong U+FFFF", "\xF0\x8F\xBF\xBF"},
        {"first surrogate", "\xED\xA0\x80"},
        {"last surrogate", "\xED\xBF\xBF"},
        {"surrogate pair (CESU-8)", "\xED\xA0\xBD\xED\xB8\x80"},
        {"U+110000", "\xF4\x90\x80\x80"},
        {"lead byte F5", "\xF5\x80\x80\x80"},
        {"5 bytes", "\xF8\x88\x80\x80\x80"},
        {"6 bytes", "\xFC\x84\x80\x80\x80\x80"},
        {"FE", "\xFE"},
        {"FF", "\xFF"},
        {"2 bytes cut short by the end", "\xC3"},
        {"3 bytes cut short by the end", "\xE5\x88"},
        {"4 bytes cut short by the end", "\xF0\x9F\x98"},
        {"2 bytes cut short by a letter", "\xC3"
                                          "a"},
        {"3 bytes cut short by a letter", "\xE5\x88"
                                          "a"},
        {"4 bytes cut short by a letter", "\xF0\x9F\x98"
                                          "a"},
        {"second byte cut short by another character", "\xE5\xE5\x88\x86"},
        {"GBK", "\xB7\xD6\xBF\xAA"},
        {"Latin-1", "\xE9 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "a\r\n分%s", cases[i].bytes);
        lyrnn_corpus corpus = {0};
        if (append(&corpus, text, (size_t)length, LYRNN_NEWLINES_KEEP) != LYRNN_ERR_CORPUS)
            fail_msg("accepted: %s", cases[i].what);
        if (!strstr(lyrnn_error_text(), "lyrics.txt: byte 6 is not UTF-8; "))
            fail_msg("%s: %s", cases[i].what, lyrnn_error_text());
        lyrnn_corpus_free(&corpus);
    }
}

static void invalid_utf8_is_rejected_with_its_byte_offset(void **state)
{
    (void)state;
    assert_rejected(BYTES("\xFF\xFE"
                          "a"),
                    "lyrics.txt: byte 0 is not UTF-8; give the text in UTF-8");
}

static void byte_offsets_count_the_byte_order_mark(void **state)
{
    (void)state;
    assert_rejected(BYTES(BOM "a\x80"), "lyrics.txt: byte 4 is not UTF-8; give the text in UTF-8");
}

static void nul_is_rejected_with_its_byte_offset(void **state)
{
    (void)state;
    assert_rejected(BYTES("分\0a"), "lyrics.txt: byte 3 is NUL; give a text");
}

static void text_larger_than_the_maximum_is_refused(void **state)
{
    (void)state;
    lyrnn_corpus corpus = {0};
    assert_int_equal(lyrnn_corpus_append_text(&corpus, "huge.txt", "a", SIZE_MAX / 4 + 1,
                                              &(lyrnn_corpus_rules){0}),
                     LYRNN_ERR_CORPUS);
    assert_string_equal(lyrnn_error_text(),
                        "huge.txt: with it the corpus may have more than 2147483647 characters, "
                        "the maximum; give less text");
    assert_empty(&corpus);

    assert_int_equal(append(&corpus, BYTES("a"), LYRNN_NEWLINES_KEEP), LYRNN_OK);
    assert_int_equal(lyrnn_corpus_append_text(&corpus, "huge.txt", "a", LYRNN_MAX_TEXT,
                                              &(lyrnn_corpus_rules){0}),
                     LYRNN_ERR_CORPUS);
    assert_chars(&corpus, CHARS(U"a"));
    lyrnn_corpus_free(&corpus);
}

static void free_takes_a_zeroed_corpus_and_leaves_one(void **state)
{
    (void)state;
    lyrnn_corpus corpus = {0};
    lyrnn_corpus_free(&corpus);
    assert_int_equal(append(&corpus, BYTES("ab"), LYRNN_NEWLINES_KEEP), LYRNN_OK);
    lyrnn_corpus_free(&corpus);
    assert_empty(&corpus);
    lyrnn_corpus_free(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_of_each_length_decodes_to_code_points),
        cmocka_unit_test(the_first_and_last_character_of_each_length_are_text),
        cmocka_unit_test(lf_is_a_newline),
        cmocka_unit_test(crlf_is_one_newline),
        cmocka_unit_test(lone_cr_is_one_newline),
        cmocka_unit_test(mixed_newlines_each_count_once),
        cmocka_unit_test(newlines_become_one_space_each_on_request),
        cmocka_unit_test(other_unicode_line_separators_stay_themselves),
        cmocka_unit_test(byte_order_marks_inside_the_text_are_dropped_and_counted),
        cmocka_unit_test(texts_are_composed_unless_they_are_taken_as_they_are),
        cmocka_unit_test(a_base_with_a_million_marks_is_composed_soon),
        cmocka_unit_test(empty_text_appends_nothing),
        cmocka_unit_test(texts_append_one_after_the_other),
        cmocka_unit_test(failed_append_keeps_what_was_there),
        cmocka_unit_test(each_kind_of_invalid_utf8_is_rejected_with_its_byte_offset),
        cmocka_unit_test(invalid_utf8_is_rejected_with_its_byte_offset),
        cmocka_unit_test(byte_offsets_count_the_byte_order_mark),
        cmocka_unit_test(nul_is_rejected_with_its_byte_offset),
        cmocka_unit_test(text_larger_than_the_maximum_is_refused),
        cmocka_unit_test(free_takes_a_zeroed_corpus_and_leaves_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
