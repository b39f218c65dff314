/* Clipping by the global norm, Adam, AdamW and the moving average: a backend compared with the
 * oracle over several steps, with the norm below, above and at the edges of the threshold.
 * LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "op_check.h"
#include "oracle.h"

/* For updates of float parameters that start at zero, so that their size does not hide the update's
 * error. */
static const double tolerance = 1e-5;

enum { NO_CLIPPING = 0 };

/* What only some trainings set. */
typedef struct {
    double beta1, beta2;
    float weight_decay;
    double average_decay;
    bool decays_all; /* otherwise every other group decays */
} adam_options;

static const adam_options simple = {.beta1 = 0.9, .beta2 = 0.999};

typedef struct {
    int count;
    adam_options options;
    uint8_t *decays; /* device; NULL: nothing decays */
    float *average;  /* device; NULL: there is none */
    unsigned char *expected_decays;
    double *expected_average;
    float *params, *m, *v; /* device arrays */
    lyrnn_counters *counters;
    double *expected_params, *expected_m, *expected_v;
} adam_run;

static adam_run adam_begin(op_check *check, int count, int64_t step)
{
    const float *zeros = op_check_floats(check, count);
    const lyrnn_counters before = {
        .batch = 3, .step = step, .bad_step = 2, .loss_count = 11, .loss_sum = 2.5};
    return (adam_run){
        .count = count,
        .options = simple,
        .params = op_check_in_out_floats(check, zeros, count),
        .m = op_check_in_out_floats(check, zeros, count),
        .v = op_check_in_out_floats(check, zeros, count),
        .counters = op_check_counters(check, before),
        .expected_params = op_check_doubles(check, count),
        .expected_m = op_check_doubles(check, count),
        .expected_v = op_check_doubles(check, count),
    };
}

/* One step on both sides. t is the step number for the oracle. Returns the gradients' norm. */
static double adam_step(op_check *check, adam_run *run, const float *grads, int64_t t,
                        float learning_rate, float clip_norm)
{
    /* counters->batch is 3, so the rate is the third. */
    const float learning_rates[] = {NAN, NAN, learning_rate, NAN};
    lyrnn_clip_and_adam_args args = {
        .count = (size_t)run->count,
        .params = run->params,
        .grads = op_check_input_floats(check, grads, run->count),
        .m = run->m,
        .v = run->v,
        .learning_rates = op_check_input_floats(check, learning_rates, 4),
        .clip_norm = clip_norm,
        .beta1 = run->options.beta1,
        .beta2 = run->options.beta2,
        .epsilon = 1e-8,
        .weight_decay = run->options.weight_decay,
        .decays = run->decays,
        .average = run->average,
        .average_decay = run->options.average_decay,
        .counters = run->counters,
    };
    check->backend.clip_and_adam(&check->backend, &args);
    const oracle_adam adam = {.step = t,
                              .learning_rate = (double)learning_rate,
                              .clip_norm = (double)clip_norm,
                              .beta1 = run->options.beta1,
                              .beta2 = run->options.beta2,
                              .epsilon = 1e-8,
                              .weight_decay = (double)run->options.weight_decay,
                              .decays = run->expected_decays,
                              .average = run->expected_average,
                              .average_decay = run->options.average_decay};
    return oracle_clip_and_adam(&adam, (size_t)run->count, run->expected_params,
                                op_check_widen(check, grads, run->count), run->expected_m,
                                run->expected_v);
}

static void assert_norm(op_check *check, const adam_run *run, double expected)
{
    const double actual = op_check_fetch_counters(check, run->counters).gradient_norm;
    assert_true(fabs(actual - expected) <= 1e-12 * expected);
}

static void assert_adam_near(op_check *check, const adam_run *run, const char *what)
{
    size_t count = (size_t)run->count;
    assert_near(what, op_check_fetch(check, run->params, run->count), run->expected_params, count,
                tolerance);
    assert_near(what, op_check_fetch(check, run->m, run->count), run->expected_m, count, tolerance);
    assert_near(what, op_check_fetch(check, run->v, run->count), run->expected_v, count, tolerance);
}

