/* Which plans a training takes by what the trials of a device say, and by what a user or a run
 * names. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan_check.h"
#include "temp_dir.h"

static lyrnn_status tune_given(const char *plan, bool is_of_run, lyrnn_tune_mode mode)
{
    tuning_request request = {.mode = mode, .is_of_run = is_of_run};
    assert_int_equal(plan_pair_parse(plan, &request.given), LYRNN_OK);
    return plan_check_tune_by(&request);
}

/* The plan that trials of two plans choose, where the model's choice takes 100 us each time. */
static const char *choose(double first_us, double second_us)
{
    const plan_script plans[] = {
        {.text = "resident.c4.s1", .us = {100, 100}},
        {.text = "steps", .us = {first_us, second_us}},
    };
    plan_check_device(plans, 2);
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_trials(2, 2);
    assert_string_equal(device.used[0], device.used[1]);
    return device.used[0];
}

static void test_noise_does_not_change_the_choice(void **state)
{
    (void)state;
    assert_string_equal(choose(96, 96), "resident.c4.s1");
    assert_string_equal(choose(90, 100), "resident.c4.s1");
    assert_string_equal(choose(100, 90), "resident.c4.s1");
    assert_string_equal(choose(50, 96), "resident.c4.s1");
    assert_string_equal(choose(90, 90), "steps");
    assert_string_equal(choose(95, 95), "steps");
    assert_string_equal(choose(150, 150), "resident.c4.s1");
}

/* The first of several plans that are equally fast counts. */
static void test_order_decides_ties(void **state)
{
    (void)state;
    const plan_script plans[] = {
        {.text = "a", .us = {10, 10}},
        {.text = "b", .us = {8, 8}},
        {.text = "c", .us = {7.8, 7.8}},
        {.text = "d", .us = {8, 8}},
    };
    plan_check_device(plans, 4);
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_used("b", "b");
}

/* A clock that stands still, or gives no number, says nothing. */
static void test_times_that_are_none(void **state)
{
    (void)state;
    assert_string_equal(choose(0, 0), "resident.c4.s1");
    assert_string_equal(choose(-1, -1), "resident.c4.s1");
    assert_string_equal(choose(NAN, NAN), "resident.c4.s1");
    const plan_script plans[] = {{.text = "grid.c1.s8", .us = {0, 0}},
                                 {.text = "steps", .us = {9, 9}}};
    plan_check_device(plans, 2);
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_used("grid.c1.s8", "grid.c1.s8");
    assert_null(strstr(training.log, "0 us"));
}

/* Drops the first plan and takes the next one, with a warning per direction that names it. */
static void check_dropped(double error, const char *fault, const char *reason)
{
    const plan_script plans[] = {
        {.text = "resident.c4.s1", .us = {1, 1}, .error = error, .fault = fault},
        {.text = "grid.c2.s32", .us = {9, 9}},
        {.text = "steps", .us = {8.8, 8.8}},
    };
    plan_check_device(plans, 3);
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_used("grid.c2.s32", "grid.c2.s32");
    assert_int_equal(count_in_log("warning: "), 2);
    assert_int_equal(count_in_log("warning: plan forward=resident.c4.s1 is not used: "), 1);
    assert_int_equal(count_in_log("warning: plan backward=resident.c4.s1 is not used: "), 1);
    assert_int_equal(count_in_log(reason), 2);
    /* The cache remembers that. */
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_trials(0, 0);
    assert_used("grid.c2.s32", "grid.c2.s32");
    assert_int_equal(count_in_log("warning: "), 0);
    assert_string_not_equal(training.result.sets[0].plans[0].fault, "");
}

static void test_wrong_plans_are_dropped(void **state)
{
    (void)state;
    check_dropped(0.37, NULL, "differ from those by steps by 0.37 of their size");
    check_dropped(NAN, NULL, "differ from those by steps by nan");
    check_dropped(INFINITY, NULL, "differ from those by steps by inf");
    check_dropped(0, "cannot launch: too many resources requested", "cannot launch: too many");
    check_dropped(NAN, "waits for more than 1 s", "waits for more than 1 s");
}

