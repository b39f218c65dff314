/* The recurrence, there and back: a backend against the oracle over shapes, cells, directions and strides;
 * carried state, time reversal, inputs at the edge of float, and NaN that must not be swallowed.
 * LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "recurrence_check.h"

static const double forward_tolerance = 1e-5;
static const double gradient_tolerance = 1e-4;

static const int shapes[][3] = {
    {1, 1, 1}, {1, 7, 33},   {7, 1, 33},  {33, 7, 1},    {7, 33, 7},
    {2, 3, 5}, {33, 33, 33}, {5, 2, 256}, {35, 32, 256},
};
enum { NUM_SHAPES = sizeof shapes / sizeof *shapes };

/* Calls visit for every shape, cell and direction, with rows of h standing alone and side by side. */
static void for_each_layer(void **state,
                           void (*visit)(op_check *check, recurrence_case *layer, const char *what))
{
    for (int i = 0; i < NUM_SHAPES * 8; i++) {
        const int *shape = shapes[i / 8];
        /* In the simulator the article's shape takes seconds: its simplest and its most involved variant
         * stand for all. */
        bool simulated = getenv("LYRNN_SIM_SEED") != NULL;
        if (simulated && i / 8 == NUM_SHAPES - 1 && i % 8 != 0 && i % 8 != 7)
            continue;
        bool relu = i & 1, reverse = i & 2, paired = i & 4;
        int H = shape[2];
        oracle_recurrence s = {
            shape[0], shape[1], H, paired ? 2 * H : H, relu ? LYRNN_RNN_RELU : LYRNN_RNN_TANH,
            reverse};
        char what[64];
        snprintf(what, sizeof what, "T %d B %d H %d%s%s%s", s.T, s.B, s.H, relu ? " relu" : " tanh",
                 reverse ? " reverse" : "", paired ? " paired" : "");
        op_check *check = op_check_begin(state);
        recurrence_case layer =
            recurrence_case_new(check, s, paired && reverse ? H : 0, (uint64_t)(10 * i));
        visit(check, &layer, what);
    }
}

static void check_forward(op_check *check, recurrence_case *layer, const char *what)
{
    int count = recurrence_h_count(layer);
    float *h = recurrence_run_forward(check, layer);
    assert_near(what, h, recurrence_expect_forward(check, layer), (size_t)count, forward_tolerance);
    assert_same_bits(what, recurrence_run_forward(check, layer), h, (size_t)count * sizeof(float));

    /* The carried state is read, not written; nor is the other direction's half. */
    const oracle_recurrence *s = &layer->shape;
    for (int i = 0; i < count; i++) {
        int slot = i / (s->B * s->h_stride), column = i % s->h_stride - layer->column;
        bool written = slot != (s->reverse ? s->T : 0) && column >= 0 && column < s->H;
        if (!written)
            assert_same_bits(what, &h[i], &layer->h[i], sizeof *h);
    }
}

static void forward_equals_the_oracle_and_repeats(void **state)
{
    for_each_layer(state, check_forward);
}

static void check_backward(op_check *check, recurrence_case *layer, const char *what)
{
    const oracle_recurrence *s = &layer->shape;
    size_t num_dh = (size_t)(s->B * s->H), num_gates = (size_t)(s->T * s->B * s->H);
    size_t num_w = (size_t)(s->H * s->H), num_b = (size_t)s->H;
    layer->h = recurrence_run_forward(check, layer);
    recurrence_grads d = recurrence_run_backward(check, layer);
    recurrence_expected expected = recurrence_expect_backward(check, layer);
    assert_near(what, d.dh, expected.dh, num_dh, gradient_tolerance);
    assert_near(what, d.dgates_x, expected.dgates_x, num_gates, gradient_tolerance);
    assert_near(what, d.dw_hh, expected.dw_hh, num_w, gradient_tolerance);
    assert_near(what, d.db_hh, expected.db_hh, num_b, gradient_tolerance);

    recurrence_grads again = recurrence_run_backward(check, layer);
    assert_same_bits(what, again.dh, d.dh, num_dh * sizeof(float));
    assert_same_bits(what, again.dgates_x, d.dgates_x, num_gates * sizeof(float));
    assert_same_bits(what, again.dw_hh, d.dw_hh, num_w * sizeof(float));
    assert_same_bits(what, again.db_hh, d.db_hh, num_b * sizeof(float));
}

static void backward_equals_the_oracle_and_repeats(void **state)
{
    for_each_layer(state, check_backward);
}

