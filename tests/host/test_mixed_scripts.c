/* When a text is said to mix traditional and simplified Chinese. */
#include "corpus/mixed_scripts.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "compare.h"
#include "corpus/unihan.h"

static script_counts count(const char32_t *text)
{
    size_t N = 0;
    while (text[N] != 0)
        N++;
    return text_count_scripts((const uint32_t *)text, N);
}

static int skip_without_unihan(void **state)
{
    (void)state;
    if (lyrnn_unihan_num_scripts == 0)
        skip();
    return 0;
}

static void characters_that_only_one_script_has_are_counted(void **state)
{
    (void)state;
    script_counts counts = count(U"說話吧愛 abc\n说话的人\n");
    assert_int_equal(counts.num_traditional, 3);
    assert_int_equal(counts.num_simplified, 2);
    counts = count(U"皇后分开乾坤不分開");
    assert_int_equal(counts.num_traditional, 1);
    assert_int_equal(counts.num_simplified, 0);
}

static void lines_in_japanese_are_left_out(void **state)
{
    (void)state;
    script_counts counts = count(U"国会で話す時間\n說\n");
    assert_int_equal(counts.num_traditional, 1);
    assert_int_equal(counts.num_simplified, 0);
}

static char *line_of(size_t num_traditional, size_t num_simplified)
{
    const script_counts counts = {num_traditional, num_simplified};
    char *line = NULL;
    size_t size;
    FILE *log = open_memstream(&line, &size);
    assert_non_null(log);
    mixed_scripts_log(&counts, log);
    fclose(log);
    return line;
}

static void only_a_mixed_text_gets_a_line(void **state)
{
    (void)state;
    static const size_t silent[][2] = {{0, 0}, {1000, 0}, {0, 1000}, {49, 951}, {951, 49}, {2, 2}};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        char *line = line_of(silent[i][0], silent[i][1]);
        assert_string_equal(line, "");
        free(line);
    }
    char *line = line_of(310, 690);
    assert_string_equal(
        line, "script: 31 % of characters that differ between scripts are traditional, the "
              "others simplified; --script simplified or --script traditional makes "
              "them one\n");
    free(line);
    line = line_of(50, 950);
    assert_non_null(strstr(line, " 5 % of"));
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(characters_that_only_one_script_has_are_counted,
                               skip_without_unihan),
        cmocka_unit_test_setup(lines_in_japanese_are_left_out, skip_without_unihan),
        cmocka_unit_test(only_a_mixed_text_gets_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