/* One trial is enough to drop a plan. */
static void test_fault_of_the_second_trial(void **state)
{
    (void)state;
    const plan_set one = {.num = 2, .plans = {{.text = "a", .us = 1}, {.text = "b", .us = 2}}};
    plan_set first = one, second = one;
    second.plans[0].error = 1;
    plan_set_judge(&first, LYRNN_FP32);
    plan_set_judge(&second, LYRNN_FP32);
    plan_set_choose(&first, &second);
    assert_int_equal(first.chosen, 1);
    assert_string_not_equal(first.plans[0].fault, "");
}

/* What rounding explains depends on the precision. */
static void test_errors_by_precision(void **state)
{
    (void)state;
    static const struct {
        lyrnn_precision precision;
        double right, wrong;
    } bounds[] = {{LYRNN_FP32, 5e-5, 1e-3}, {LYRNN_TF32, 5e-3, 3e-2}, {LYRNN_BF16, 3e-2, 0.1}};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        plan_script plans[] = {{.text = "grid.c2.s32", .us = {1, 1}},
                               {.text = "steps", .us = {9, 9}}};
        for (int is_wrong = 0; is_wrong < 2; is_wrong++) {
            plans[0].error = is_wrong ? bounds[i].wrong : bounds[i].right;
            plan_check_device(plans, 2);
            training.backend.precision = bounds[i].precision;
            plan_check_tune(LYRNN_TUNE_NOW);
            assert_string_equal(device.used[0], is_wrong ? "steps" : "grid.c2.s32");
        }
    }
}

static void test_no_plan_works(void **state)
{
    (void)state;
    const plan_script plans[] = {{.text = "resident.c4.s1", .fault = "cannot launch"},
                                 {.text = "steps", .fault = "cannot launch, too"}};
    const tuning_request request = {.mode = LYRNN_TUNE_CACHE};
    for (int i = 0; i < 2; i++) {
        plan_check_device(plans, 2);
        assert_int_equal(plan_check_tune_by(&request), LYRNN_ERR_UNSUPPORTED);
        assert_non_null(strstr(lyrnn_error_text(), "forward=resident.c4.s1: cannot launch"));
        /* The next start tries again: the cause may be gone. */
        assert_trials(2, 2);
    }
}

static void test_time_limit(void **state)
{
    (void)state;
    const plan_script plans[] = {{.text = "resident.c4.s1", .us = {9, 9}, .error = 1},
                                 {.text = "grid.c2.s32", .us = {9, 9}},
                                 {.text = "steps", .us = {1, 1}}};
    const tuning_request request = {.mode = LYRNN_TUNE_CACHE, .max_seconds = 0.25};
    plan_check_device(plans, 3);
    device.seconds = 0.1;
    assert_int_equal(plan_check_tune_by(&request), LYRNN_OK);
    /* There is no time for the second trials. A single one drops, but does not choose. */
    assert_trials(1, 1);
    assert_used("grid.c2.s32", "grid.c2.s32");
    assert_int_equal(count_in_log("by estimate"), 2);
    assert_true(training.result.seconds > 0.2);
    assert_false(exists("lyrnn/plans.json"));
}

static void test_no_memory_for_trials(void **state)
{
    (void)state;
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    device.status = LYRNN_ERR_MEMORY;
    plan_check_tune(LYRNN_TUNE_CACHE);
    assert_used("resident.c4.s1", "resident.c4.s1");
    assert_int_equal(count_in_log("notice: plans are not measured: device memory: 9 bytes"), 1);
    assert_int_equal(count_in_log("by estimate"), 2);
    assert_false(exists("lyrnn/plans.json"));
    assert_int_equal(tune_given("forward=steps", true, LYRNN_TUNE_CACHE), LYRNN_OK);
    assert_string_equal(device.used[0], "steps");
}