static void fill_nan_columns(float *values, int count, int stride, int first, int end)
{
    for (int i = 0; i < count; i++)
        if (i % stride >= first && i % stride < end)
            values[i] = NAN;
}

/* Were the neighbour read anywhere, its NaN would reach a result. */
static void a_paired_direction_does_not_read_its_neighbour(void **state)
{
    enum { T = 5, B = 3, H = 7 };
    for (int reverse = 0; reverse < 2; reverse++) {
        op_check *check = op_check_begin(state);
        oracle_recurrence s = {T, B, H, 2 * H, LYRNN_RNN_TANH, reverse};
        recurrence_case layer = recurrence_case_new(check, s, reverse ? H : 0, 1);
        fill_nan_columns(layer.h, recurrence_h_count(&layer), 2 * H, reverse ? 0 : H,
                         reverse ? H : 2 * H);
        layer.h = recurrence_run_forward(check, &layer);
        for (int i = 0; i < recurrence_h_count(&layer); i++)
            if (i % (2 * H) >= layer.column && i % (2 * H) < layer.column + H)
                assert_true(isfinite(layer.h[i]));
        recurrence_grads d = recurrence_run_backward(check, &layer);
        for (int i = 0; i < T * B * H; i++)
            assert_true(isfinite(d.dgates_x[i]));
        for (int i = 0; i < H * H; i++)
            assert_true(isfinite(d.dw_hh[i]));
    }
}

/* to[t] = from[T-1-t], slots of size floats. */
static void flip_time(const float *from, float *to, int slots, int size)
{
    for (int t = 0; t < slots; t++)
        memcpy(to + t * size, from + (slots - 1 - t) * size, (size_t)size * sizeof(float));
}

static void reverse_equals_flipping_time(void **state)
{
    enum { T = 7, B = 5, H = 33 };
    for (int relu = 0; relu < 2; relu++) {
        op_check *check = op_check_begin(state);
        oracle_recurrence s = {T, B, H, H, relu ? LYRNN_RNN_RELU : LYRNN_RNN_TANH, false};
        recurrence_case forward = recurrence_case_new(check, s, 0, 1), reverse = forward;
        int gates_count = T * B * H, h_count = recurrence_h_count(&forward);
        reverse.shape.reverse = true;
        reverse.gates_x = op_check_floats(check, gates_count);
        reverse.doutput = op_check_floats(check, gates_count);
        reverse.h = op_check_floats(check, h_count);
        flip_time(forward.gates_x, reverse.gates_x, T, B * H);
        flip_time(forward.doutput, reverse.doutput, T, B * H);
        flip_time(forward.h, reverse.h, T + 1, B * H);

        forward.h = recurrence_run_forward(check, &forward);
        reverse.h = recurrence_run_forward(check, &reverse);
        float *flipped = op_check_floats(check, h_count);
        flip_time(reverse.h, flipped, T + 1, B * H);
        assert_near("h", flipped, op_check_widen(check, forward.h, h_count), (size_t)h_count, 1e-6);

        recurrence_grads df = recurrence_run_backward(check, &forward);
        recurrence_grads dr = recurrence_run_backward(check, &reverse);
        float *dgates = op_check_floats(check, gates_count);
        flip_time(dr.dgates_x, dgates, T, B * H);
        assert_near("dgates_x", dgates, op_check_widen(check, df.dgates_x, gates_count),
                    (size_t)gates_count, 1e-5);
        assert_near("dh", dr.dh, op_check_widen(check, df.dh, B * H), B * H, 1e-5);
        assert_near("dw_hh", dr.dw_hh, op_check_widen(check, df.dw_hh, H * H), H * H, 1e-5);
    }
}

/* Three calls of four steps, each from the state that the last one left. */
static void twelve_steps_equal_three_times_four(void **state)
{
    enum { T = 12, PART = 4, B = 5, H = 33 };
    op_check *check = op_check_begin(state);
    oracle_recurrence s = {T, B, H, H, LYRNN_RNN_TANH, false};
    recurrence_case whole = recurrence_case_new(check, s, 0, 1), part = whole;
    float *h = recurrence_run_forward(check, &whole);
    part.shape.T = PART;
    for (int first = 0; first < T; first += PART) {
        part.gates_x = whole.gates_x + first * B * H;
        float *h_part = recurrence_run_forward(check, &part);
        assert_same_bits("h", h_part, h + first * B * H, (PART + 1) * B * H * sizeof(float));
        memcpy(part.h, h_part + PART * B * H, B * H * sizeof(float));
    }
}

