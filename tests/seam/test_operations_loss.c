/* Softmax cross-entropy: the losses, the gradient that overwrites the logits, and the counters, a
 * backend compared with the oracle. Includes large logits, targets at both ends, and losses that
 * are not finite. LYRNN_TEST_DEVICE names the device. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "op_check.h"
#include "oracle.h"

enum { SHARDS = 5, SHARD_M = 33, SHARD_COUNT = SHARDS * SHARD_M };

static const double forward_tolerance = 1e-5;
static const double gradient_tolerance = 1e-4;

typedef struct {
    float *losses;  /* (M) */
    float *dlogits; /* (M,V) */
    lyrnn_counters counters;
} loss_result;

/* As on a GPU, where rows of logits are padded. */
static int padded(int V)
{
    return (V + 7) / 8 * 8;
}

static loss_result run_loss_of_rows(op_check *check, const int shape[2], int stride,
                                    const int32_t *targets, const float *logits,
                                    lyrnn_counters before)
{
    int M = shape[0], V = shape[1];
    lyrnn_softmax_cross_entropy_args args = {
        .M = M,
        .V = V,
        .logits_stride = stride,
        .targets = op_check_input(check, targets, (size_t)M * sizeof *targets),
        .logits = op_check_in_out_rows(check, logits, M, V, stride),
        .losses = op_check_output_floats(check, M),
        .counters = op_check_counters(check, before),
    };
    const lyrnn_count_losses_args count = {.M = M,
                                           .targets = args.targets,
                                           .losses = args.losses,
                                           .counters = (lyrnn_counters *)args.counters};
    check->backend.softmax_cross_entropy(&check->backend, &args);
    check->backend.count_losses(&check->backend, &count);
    return (loss_result){op_check_fetch(check, args.losses, M),
                         op_check_fetch_rows(check, args.logits, M, V, stride),
                         op_check_fetch_counters(check, args.counters)};
}

static loss_result run_loss(op_check *check, int M, int V, const int32_t *targets,
                            const float *logits, lyrnn_counters before)
{
    return run_loss_of_rows(check, (const int[]){M, V}, padded(V), targets, logits, before);
}

static void check_loss_of_rows(op_check *check, const int shape[2], int stride,
                               const int32_t *targets, const float *logits)
{
    char what[64];
    int M = shape[0], V = shape[1];
    snprintf(what, sizeof what, "M %d V %d stride %d", M, V, stride);
    const lyrnn_counters none = {0};
    loss_result actual = run_loss_of_rows(check, shape, stride, targets, logits, none);
    double *losses = op_check_doubles(check, M), *dlogits = op_check_doubles(check, M * V);
    double mean = oracle_softmax_cross_entropy(M, V, targets, op_check_widen(check, logits, M * V),
                                               losses, dlogits);
    assert_near(what, actual.losses, losses, (size_t)M, forward_tolerance);
    assert_near(what, actual.dlogits, dlogits, (size_t)(M * V), gradient_tolerance);
    assert_number_near(what, actual.counters.loss_sum, mean * M, forward_tolerance);
    assert_int_equal(actual.counters.loss_count, M);
    assert_int_equal(actual.counters.bad_step, 0);

    loss_result again = run_loss_of_rows(check, shape, stride, targets, logits, none);
    assert_same_bits(what, again.losses, actual.losses, (size_t)M * sizeof(float));
    assert_same_bits(what, again.dlogits, actual.dlogits, (size_t)(M * V) * sizeof(float));
    assert_same_bits(what, &again.counters, &actual.counters, sizeof again.counters);
}

static void check_loss(op_check *check, int M, int V, const int32_t *targets, const float *logits)
{
    const int shape[2] = {M, V};
    check_loss_of_rows(check, shape, padded(V), targets, logits);
    if (V % 4 != 0)
        check_loss_of_rows(check, shape, V, targets, logits);
}

static void loss_and_gradient_equal_the_oracle_and_repeat(void **state)
{
    const int shapes[][2] = {{1, 1},   {1, 7},     {7, 1},       {33, 7},   {7, 33},
                             {33, 33}, {35, 1027}, {1120, 1027}, {3, 6018}, {2, 100003}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        op_check *check = op_check_begin(state);
        int M = shapes[i][0], V = shapes[i][1];
        check_loss(check, M, V, op_check_ids(check, M, V, i), op_check_random(check, M * V, 4, i));
    }
}