/* What a plan does once per sequence counts as often as it will in training, not as in a probe. */
static void test_work_for_the_whole_sequence(void **state)
{
    (void)state;
    const plan_script plans[] = {
        {.text = "resident.c4.s1", .us = {10, 10}},
        /* In a probe of 32 steps 10.25 us per step, in the sequence of 40 steps 9 us. */
        {.text = "grid.c2.s32", .us = {4, 4}, .load_us = 200},
        {.text = "steps", .us = {12, 12}},
    };
    plan_check_device(plans, 3);
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_trials(2, 2);
    assert_used("grid.c2.s32", "grid.c2.s32");
    assert_true(fabs(training.result.sets[0].plans[1].us - (4.0 + 200.0 / SEQUENCE_STEPS)) < 1e-6);
}

/* The precision of the user's choice is no fault, unless it computes no numbers. */
static void test_the_reference_rounds(void **state)
{
    (void)state;
    plan_script plans[] = {{.text = "grid.c2.s32", .us = {9, 9}, .error = 0.9},
                           {.text = "steps", .us = {9, 9}, .error = 0.9}};
    plan_check_device(plans, 2);
    training.backend.precision = LYRNN_BF16;
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_used("steps", "steps");
    assert_int_equal(count_in_log("warning: "), 2);
    const tuning_request request = {.mode = LYRNN_TUNE_NOW};
    plans[1].error = NAN;
    assert_int_equal(plan_check_tune_by(&request), LYRNN_ERR_UNSUPPORTED);
    plans[1].error = INFINITY;
    assert_int_equal(plan_check_tune_by(&request), LYRNN_ERR_UNSUPPORTED);
}

static void test_fault_of_the_shorter_probe(void **state)
{
    (void)state;
    const plan_script plans[] = {{.text = "grid.c2.s32", .us = {1, 1}, .half_fault = "hangs"},
                                 {.text = "steps", .us = {9, 9}}};
    plan_check_device(plans, 2);
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_used("steps", "steps");
    assert_int_equal(count_in_log(" is not used: hangs"), 2);
}

static void test_off_measures_nothing(void **state)
{
    (void)state;
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    plan_check_tune(LYRNN_TUNE_OFF);
    assert_trials(0, 0);
    assert_used("resident.c4.s1", "resident.c4.s1");
    assert_string_equal(training.log, "plan: forward=resident.c4.s1 (1 expected, by estimate), "
                                      "backward=resident.c4.s1 (1 expected, by estimate)\n");
    assert_false(exists("lyrnn"));
}

static void test_device_without_plans(void **state)
{
    (void)state;
    plan_check_device(ordinary_plans, 0);
    plan_check_tune(LYRNN_TUNE_NOW);
    assert_string_equal(training.log, "");
    assert_int_equal(tune_given("forward=steps,backward=steps", true, LYRNN_TUNE_CACHE), LYRNN_OK);
    assert_int_equal(
        count_in_log("warning: the run's plan forward=steps,backward=steps: does not fit"), 1);
    assert_int_equal(count_in_log("warning: "), 1);
}

static void test_given_plans(void **state)
{
    (void)state;
    plan_check_device(ordinary_plans, NUM_ORDINARY);
    assert_int_equal(tune_given("backward=steps", false, LYRNN_TUNE_CACHE), LYRNN_OK);
    assert_used("resident.c4.s1", "steps");
    assert_trials(2, 1);
    assert_int_equal(device.num_tried, 7);
    assert_int_equal(count_in_log("given by --plan"), 1);
    /* The cache knows that the forward plan is right. */
    assert_int_equal(tune_given("forward=steps,backward=grid.c2.s32", false, LYRNN_TUNE_CACHE),
                     LYRNN_OK);
    assert_used("steps", "grid.c2.s32");
    assert_trials(0, 1);
    assert_int_equal(tune_given("forward=block.s1", false, LYRNN_TUNE_CACHE), LYRNN_OK);
    assert_used("block.s1", "resident.c4.s1");
    assert_trials(1, 2);
    assert_int_equal(tune_given("forward=steps", false, LYRNN_TUNE_OFF), LYRNN_OK);
    assert_used("steps", "resident.c4.s1");
    assert_trials(0, 0);
    assert_int_equal(tune_given("forward=grid.c9.s9", false, LYRNN_TUNE_CACHE), LYRNN_ERR_USAGE);
    assert_string_equal(lyrnn_error_text(),
                        "--plan forward=grid.c9.s9: does not fit this device and model; choose one "
                        "of resident.c4.s1, grid.c2.s32, steps");
    assert_int_equal(tune_given("backward=grid.c9.s9", false, LYRNN_TUNE_OFF), LYRNN_ERR_USAGE);
}