static recurrence_case single_step(op_check *check, lyrnn_cell cell, int H)
{
    oracle_recurrence s = {1, 1, H, H, cell, false};
    recurrence_case layer = recurrence_case_new(check, s, 0, 1);
    memset(layer.w_hh, 0, (size_t)(H * H) * sizeof(float));
    memset(layer.b_hh, 0, (size_t)H * sizeof(float));
    return layer;
}

static void tanh_of_extreme_gates_is_one_and_passes_no_gradient(void **state)
{
    const float extremes[] = {50, -50, 89, -89, 1e4f, -1e4f, 1e30f, -1e30f, INFINITY, -INFINITY};
    enum { H = sizeof extremes / sizeof *extremes };
    op_check *check = op_check_begin(state);
    recurrence_case layer = single_step(check, LYRNN_RNN_TANH, H);
    memcpy(layer.gates_x, extremes, sizeof extremes);
    layer.h = recurrence_run_forward(check, &layer);
    recurrence_grads d = recurrence_run_backward(check, &layer);
    for (int j = 0; j < H; j++) {
        assert_true(fabsf(layer.h[H + j] - (extremes[j] > 0 ? 1.0f : -1.0f)) <= 0x1p-23f);
        assert_true(fabsf(d.dgates_x[j]) <= 0x1p-20f);
    }
}

static void relu_keeps_large_gates(void **state)
{
    const float extremes[] = {50, -50, 1e30f, -1e30f, 0, -0.0f, 1e-30f};
    enum { H = sizeof extremes / sizeof *extremes };
    op_check *check = op_check_begin(state);
    recurrence_case layer = single_step(check, LYRNN_RNN_RELU, H);
    memcpy(layer.gates_x, extremes, sizeof extremes);
    layer.h = recurrence_run_forward(check, &layer);
    recurrence_grads d = recurrence_run_backward(check, &layer);
    for (int j = 0; j < H; j++) {
        float expected = extremes[j] > 0 ? extremes[j] : 0;
        float expected_gradient = extremes[j] > 0 ? layer.doutput[j] + layer.dh[j] : 0;
        assert_true(layer.h[H + j] == expected);
        assert_true(d.dgates_x[j] == expected_gradient);
    }
}

static void tanh_is_accurate_over_its_whole_range(void **state)
{
    enum { H = 400 };
    for (int decade = -12; decade <= 1; decade++) {
        op_check *check = op_check_begin(state);
        recurrence_case layer = single_step(check, LYRNN_RNN_TANH, H);
        for (int j = 0; j < H; j++)
            layer.gates_x[j] = (float)(random_number(3, (uint64_t)j, 1) * pow(10, decade));
        float *h = recurrence_run_forward(check, &layer);
        for (int j = 0; j < H; j++) {
            double expected = tanh((double)layer.gates_x[j]);
            double difference = fabs((double)h[H + j] - expected);
            /* Of both sizes, as PyTorch's: a few units in the last place even where tanh is small. */
            assert_true(difference <= 1e-6 * fabs(expected));
        }
    }
}

/* Swallowed here, a diverged run would look healthy to the loss. */
static void nan_in_a_gate_stays_nan(void **state)
{
    enum { H = 33 };
    for (int relu = 0; relu < 2; relu++) {
        op_check *check = op_check_begin(state);
        recurrence_case layer = single_step(check, relu ? LYRNN_RNN_RELU : LYRNN_RNN_TANH, H);
        layer.gates_x[2] = NAN;
        layer.gates_x[32] = NAN;
        float *h = recurrence_run_forward(check, &layer);
        for (int j = 0; j < H; j++)
            assert_true(isnan(h[H + j]) == (j == 2 || j == 32));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_equals_the_oracle_and_repeats),
        cmocka_unit_test(backward_equals_the_oracle_and_repeats),
        cmocka_unit_test(a_paired_direction_does_not_read_its_neighbour),
        cmocka_unit_test(reverse_equals_flipping_time),
        cmocka_unit_test(twelve_steps_equal_three_times_four),
        cmocka_unit_test(tanh_of_extreme_gates_is_one_and_passes_no_gradient),
        cmocka_unit_test(relu_keeps_large_gates),
        cmocka_unit_test(tanh_is_accurate_over_its_whole_range),
        cmocka_unit_test(nan_in_a_gate_stays_nan),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
