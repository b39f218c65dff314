/* The error text: the last error, on one line. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "lyrnn/status.h"

static void a_failure_is_its_status_and_its_text(void **state)
{
    (void)state;
    assert_int_equal(lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open: %d", "a", 2), LYRNN_ERR_IO);
    assert_string_equal(lyrnn_error_text(), "a: cannot open: 2");
}

static void a_caller_can_add_to_the_text(void **state)
{
    (void)state;
    lyrnn_fail(LYRNN_ERR_IO, "cannot open");
    lyrnn_fail(LYRNN_ERR_IO, "a: %s", lyrnn_error_text());
    assert_string_equal(lyrnn_error_text(), "a: cannot open");
}

static void the_text_is_one_plain_line(void **state)
{
    (void)state;
    lyrnn_fail(LYRNN_ERR_IO, "%s: cannot open", "a\nb\x1b[1m\x7f分\xc2\x9b\xe2\x80\xae\xff");
    assert_string_equal(lyrnn_error_text(), "a?b?[1m?分???: cannot open");
}

static void two_paths_of_any_length_are_printed_whole(void **state)
{
    (void)state;
    char path[PATH_MAX], expected[2 * PATH_MAX + 100];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    lyrnn_fail(LYRNN_ERR_IO, "%s: is empty; give --out %s --overwrite", path, path);
    snprintf(expected, sizeof expected, "%s: is empty; give --out %s --overwrite", path, path);
    assert_string_equal(lyrnn_error_text(), expected);
}

/* The text has UTF-8 characters of every length, so that cuts happen at every place within one. */
static void the_middle_of_a_longer_text_is_cut(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "é", "分", "😀"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            size_t length = strlen(characters[i]);
            char name[50000] = "abc";
            for (size_t at = shift; at + length < sizeof name; at += length)
                memcpy(name + at, characters[i], length);
            lyrnn_fail(LYRNN_ERR_IO, "%s: cannot be opened; look", name);
            const char *text = lyrnn_error_text(), *dots = strstr(text, "...");
            assert_non_null(dots);
            assert_memory_equal(text, name, (size_t)(dots - text));
            assert_int_equal((size_t)(dots - text - (long)shift) % length, 0);
            const char *end = strstr(dots, ": cannot be opened; look");
            assert_non_null(end);
            assert_int_equal(strlen(end), strlen(": cannot be opened; look"));
            assert_int_equal((size_t)(end - dots - 3) % length, 0);
            assert_true(end - dots > 100);
        }
    }
}

static void a_lack_of_memory_names_object_bytes_and_remedy(void **state)
{
    (void)state;
    assert_int_equal(lyrnn_out_of_memory("corpus", 12, "give less text"), LYRNN_ERR_MEMORY);
    assert_string_equal(lyrnn_error_text(),
                        "corpus: out of memory, 12 bytes requested; give less text");
    assert_int_equal(lyrnn_out_of_memory("config.json", 0, "close other programs"),
                     LYRNN_ERR_MEMORY);
    assert_string_equal(lyrnn_error_text(), "config.json: out of memory; close other programs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_its_status_and_its_text),
        cmocka_unit_test(a_caller_can_add_to_the_text),
        cmocka_unit_test(the_text_is_one_plain_line),
        cmocka_unit_test(two_paths_of_any_length_are_printed_whole),
        cmocka_unit_test(the_middle_of_a_longer_text_is_cut),
        cmocka_unit_test(a_lack_of_memory_names_object_bytes_and_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