static void test_given_plan_with_a_fault(void **state)
{
    (void)state;
    plan_script plans[] = {ordinary_plans[0], ordinary_plans[1], ordinary_plans[2]};
    plans[1].error = 0.5;
    for (int is_known = 0; is_known < 2; is_known++) {
        plan_check_device(plans, 3);
        if (is_known)
            plan_check_tune(LYRNN_TUNE_CACHE);
        assert_int_equal(tune_given("forward=grid.c2.s32", false, LYRNN_TUNE_CACHE),
                         LYRNN_ERR_UNSUPPORTED);
        assert_non_null(strstr(lyrnn_error_text(), "--plan forward=grid.c2.s32: its results"));
        assert_trials(is_known ? 0 : 1, 0);
    }
    assert_int_equal(tune_given("forward=grid.c2.s32", false, LYRNN_TUNE_OFF), LYRNN_OK);
    assert_used("grid.c2.s32", "resident.c4.s1");
}

static void test_plans_of_a_run(void **state)
{
    (void)state;
    plan_script plans[] = {ordinary_plans[0], ordinary_plans[1], ordinary_plans[2]};
    plans[1].error = 0.5;
    plan_check_device(plans, 3);
    assert_int_equal(tune_given("forward=steps,backward=steps", true, LYRNN_TUNE_CACHE), LYRNN_OK);
    assert_used("steps", "steps");
    assert_int_equal(count_in_log("as the run began"), 2);
    assert_int_equal(count_in_log("warning: "), 0);
    /* One that does not fit, and one that computes wrong sums here. */
    assert_int_equal(tune_given("forward=grid.c9.s9,backward=grid.c2.s32", true, LYRNN_TUNE_CACHE),
                     LYRNN_OK);
    assert_used("resident.c4.s1", "resident.c4.s1");
    assert_int_equal(count_in_log("warning: the run's plan forward=grid.c9.s9: does not fit"), 1);
    assert_int_equal(count_in_log("warning: the run's plan backward=grid.c2.s32: its results"), 1);
    assert_int_equal(count_in_log("sums round differently from here on"), 2);
    assert_int_equal(count_in_log("measured in "), 2);
}

/* What rank 0 has sent to the other ranks. */
static struct {
    lyrnn_status status;
    plan_pair plans;
} sent;

static lyrnn_status broadcast(lyrnn_comm *self, void *bytes, size_t num_bytes)
{
    assert_int_equal(num_bytes, sizeof sent);
    if (self->rank == 0)
        memcpy(&sent, bytes, sizeof sent);
    else
        memcpy(bytes, &sent, sizeof sent);
    return LYRNN_OK;
}

static lyrnn_status tune_rank_given(int rank, const char *plan, bool is_of_run,
                                    lyrnn_tune_mode mode)
{
    lyrnn_comm comm = {.rank = rank, .size = 2, .broadcast = broadcast};
    training.backend.comm = &comm;
    lyrnn_status status = tune_given(plan, is_of_run, mode);
    training.backend.comm = NULL;
    return status;
}

/* Tunes as one of two ranks whose run began with the plan "steps". */
static lyrnn_status tune_rank(int rank, lyrnn_tune_mode mode)
{
    return tune_rank_given(rank, "backward=steps", true, mode);
}

