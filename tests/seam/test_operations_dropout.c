/* Dropout: a backend compared with Philox number by number, and the properties that define dropout.
 * LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdlib.h>
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

/* Row t has the numbers from t * mask_stride on. */
static void assert_rows(void **state, int T, int count, uint64_t mask_stride, uint64_t purpose)
{
    enum { STEP = 3, PER_STEP = 5003, POSITION = 11 };
    const float p = 0.4f, scale = 1.0f / (1.0f - p);
    op_check *check = op_check_begin(state);
    const float *x = op_check_random(check, T * count, 1, 1);
    const lyrnn_dropout_args args = {
        .T = T,
        .count = (size_t)count,
        .mask_stride = mask_stride,
        .p = p,
        .seed = SEED,
        .purpose = purpose,
        .per_step = PER_STEP,
        .position = POSITION,
        .counters = op_check_counters(check, (lyrnn_counters){.step = STEP}),
        .x = op_check_input_floats(check, x, T * count),
        .y = op_check_output_floats(check, T * count),
    };
    check->backend.dropout(&check->backend, &args);
    const float *y = op_check_fetch(check, args.y, T * count);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < count; i++) {
            uint64_t place = STEP * PER_STEP + POSITION + (uint64_t)t * mask_stride + (uint64_t)i;
            float u = lyrnn_philox_uniform(SEED, purpose, place);
            assert_true(y[t * count + i] == (u > p ? x[t * count + i] * scale : 0.0f));
        }
}

/* Locked dropout has one mask for all rows. Shards have rows that are shorter than those of the
 * whole batch. */
static void rows_have_the_masks_of_their_stride(void **state)
{
    const int shapes[][2] = {{1, 1}, {7, 33}, {33, 7}, {3, 1023}, {2, 4096}, {70000, 1}};
    /* The last has more rows than a grid of CUDA may have, and is too large for the simulator. */
    size_t num = sizeof shapes / sizeof *shapes - (getenv("LYRNN_SIM_SEED") != NULL);
    for (size_t i = 0; i < num; i++) {
        int T = shapes[i][0], count = shapes[i][1];
        assert_rows(state, T, count, 0, LYRNN_PURPOSE_DROPOUT_INPUT);
        assert_rows(state, T, count, 0, LYRNN_PURPOSE_DROPOUT_OUTPUT);
        assert_rows(state, T, count, (uint64_t)count, LYRNN_PURPOSE_DROPOUT);
        assert_rows(state, T, count, (uint64_t)count + 6, LYRNN_PURPOSE_DROPOUT);
        assert_rows(state, T, count, 3 * (uint64_t)count, LYRNN_PURPOSE_DROPOUT_WEIGHT);
    }
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
        cmocka_unit_test(rows_have_the_masks_of_their_stride),
        cmocka_unit_test(zero_drops_nothing_and_one_everything),
        cmocka_unit_test(pieces_of_a_range_equal_the_whole),
        cmocka_unit_test(steps_draw_different_masks),
        cmocka_unit_test(the_mean_is_kept_and_the_share_of_zeros_is_p),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
