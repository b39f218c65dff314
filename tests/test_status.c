/* The error text: what was said last, on one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

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
    lyrnn_fail(LYRNN_ERR_IO, "a\nb\x1b[1m\x7f分: cannot open");
    assert_string_equal(lyrnn_error_text(), "a?b?[1m?分: cannot open");
}

static void a_long_text_is_cut(void **state)
{
    (void)state;
    char name[5000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    lyrnn_fail(LYRNN_ERR_IO, "%s", name);
    assert_in_range(strlen(lyrnn_error_text()), 500, sizeof name - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_its_status_and_its_text),
        cmocka_unit_test(a_caller_can_add_to_the_text),
        cmocka_unit_test(the_text_is_one_plain_line),
        cmocka_unit_test(a_long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