static void ten_steps_equal_the_oracle(void **state)
{
    const int counts[] = {1, 7, 33, 255, 257, 1000, 70001};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        op_check *check = op_check_begin(state);
        adam_run run = adam_begin(check, counts[i], 0);
        for (int t = 1; t <= 10; t++) {
            float *grads = op_check_random(check, counts[i], 1.0 / t, (uint64_t)t);
            double norm = adam_step(check, &run, grads, t, 1e-3f, t % 2 ? 0.01f : 1e6f);
            assert_norm(check, &run, norm);
        }
        char what[64];
        snprintf(what, sizeof what, "count %d", counts[i]);
        assert_adam_near(check, &run, what);
    }
}

/* Adam with options, from weights that are not zero, so that they can decay. The average begins as
 * the weights. */
static adam_run begin_with_options(op_check *check, int count, const adam_options *options)
{
    adam_run run = adam_begin(check, count, 0);
    size_t num_groups = ((size_t)count + LYRNN_DECAY_GROUP - 1) / LYRNN_DECAY_GROUP;
    const float *start = op_check_random(check, count, 0.01, 77);
    run.options = *options;
    run.params = op_check_in_out_floats(check, start, count);
    run.expected_params = op_check_widen(check, start, count);
    if (options->average_decay > 0) {
        run.average = op_check_in_out_floats(check, start, count);
        run.expected_average = op_check_widen(check, start, count);
    }
    if (options->weight_decay == 0)
        return run;
    run.expected_decays = (unsigned char *)op_check_floats(check, count);
    uint8_t *groups = (uint8_t *)op_check_floats(check, (int)num_groups);
    for (int i = 0; i < count; i++) {
        run.expected_decays[i] = options->decays_all || i / LYRNN_DECAY_GROUP % 2 == 0;
        groups[i / LYRNN_DECAY_GROUP] = run.expected_decays[i];
    }
    run.decays = (uint8_t *)op_check_input(check, groups, num_groups);
    return run;
}

/* A large decay, so that its share of the result is not hidden. The average warms up: at the first
 * steps its decay is (1 + t) / (10 + t), then average_decay. */
static void options_equal_the_oracle(void **state)
{
    const adam_options options[] = {
        {.beta1 = 0, .beta2 = 0.999},
        {.beta1 = 0.9, .beta2 = 0.95},
        {.beta1 = 0.9, .beta2 = 0.999, .weight_decay = 2, .decays_all = true},
        {.beta1 = 0.9, .beta2 = 0.999, .weight_decay = 2},
        {.beta1 = 0.9, .beta2 = 0.999, .average_decay = 0.99},
        {.beta1 = 0.9, .beta2 = 0.999, .average_decay = 0.3},
        {.beta1 = 0, .beta2 = 0.9, .weight_decay = 3, .average_decay = 0.4},
    };
    const int counts[] = {1, 63, 64, 65, 257, 1000};
    for (size_t i = 0; i < 6 * sizeof options / sizeof *options; i++) {
        op_check *check = op_check_begin(state);
        int count = counts[i % 6];
        adam_run run = begin_with_options(check, count, &options[i / 6]);
        for (int t = 1; t <= 8; t++)
            adam_step(check, &run, op_check_random(check, count, 1, (uint64_t)t), t, 1e-2f,
                      t % 2 ? 0.01f : NO_CLIPPING);
        char what[64];
        snprintf(what, sizeof what, "options %d count %d", (int)(i / 6), count);
        assert_adam_near(check, &run, what);
        if (run.average != NULL)
            assert_near("average", op_check_fetch(check, run.average, count), run.expected_average,
                        (size_t)count, tolerance);
    }
}

