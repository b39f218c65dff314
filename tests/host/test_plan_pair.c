/* The text of --plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tune/plan_pair.h"

static void test_plan_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *forward, *backward;
    } right[] = {
        {NULL, "", ""},
        {"forward=steps", "steps", ""},
        {"backward=steps", "", "steps"},
        {"forward=resident.c4.s1,backward=steps", "resident.c4.s1", "steps"},
        {"backward=steps,forward=grid.c2.s32", "grid.c2.s32", "steps"},
        {"forward=a234567890123456789012345678901", "a234567890123456789012345678901", ""},
    };
    static const char *const wrong[] = {
        "",
        "nonsense",
        "steps",
        "forward",
        "forward=",
        "=steps",
        ",",
        "forward=steps,",
        ",forward=steps",
        "forward=steps,forward=steps",
        "forward=steps,backward",
        "forward=steps;backward=steps",
        "Forward=steps",
        "forward=steps ",
        "forward=Steps",
        "forward=steps=steps",
        "forwards=steps",
        "forward=a2345678901234567890123456789012",
    };
    plan_pair pair;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_int_equal(plan_pair_parse(right[i].text, &pair), LYRNN_OK);
        assert_string_equal(pair.texts[PLAN_FORWARD], right[i].forward);
        assert_string_equal(pair.texts[PLAN_BACKWARD], right[i].backward);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (plan_pair_parse(wrong[i], &pair) != LYRNN_ERR_USAGE)
            fail_msg("%s is no plan", wrong[i]);
    plan_pair_text text;
    assert_int_equal(plan_pair_parse("backward=b,forward=a", &pair), LYRNN_OK);
    plan_pair_print(&pair, text);
    assert_string_equal(text, "forward=a,backward=b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