static void test_ranks_take_the_plans_of_rank_0(void **state)
{
    (void)state;
    const plan_script fast_grid[] = {{.text = "resident.c4.s1", .us = {9, 9}},
                                     {.text = "grid.c2.s32", .us = {1, 1}},
                                     {.text = "steps", .us = {9, 9}}};
    plan_script slow_grid[] = {fast_grid[0], {.text = "grid.c2.s32", .us = {99, 99}}, fast_grid[2]};
    plan_check_device(fast_grid, 3);
    assert_int_equal(tune_rank(0, LYRNN_TUNE_NOW), LYRNN_OK);
    assert_used("grid.c2.s32", "steps");
    /* Another rank does not measure, but makes sure that the plans compute what they should. */
    plan_check_device(slow_grid, 3);
    assert_int_equal(tune_rank(1, LYRNN_TUNE_NOW), LYRNN_OK);
    assert_used("grid.c2.s32", "steps");
    assert_trials(1, 1);
    assert_int_equal(tune_rank(1, LYRNN_TUNE_OFF), LYRNN_OK);
    assert_trials(0, 0);
    slow_grid[1].error = 0.5;
    assert_int_equal(tune_rank(1, LYRNN_TUNE_NOW), LYRNN_ERR_UNSUPPORTED);
    assert_non_null(strstr(lyrnn_error_text(), "--plan forward=grid.c2.s32: its results"));
    plan_check_device(fast_grid, 1);
    assert_int_equal(tune_rank(1, LYRNN_TUNE_NOW), LYRNN_ERR_USAGE);
    assert_non_null(strstr(lyrnn_error_text(), "--plan forward=grid.c2.s32: does not fit"));
    /* Without plans the ranks exchange none. */
    plan_check_device(NULL, 0);
    assert_int_equal(tune_rank(0, LYRNN_TUNE_NOW), LYRNN_OK);
    assert_string_equal(sent.plans.texts[PLAN_FORWARD], "");
    assert_int_equal(tune_rank(1, LYRNN_TUNE_NOW), LYRNN_OK);
}

/* The others must not wait for plans that rank 0 does not have. */
static void test_ranks_fail_with_rank_0(void **state)
{
    (void)state;
    const plan_script plans[] = {{.text = "resident.c4.s1", .us = {9, 9}},
                                 {.text = "steps", .us = {9, 9}}};
    plan_check_device(plans, 2);
    assert_int_equal(tune_rank_given(0, "forward=grid.c2.s32", false, LYRNN_TUNE_OFF),
                     LYRNN_ERR_USAGE);
    assert_non_null(strstr(lyrnn_error_text(), "--plan forward=grid.c2.s32: does not fit"));
    assert_int_equal(tune_rank_given(1, "forward=steps", false, LYRNN_TUNE_OFF), LYRNN_ERR_USAGE);
    assert_non_null(strstr(lyrnn_error_text(), "rank 0 has none"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plan_check_open, plan_check_close)
    const struct CMUnitTest tests[] = {
        TEST(test_noise_does_not_change_the_choice),
        TEST(test_order_decides_ties),
        TEST(test_times_that_are_none),
        TEST(test_wrong_plans_are_dropped),
        cmocka_unit_test(test_fault_of_the_second_trial),
        TEST(test_errors_by_precision),
        TEST(test_no_plan_works),
        TEST(test_time_limit),
        TEST(test_no_memory_for_trials),
        TEST(test_work_for_the_whole_sequence),
        TEST(test_the_reference_rounds),
        TEST(test_fault_of_the_shorter_probe),
        TEST(test_off_measures_nothing),
        TEST(test_device_without_plans),
        TEST(test_given_plans),
        TEST(test_given_plan_with_a_fault),
        TEST(test_plans_of_a_run),
        TEST(test_ranks_take_the_plans_of_rank_0),
        TEST(test_ranks_fail_with_rank_0),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
