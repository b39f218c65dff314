/* Dropout: a backend compared with Philox number by number, and the properties that define dropout.
 * LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "op_check.h"

enum { SEED = 5 };

typedef struct {
    int count;
    float p;
    uint64_t step, per_step, position;
} dropout_case;

static float *run_dropout(op_check *check, const dropout_case *c, const float *x)
{
    lyrnn_counters counters = {.step = (int64_t)c->step};
    float *y = op_check_in_out_floats(check, x, c->count);
    lyrnn_dropout_args args = {
        .T = 1,
        .count = (size_t)c->count,
        .p = c->p,
        .seed = SEED,
        .purpose = LYRNN_PURPOSE_DROPOUT,
        .per_step = c->per_step,
        .position = c->position,
        .counters = op_check_counters(check, counters),
        .x = y,
        .y = y,
    };
    check->backend.dropout(&check->backend, &args);
    return op_check_fetch(check, y, c->count);
}

static void assert_as_defined(op_check *check, const dropout_case *c)
{
    const float *x = op_check_random(check, c->count, 1, 1);
    const float *y = run_dropout(check, c, x);
    float scale = 1.0f / (1.0f - c->p);
    for (int i = 0; i < c->count; i++) {
        uint64_t position = c->step * c->per_step + c->position + (uint64_t)i;
        float u = lyrnn_philox_uniform(SEED, LYRNN_PURPOSE_DROPOUT, position);
        assert_true(y[i] == (u > c->p ? x[i] * scale : 0.0f));
    }
}

static void numbers_are_those_of_their_positions(void **state)
{
    const dropout_case cases[] = {
        {1, 0.5f, 0, 0, 0},
        {4, 0.5f, 0, 0, 0},
        {5, 0.5f, 0, 0, 3},
        {7, 0.3f, 1, 10, 2},
        {9, 0.9f, 3, 7, 1},
        {10007, 0.5f, 2, 1, 1},
        {33, 0.1f, 1ull << 33, 3ull << 20, 5},
        {20000, 0.2f, 9, 20001, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_as_defined(op_check_begin(state), &cases[i]);
}

static void zero_drops_nothing_and_one_everything(void **state)
{
    op_check *check = op_check_begin(state);
    dropout_case c = {1001, 0, 1, 1001, 2};
    float *x = op_check_random(check, c.count, 1, 1);
    assert_same_bits("p 0", run_dropout(check, &c, x), x, 1001 * sizeof(float));
    c.p = 1;
    const float *none = run_dropout(check, &c, x);
    for (int i = 0; i < c.count; i++)
        assert_true(none[i] == 0);
}

static void pieces_of_a_range_equal_the_whole(void **state)
{
    op_check *check = op_check_begin(state);
    dropout_case whole = {101, 0.4f, 3, 500, 6}, piece = whole;
    float *x = op_check_random(check, whole.count, 1, 1);
    const float *expected = run_dropout(check, &whole, x);
    for (int first = 0; first < whole.count; first += piece.count) {
        piece.count = first + 13 < whole.count ? 13 : whole.count - first;
        piece.position = whole.position + (uint64_t)first;
        assert_same_bits("piece", run_dropout(check, &piece, x + first), expected + first,
                         (size_t)piece.count * sizeof(float));
    }
}

static void steps_draw_different_masks(void **state)
{
    op_check *check = op_check_begin(state);
    dropout_case c = {1000, 0.5f, 1, 1000, 0};
    float *x = op_check_random(check, c.count, 1, 1);
    const float *first = run_dropout(check, &c, x);
    c.step = 2;
    const float *second = run_dropout(check, &c, x);
    int differing = 0;
    for (int i = 0; i < c.count; i++)
        differing += (first[i] == 0) != (second[i] == 0);
    assert_in_range(differing, 400, 600);
}

static void the_mean_is_kept_and_the_share_of_zeros_is_p(void **state)
{
    enum { COUNT = 200000 };
    for (int i = 1; i <= 9; i += 4) {
        op_check *check = op_check_begin(state);
        dropout_case c = {COUNT, (float)i / 10, 1, COUNT, 0};
        float *ones = op_check_floats(check, COUNT);
        for (int k = 0; k < COUNT; k++)
            ones[k] = 1;
        const float *y = run_dropout(check, &c, ones);
        double sum = 0, p = (double)c.p;
        int zeros = 0;
        for (int k = 0; k < COUNT; k++) {
            sum += (double)y[k];
            zeros += y[k] == 0;
        }
        double deviation = sqrt(p * (1 - p) / COUNT);
        assert_true(fabs((double)zeros / COUNT - p) < 5 * deviation);
        assert_true(fabs(sum / COUNT - 1) < 5 * deviation / (1 - p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_their_positions),
        cmocka_unit_test(zero_drops_nothing_and_one_everything),
        cmocka_unit_test(pieces_of_a_range_equal_the_whole),
        cmocka_unit_test(steps_draw_different_masks),
        cmocka_unit_test(the_mean_is_kept_and_the_share_of_zeros_is_p),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