/* Ignored rows cost nothing, and the others are what a batch without those rows gives. */
static void ignored_targets_have_no_loss_and_no_gradient(void **state)
{
    enum { M = 35, V = 67 };
    op_check *check = op_check_begin(state);
    int32_t *targets = op_check_ids(check, M, V, 1);
    float *logits = op_check_random(check, M * V, 4, 2);
    int32_t kept_targets[M];
    float *kept_logits = op_check_floats(check, M * V);
    int num = 0;
    for (int m = 0; m < M; m++) {
        if (m % 3 == 1 || m > 30) {
            targets[m] = LYRNN_IGNORED_TARGET;
            logits[m * V] = NAN; /* the logits of padding do not matter */
            continue;
        }
        kept_targets[num] = targets[m];
        memcpy(kept_logits + num++ * V, logits + m * V, V * sizeof *logits);
    }
    const lyrnn_counters before = {.num_targets = num, .loss_count = 5};
    loss_result all = run_loss(check, M, V, targets, logits, before);
    loss_result kept = run_loss(check, num, V, kept_targets, kept_logits, (lyrnn_counters){0});
    assert_int_equal(all.counters.loss_count, 5 + num);
    assert_int_equal(all.counters.bad_step, 0);
    assert_number_near("loss_sum", all.counters.loss_sum, kept.counters.loss_sum, 1e-12);
    static const float zeros[V];
    for (int m = 0, i = 0; m < M; m++) {
        bool is_ignored = targets[m] == LYRNN_IGNORED_TARGET;
        const float *expected = is_ignored ? zeros : kept.dlogits + i * V;
        assert_memory_equal(all.dlogits + m * V, expected, V * sizeof *expected);
        assert_memory_equal(&all.losses[m], is_ignored ? zeros : kept.losses + i, sizeof(float));
        i += !is_ignored;
    }
}

static void large_logits_stay_finite(void **state)
{
    enum { M = 33, V = 67 };
    op_check *check = op_check_begin(state);
    int32_t *targets = op_check_ids(check, M, V, 1);
    check_loss(check, M, V, targets, op_check_random(check, M * V, 1e4, 2));
    /* Far from zero but close to each other: e^x overflows, but the softmax is ordinary. */
    for (int sign = -1; sign <= 1; sign += 2) {
        float *logits = op_check_random(check, M * V, 2, 3);
        for (int i = 0; i < M * V; i++)
            logits[i] += (float)sign * 1e4f;
        check_loss(check, M, V, targets, logits);
    }
}

static void equal_logits_cost_the_logarithm_of_the_vocabulary(void **state)
{
    enum { M = 2, V = 1027 };
    op_check *check = op_check_begin(state);
    const int32_t targets[M] = {0, V - 1};
    const lyrnn_counters none = {0};
    loss_result result = run_loss(check, M, V, targets, op_check_floats(check, M * V), none);
    for (int m = 0; m < M; m++) {
        assert_number_near("loss", (double)result.losses[m], log(V), 1e-6);
        for (int v = 0; v < V; v++) {
            double expected = (1.0 / V - (v == targets[m] ? 1 : 0)) / M;
            assert_number_near("dlogits", (double)result.dlogits[m * V + v], expected, 1e-5);
        }
    }
}

/* The counter holds the sum of a whole epoch. If a batch were added in float, it would be lost in
 * rounding. */
static void losses_are_added_to_the_counters_in_double(void **state)
{
    enum { M = 33, V = 7 };
    op_check *check = op_check_begin(state);
    lyrnn_counters before = {
        .batch = 3, .step = 4, .bad_step = 0, .loss_count = 1000000007, .loss_sum = 1e9};
    loss_result result = run_loss(check, M, V, op_check_ids(check, M, V, 1),
                                  op_check_random(check, M * V, 4, 2), before);
    double sum = 0;
    for (int m = 0; m < M; m++)
        sum += (double)result.losses[m];
    assert_true(fabs(result.counters.loss_sum - (1e9 + sum)) <= 1e-6);
    assert_int_equal(result.counters.loss_count, 1000000007 + M);
    assert_int_equal(result.counters.batch, 3);
    assert_int_equal(result.counters.step, 4);
    assert_int_equal(result.counters.bad_step, 0);
}

