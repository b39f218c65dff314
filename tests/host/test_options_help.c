/* --help: the options are in the order of their table, and no line is wider than a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options/options.h"

/* Neither the headings nor the names are in alphabetical order. */
static const option_spec specs[] = {
    {OPTION_HEADING, .help = "Second letter:"},
    {OPTION_INT, "zeal", "N", "how eager", 0, .fallback = "256", .min = "1", .max = "65536"},
    {OPTION_FLAG, "aloud", NULL,
     "a line of help that is far too long for what is left of the terminal's width", .offset = 0},
    {OPTION_HEADING, .help = "First letter:"},
    {OPTION_CHOICE, "mood", "sad|merry|indifferent",
     "three 月月光月光月光月光月光月光月光月光 words", 0, .fallback = "sad"},
    {OPTION_TEXT, "beginning-of-them", "X", "the longest name that has help on its line",
     .offset = 0},
    {OPTION_TEXT, "beginning-of-these", "X", "one character longer", .offset = 0},
};

static const option_table table = {
    .name = "lyrnn sing",
    .arguments = "SONG",
    .doc = "Sings a song, in a sentence that needs more columns than the eighty of a terminal.",
    .examples = "lyrnn sing --aloud one\nlyrnn sing two",
    .specs = specs,
    .num_specs = sizeof specs / sizeof specs[0],
};

static const char expected[] =
    "Usage: lyrnn sing [OPTION...] SONG\n"
    "Sings a song, in a sentence that needs more columns than the eighty of a\n"
    "terminal.\n"
    "\n"
    " Second letter:\n"
    "      --zeal=N               how eager [256]\n"
    "      --aloud                a line of help that is far too long for what is\n"
    "                             left of the terminal's width\n"
    "\n"
    " First letter:\n"
    "      --mood=sad|merry|indifferent\n"
    "                             three 月月光月光月光月光月光月光月光月光 words\n"
    "                             [sad]\n"
    "      --beginning-of-them=X  the longest name that has help on its line\n"
    "      --beginning-of-these=X\n"
    "                             one character longer\n"
    "\n"
    "  -h, --help                 print this list\n"
    "\n"
    "Examples:\n"
    "  lyrnn sing --aloud one\n"
    "  lyrnn sing two\n";

static void help_keeps_the_order_of_the_table(void **state)
{
    (void)state;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    options_print_help(&table, stream);
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_keeps_the_order_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