static void one_step_from_counters(op_check *check, int64_t step, float clip_norm, double bound,
                                   float learning_rate)
{
    enum { COUNT = 1000 };
    adam_run run = adam_begin(check, COUNT, step);
    float *grads = op_check_random(check, COUNT, bound, 1);
    double norm = adam_step(check, &run, grads, step + 1, learning_rate, clip_norm);
    assert_norm(check, &run, norm);
    char what[64];
    snprintf(what, sizeof what, "step %lld clip %g bound %g", (long long)step, (double)clip_norm,
             bound);
    assert_adam_near(check, &run, what);
}

static void gradients_are_clipped_to_the_norm_and_no_further(void **state)
{
    op_check *check = op_check_begin(state);
    const float threshold = 0.01f;
    one_step_from_counters(check, 0, threshold, 1, 1e-3f);
    one_step_from_counters(check, 0, threshold, 1e-5, 1e-3f);
    /* The norm of 1000 numbers in [-b,b) is about 18.26 b: just above and just below the
     * threshold. */
    one_step_from_counters(check, 0, threshold, 0.01 / 18, 1e-3f);
    one_step_from_counters(check, 0, threshold, 0.01 / 19, 1e-3f);
}

static void a_clip_norm_of_zero_means_no_clipping(void **state)
{
    op_check *check = op_check_begin(state);
    one_step_from_counters(check, 0, NO_CLIPPING, 1, 1e-3f);
    one_step_from_counters(check, 0, NO_CLIPPING, 1e3, 1e-3f);
}

/* This is what clipping is for: the squares overflow float, but the norm does not. */
static void exploding_gradients_are_clipped_not_lost(void **state)
{
    op_check *check = op_check_begin(state);
    one_step_from_counters(check, 0, 0.01f, 1e25, 1e-3f);
}

static void bias_correction_follows_the_step_counter(void **state)
{
    op_check *check = op_check_begin(state);
    one_step_from_counters(check, 1, NO_CLIPPING, 1, 1e-3f);
    one_step_from_counters(check, 999, NO_CLIPPING, 1, 1e-3f);
    one_step_from_counters(check, 3000000, NO_CLIPPING, 1, 1e-3f);
}

static void the_learning_rate_is_read_from_the_device(void **state)
{
    op_check *check = op_check_begin(state);
    enum { COUNT = 33 };
    adam_run run = adam_begin(check, COUNT, 0);
    const float rates[] = {1e-3f, 1e-1f, 0, 1e-5f};
    for (int t = 1; t <= 4; t++)
        adam_step(check, &run, op_check_random(check, COUNT, 1, (uint64_t)t), t, rates[t - 1],
                  NO_CLIPPING);
    assert_adam_near(check, &run, "four learning rates");
}

static void zero_gradients_change_nothing(void **state)
{
    enum { COUNT = 33 };
    op_check *check = op_check_begin(state);
    adam_run run = adam_begin(check, COUNT, 0);
    float *values = op_check_random(check, COUNT, 1, 1);
    run.params = op_check_in_out_floats(check, values, COUNT);
    adam_step(check, &run, op_check_floats(check, COUNT), 1, 1e-3f, 0.01f);
    assert_same_bits("params", op_check_fetch(check, run.params, COUNT), values,
                     COUNT * sizeof(float));
    assert_near("m", op_check_fetch(check, run.m, COUNT), run.expected_m, COUNT, tolerance);
    assert_near("v", op_check_fetch(check, run.v, COUNT), run.expected_v, COUNT, tolerance);
}

static void a_step_only_changes_the_step_counter_and_the_norm(void **state)
{
    enum { COUNT = 33 };
    op_check *check = op_check_begin(state);
    adam_run run = adam_begin(check, COUNT, 41);
    lyrnn_counters expected = op_check_fetch_counters(check, run.counters);
    for (int t = 42; t <= 44; t++)
        adam_step(check, &run, op_check_random(check, COUNT, 1, 1), t, 1e-3f, 0.01f);
    expected.step = 44;
    lyrnn_counters actual = op_check_fetch_counters(check, run.counters);
    expected.gradient_norm = actual.gradient_norm;
    assert_memory_equal(&actual, &expected, sizeof actual);
}