/* Returns the counters after a step whose logit at (row 1, id) is poisoned. */
static lyrnn_counters counters_after(op_check *check, float poison, int id, lyrnn_counters before)
{
    enum { M = 3, V = 33 };
    const int32_t targets[M] = {0, 5, V - 1};
    float *logits = op_check_random(check, M * V, 1, 1);
    logits[V + id] = poison;
    return run_loss(check, M, V, targets, logits, before).counters;
}

static void a_loss_that_is_not_finite_names_its_step(void **state)
{
    op_check *check = op_check_begin(state);
    const lyrnn_counters start = {0}, later = {.step = 6};
    /* The target of row 1 is id 5. */
    assert_int_equal(counters_after(check, NAN, 5, start).bad_step, 1);
    assert_int_equal(counters_after(check, NAN, 0, later).bad_step, 7);
    assert_int_equal(counters_after(check, NAN, 32, later).bad_step, 7);
    assert_int_equal(counters_after(check, INFINITY, 9, later).bad_step, 7);
    assert_int_equal(counters_after(check, -INFINITY, 5, later).bad_step, 7);
    assert_int_equal(counters_after(check, NAN, 5, later).step, 6);
}

static void a_logit_of_minus_infinity_is_an_impossible_character(void **state)
{
    op_check *check = op_check_begin(state);
    const lyrnn_counters start = {0};
    lyrnn_counters counters = counters_after(check, -INFINITY, 9, start);
    assert_int_equal(counters.bad_step, 0);
    assert_true(isfinite(counters.loss_sum) && counters.loss_sum > 0);
}

static void later_steps_keep_the_first_bad_step(void **state)
{
    op_check *check = op_check_begin(state);
    lyrnn_counters counters = {.step = 6};
    counters = counters_after(check, NAN, 5, counters);
    counters.step = 7;
    counters = counters_after(check, NAN, 5, counters);
    assert_int_equal(counters.bad_step, 7);
    counters.step = 8;
    counters.loss_sum = 0;
    counters = counters_after(check, 0, 5, counters);
    assert_int_equal(counters.bad_step, 7);
}

/* The losses of several shards on the device, some of whose targets are ignored. */
typedef struct {
    const float *losses;
    const int32_t *targets;
    int num_targets;
} shard_losses;

/* Magnitudes from 2^-20 to 2^19, so that a sum needs all bits of a double. */
static float *odd_losses(op_check *check)
{
    float *losses = op_check_random(check, SHARD_COUNT, 1, 5);
    for (int i = 0; i < SHARD_COUNT; i++)
        losses[i] = ldexpf(fabsf(losses[i]), i * 7 % 40 - 20);
    return losses;
}

static shard_losses upload_losses(op_check *check, const float *losses)
{
    int32_t targets[SHARD_COUNT];
    shard_losses shards = {.losses = op_check_input_floats(check, losses, SHARD_COUNT)};
    for (int i = 0; i < SHARD_COUNT; i++) {
        targets[i] = i % 4 == 1 ? LYRNN_IGNORED_TARGET : i;
        shards.num_targets += targets[i] != LYRNN_IGNORED_TARGET;
    }
    shards.targets = op_check_input(check, targets, sizeof targets);
    return shards;
}

static void count_losses(op_check *check, const shard_losses *shards, int shard,
                         lyrnn_counters *counters, float *parts)
{
    const lyrnn_count_losses_args args = {.M = SHARD_M,
                                          .targets = shards->targets + (size_t)shard * SHARD_M,
                                          .losses = shards->losses + (size_t)shard * SHARD_M,
                                          .counters = counters,
                                          .parts = parts};
    check->backend.count_losses(&check->backend, &args);
}

