/* Full-width letters, digits and spaces become ASCII; nothing else changes. */
#include "corpus/width.h"

#include <string.h>
#include <uchar.h>

#include "compare.h"

static void assert_becomes(const char32_t *given, const char32_t *expected, size_t num_changed)
{
    uint32_t chars[100];
    size_t N = 0;
    for (; given[N] != 0; N++)
        chars[N] = given[N];
    assert_int_equal(text_to_half_width(chars, N), num_changed);
    assert_memory_equal(chars, expected, N * sizeof *chars);
}

static void letters_digits_and_spaces_become_ascii(void **state)
{
    (void)state;
    assert_becomes(U"ＡＺａｚ０９　", U"AZaz09 ", 7);
    assert_becomes(U"Ｒ＆Ｂ　２０２４", U"R＆B 2024", 7);
}

static void all_other_characters_stay(void **state)
{
    (void)state;
    assert_becomes(U"，。！？：；（）［］｛｝＠＃～", U"，。！？：；（）［］｛｝＠＃～", 0);
    assert_becomes(U"ｱ①℃分 aA1￥・\n", U"ｱ①℃分 aA1￥・\n", 0);
    /* The neighbors of the ranges. */
    assert_becomes(U"\uFF0F\uFF1A\uFF20\uFF3B\uFF40\uFF5B\u2FFF\u3001",
                   U"\uFF0F\uFF1A\uFF20\uFF3B\uFF40\uFF5B\u2FFF\u3001", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_digits_and_spaces_become_ascii),
        cmocka_unit_test(all_other_characters_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