static void the_same_steps_give_the_same_bits(void **state)
{
    enum { COUNT = 70001 };
    op_check *check = op_check_begin(state);
    float *results[2];
    for (int i = 0; i < 2; i++) {
        adam_run run = adam_begin(check, COUNT, 0);
        for (int t = 1; t <= 3; t++)
            adam_step(check, &run, op_check_random(check, COUNT, 1, (uint64_t)t), t, 1e-3f, 0.01f);
        results[i] = op_check_fetch(check, run.params, COUNT);
    }
    assert_same_bits("params", results[1], results[0], COUNT * sizeof(float));
}

/* The norm is a reduction: one large element must count, wherever it is and whichever thread adds
 * it. */
static void every_element_counts_in_the_norm(void **state)
{
    enum { COUNT = 1031 };
    for (int at = 0; at < COUNT; at += 103) {
        op_check *check = op_check_begin(state);
        adam_run run = adam_begin(check, COUNT, 0);
        float *grads = op_check_random(check, COUNT, 1e-6, 1);
        grads[at] = 3;
        double norm = adam_step(check, &run, grads, 1, 1e-3f, 1);
        assert_true(norm > 1);
        assert_near("m", op_check_fetch(check, run.m, COUNT), run.expected_m, COUNT, tolerance);
    }
}

/* After one step, the counters have to have the norm of the gradients. */
static void check_norm(op_check *check, int count, const float *grads)
{
    adam_run run = adam_begin(check, count, 0);
    double norm = adam_step(check, &run, grads, 1, 1e-3f, 1);
    assert_norm(check, &run, norm);
}

/* Squares of floats below 1e-19 or above 1e19 are no normal floats. Neighbors differ in size, and
 * so do parts of the gradients that are far from each other. */
static void the_norm_is_precise_at_any_size(void **state)
{
    const double sizes[] = {1e-42, 1e-38, 1e-30, 1e-20, 1e19, 1e30, 3e38};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        op_check *check = op_check_begin(state);
        int count = i == 2 ? 600001 : 5001;
        float *grads = op_check_random(check, count, sizes[i], i);
        for (int k = 0; k < count; k++)
            grads[k] *= k % 3 == 0 ? 0x1p-20f : k > count - 1000 ? 0x1p-9f : 1;
        check_norm(check, count, grads);
        for (int k = 0; k < count; k++)
            grads[k] *= k > count - 3000 ? 1 : 0x1p-30f;
        check_norm(check, count, grads);
    }
}

static void the_norm_of_what_is_not_finite_is_not_finite(void **state)
{
    enum { COUNT = 1000, AT = 777 };
    const float values[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        op_check *check = op_check_begin(state);
        adam_run run = adam_begin(check, COUNT, 0);
        float *grads = op_check_random(check, COUNT, 1, 1);
        grads[AT] = values[i];
        adam_step(check, &run, grads, 1, 1e-3f, 1);
        double norm = op_check_fetch_counters(check, run.counters).gradient_norm;
        assert_true(isnan(values[i]) ? isnan(norm) : norm == (double)INFINITY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_equal_the_oracle),
        cmocka_unit_test(options_equal_the_oracle),
        cmocka_unit_test(gradients_are_clipped_to_the_norm_and_no_further),
        cmocka_unit_test(a_clip_norm_of_zero_means_no_clipping),
        cmocka_unit_test(exploding_gradients_are_clipped_not_lost),
        cmocka_unit_test(bias_correction_follows_the_step_counter),
        cmocka_unit_test(the_learning_rate_is_read_from_the_device),
        cmocka_unit_test(zero_gradients_change_nothing),
        cmocka_unit_test(a_step_only_changes_the_step_counter_and_the_norm),
        cmocka_unit_test(the_same_steps_give_the_same_bits),
        cmocka_unit_test(every_element_counts_in_the_norm),
        cmocka_unit_test(the_norm_is_precise_at_any_size),
        cmocka_unit_test(the_norm_of_what_is_not_finite_is_not_finite),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