/* Adds the shards to the counters at once. */
static lyrnn_counters count_directly(op_check *check, const shard_losses *shards,
                                     lyrnn_counters before)
{
    lyrnn_counters *counters = op_check_counters(check, before);
    for (int shard = 0; shard < SHARDS; shard++)
        count_losses(check, shards, shard, counters, NULL);
    return op_check_fetch_counters(check, counters);
}

/* Keeps the sums of the shards apart, which leaves the counters as they are, and then adds them. */
static lyrnn_counters count_by_parts(op_check *check, const shard_losses *shards,
                                     lyrnn_counters before)
{
    enum { COUNT = SHARDS * LYRNN_LOSS_PARTS };
    lyrnn_counters *counters = op_check_counters(check, before);
    float *parts = op_check_output_floats(check, COUNT);
    for (int shard = 0; shard < SHARDS; shard++)
        count_losses(check, shards, shard, counters, parts + (size_t)shard * LYRNN_LOSS_PARTS);
    lyrnn_counters between = op_check_fetch_counters(check, counters);
    assert_same_bits("counters", &between, &before, sizeof before);
    const lyrnn_count_shards_args args = {
        .num = SHARDS,
        .parts = op_check_input_floats(check, op_check_fetch(check, parts, COUNT), COUNT),
        .counters = counters};
    check->backend.count_shards(&check->backend, &args);
    return op_check_fetch_counters(check, counters);
}

static void parts_of_a_sum_have_all_its_bits(void **state)
{
    op_check *check = op_check_begin(state);
    const float *losses = odd_losses(check);
    const shard_losses shards = upload_losses(check, losses);
    const lyrnn_counters before = {.batch = 3,
                                   .step = 4,
                                   .loss_count = 1000000007,
                                   .loss_sum = 1.0 / 3,
                                   .num_targets = shards.num_targets,
                                   .gradient_norm = 2.5};
    double sum = before.loss_sum;
    for (int i = 0; i < SHARD_COUNT; i++)
        sum += (double)losses[i];
    lyrnn_counters directly = count_directly(check, &shards, before);
    lyrnn_counters by_parts = count_by_parts(check, &shards, before);
    assert_same_bits("counters", &by_parts, &directly, sizeof directly);
    assert_number_near("sum", by_parts.loss_sum, sum, 1e-12);
    assert_int_equal(by_parts.loss_count, 1000000007 + shards.num_targets);
    assert_int_equal(by_parts.bad_step, 0);
}

static void parts_that_are_not_finite_name_their_step(void **state)
{
    const float poisons[] = {NAN, INFINITY, -INFINITY, FLT_MAX};
    for (size_t i = 0; i < sizeof poisons / sizeof *poisons; i++) {
        op_check *check = op_check_begin(state);
        float *losses = odd_losses(check);
        /* Two of the largest floats add up to more than a float holds. */
        losses[SHARD_M] = losses[2 * SHARD_M - 1] = poisons[i];
        const shard_losses shards = upload_losses(check, losses);
        const lyrnn_counters first = {.step = 6, .num_targets = shards.num_targets};
        const lyrnn_counters later = {.step = 8, .bad_step = 7, .num_targets = shards.num_targets};
        assert_int_equal(count_directly(check, &shards, first).bad_step, 7);
        assert_int_equal(count_by_parts(check, &shards, first).bad_step, 7);
        assert_int_equal(count_by_parts(check, &shards, later).bad_step, 7);
        assert_true(isnan(poisons[i]) ==
                    (bool)isnan(count_by_parts(check, &shards, first).loss_sum));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradient_equal_the_oracle_and_repeat),
        cmocka_unit_test(ignored_targets_have_no_loss_and_no_gradient),
        cmocka_unit_test(large_logits_stay_finite),
        cmocka_unit_test(equal_logits_cost_the_logarithm_of_the_vocabulary),
        cmocka_unit_test(losses_are_added_to_the_counters_in_double),
        cmocka_unit_test(a_loss_that_is_not_finite_names_its_step),
        cmocka_unit_test(a_logit_of_minus_infinity_is_an_impossible_character),
        cmocka_unit_test(later_steps_keep_the_first_bad_step),
        cmocka_unit_test(parts_of_a_sum_have_all_its_bits),
        cmocka_unit_test(parts_that_are_not_finite_name_their_step),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
