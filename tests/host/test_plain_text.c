/* Text for a terminal: which characters are replaced, and what printing lines keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain_text.h"
#include "lyrnn/vocab.h"

/* The characters that must not reach a terminal, as ranges. */
static const uint32_t forbidden[][2] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C},
                                        {0x200E, 0x200F}, {0x202A, 0x202E}, {0x2066, 0x2069}};

static bool is_forbidden(uint32_t c)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (c >= forbidden[i][0] && c <= forbidden[i][1])
            return true;
    return false;
}

static void controls_of_every_kind_become_question_marks(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char text[LYRNN_UTF8_MAX + 2] = "a", kept[LYRNN_UTF8_MAX];
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        size_t num_bytes = lyrnn_utf8_encode(c, kept);
        memcpy(text + 1, kept, num_bytes);
        text[1 + num_bytes] = 'b';
        size_t length = lyrnn_make_plain(text, num_bytes + 2);
        assert_int_equal(lyrnn_is_plain(c), !is_forbidden(c));
        assert_int_equal(length, is_forbidden(c) ? 3 : num_bytes + 2);
        assert_memory_equal(text + 1, is_forbidden(c) ? "?" : kept, length - 2);
        assert_int_equal(text[length - 1], 'b');
    }
}

/* A lone continuation, an overlong form of ESC, a surrogate, a number that is too large, and a
 * character that the end cuts. */
static void bytes_that_are_not_utf8_become_question_marks(void **state)
{
    (void)state;
    static const char *const texts[][2] = {{"a\x9b[2J", "a?[2J"},
                                           {"\xc0\x9b", "??"},
                                           {"\xed\xa0\x80", "???"},
                                           {"\xf4\x90\x80\x80", "????"},
                                           {"\xe5\x88\x86\xe5\x88", "\xe5\x88\x86??"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[16];
        strcpy(text, texts[i][0]);
        text[lyrnn_make_plain(text, strlen(text))] = '\0';
        assert_string_equal(text, texts[i][1]);
    }
}

static void only_the_newlines_of_the_format_end_a_line(void **state)
{
    (void)state;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    lyrnn_print_plain(stream, "%s: %d\n", "a\nb\t\x1b[31m\xe2\x80\xae", 7);
    lyrnn_print_plain(stream, "%s", "c\n");
    lyrnn_print_plain(stream, "\n\n");
    fclose(stream);
    assert_string_equal(text, "a?b??[31m?: 7\nc?\n\n");
    free(text);
}

static void a_character_is_replaced_only_if_it_must_be_plain(void **state)
{
    (void)state;
    static const uint32_t chars[] = {0x1B, 0x9B, 0x202E, '\n', '\t', 0x5206};
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    for (int is_plain = 0; is_plain < 2; is_plain++)
        for (size_t i = 0; i < sizeof chars / sizeof *chars; i++)
            lyrnn_print_char(stream, chars[i], is_plain == 1);
    fclose(stream);
    assert_string_equal(text, "\x1b\xc2\x9b\xe2\x80\xae\n\t分"
                              "???\n\t分");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_of_every_kind_become_question_marks),
        cmocka_unit_test(bytes_that_are_not_utf8_become_question_marks),
        cmocka_unit_test(only_the_newlines_of_the_format_end_a_line),
        cmocka_unit_test(a_character_is_replaced_only_if_it_must_be_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
