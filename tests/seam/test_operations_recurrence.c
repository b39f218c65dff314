/* The recurrence, forward and backward: a backend compared with the oracle for shapes, cells,
 * directions and strides. Also carried state, time reversal, inputs at the limits of float, and
 * NaN, which must not disappear. LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/parameters.h"
#include "recurrence_check.h"

static const double forward_tolerance = 1e-5;
static const double gradient_tolerance = 1e-4;

static const int shapes[][3] = {
    {1, 1, 1},   {1, 7, 33},   {7, 1, 33},   {33, 7, 1},   {7, 33, 7},
    {2, 3, 5},   {3, 33, 130}, {33, 33, 33}, {2, 3, 92},   {3, 2, 127},
    {2, 1, 128}, {5, 2, 256},  {2, 1000, 7}, {2, 1030, 7}, {35, 32, 256},
};
enum { NUM_SHAPES = sizeof shapes / sizeof *shapes, MANY_STREAMS = 1000 };

static const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
enum { NUM_CELLS = sizeof cells / sizeof *cells };

/* In the simulator large shapes take seconds. So there only the most complex variant of each cell
 * runs, and at the tutorial's shape only relu, unless the variant is the simplest. On the grid
 * path, where the whole device takes part in each step, smaller shapes already take seconds, so the
 * tutorial's shape is left to the other paths. Shapes with many streams are left to the grid path,
 * which splits the batch into tiles. */
static bool is_left_out(int shape, lyrnn_cell cell, bool reverse, bool paired)
{
    const int *s = shapes[shape];
    const char *path = getenv("LYRNN_DEBUG_RECURRENCE");
    bool whole_device = path != NULL && strcmp(path, "grid") == 0;
    if (getenv("LYRNN_SIM_SEED") == NULL || s[0] * s[1] * s[2] < (whole_device ? 2000 : 10000))
        return false;
    if (s[1] >= MANY_STREAMS && !whole_device)
        return true;
    if (shape < NUM_SHAPES - 1)
        return !reverse || !paired;
    bool is_simplest = cell == LYRNN_RNN_TANH && !reverse && !paired;
    return whole_device || (!is_simplest && !(cell == LYRNN_RNN_RELU && reverse && paired));
}

typedef void (*layer_check)(op_check *check, recurrence_case *layer, const char *what);

/* Checks a layer with T, B and H. Its rows of h are unpaired, or paired with those of
 * another direction. */
static void check_layer(void **state, const int shape[3], lyrnn_cell cell, bool reverse,
                        bool paired, uint64_t seed, layer_check visit)
{
    int H = shape[2];
    oracle_recurrence s = {shape[0], shape[1], H, paired ? 2 * H : H, cell, reverse};
    char what[64];
    snprintf(what, sizeof what, "T %d B %d H %d %s%s%s", s.T, s.B, s.H, lyrnn_cell_name(cell),
             reverse ? " reverse" : "", paired ? " paired" : "");
    op_check *check = op_check_begin(state);
    recurrence_case layer = recurrence_case_new(check, s, paired && reverse ? H : 0, seed);
    visit(check, &layer, what);
}

/* Calls visit for every shape, cell and direction, unpaired and paired. */
static void for_each_layer(void **state, layer_check visit)
{
    for (int i = 0; i < NUM_SHAPES * NUM_CELLS * 4; i++) {
        lyrnn_cell cell = cells[i / 4 % NUM_CELLS];
        bool reverse = i & 1, paired = i & 2;
        if (!is_left_out(i / 4 / NUM_CELLS, cell, reverse, paired))
            check_layer(state, shapes[i / 4 / NUM_CELLS], cell, reverse, paired, (uint64_t)(10 * i),
                        visit);
    }
}

/* The carried state and the other direction's half are not written. */
static void assert_others_untouched(const char *what, const recurrence_case *layer,
                                    const float *states, const float *before)
{
    const oracle_recurrence *s = &layer->shape;
    for (int i = 0; i < recurrence_h_count(layer); i++) {
        int slot = i / (s->B * s->h_stride), column = i % s->h_stride - layer->column;
        bool written = slot != (s->reverse ? s->T : 0) && column >= 0 && column < s->H;
        if (!written)
            assert_same_bits(what, &states[i], &before[i], sizeof *states);
    }
}

static void check_forward(op_check *check, recurrence_case *layer, const char *what)
{
    size_t count = (size_t)recurrence_h_count(layer);
    recurrence_states actual = recurrence_run_forward(check, layer);
    recurrence_states again = recurrence_run_forward(check, layer);
    recurrence_expected_states expected = recurrence_expect_forward(check, layer);
    assert_near(what, actual.h, expected.h, count, forward_tolerance);
    assert_same_bits(what, again.h, actual.h, count * sizeof(float));
    assert_others_untouched(what, layer, actual.h, layer->h);
    if (layer->c == NULL)
        return;
    assert_near(what, actual.c, expected.c, count, forward_tolerance);
    assert_same_bits(what, again.c, actual.c, count * sizeof(float));
    assert_others_untouched(what, layer, actual.c, layer->c);
}

static void forward_equals_the_oracle_and_repeats(void **state)
{
    for_each_layer(state, check_forward);
}

/* gru's dh' of gate n, in rows of H: the last third of dprime's rows. */
static double *dsaved_of(op_check *check, const recurrence_case *layer, const double *dprime)
{
    int H = layer->shape.H, rows = layer->shape.T * layer->shape.B;
    double *dsaved = op_check_doubles(check, rows * H);
    for (int row = 0; row < rows; row++)
        memcpy(dsaved + row * H, dprime + (row * 3 + 2) * H, (size_t)H * sizeof *dsaved);
    return dsaved;
}

/* The gradient of b_ih: the sums of the columns of dgates_x. */
static double *db_ih_of(op_check *check, const recurrence_case *layer, const double *dgates_x)
{
    int GH = oracle_num_gates(layer->shape.cell) * layer->shape.H;
    double *sums = op_check_doubles(check, GH);
    for (int i = 0; i < recurrence_gates_count(layer); i++)
        sums[i % GH] += dgates_x[i];
    return sums;
}

static void check_backward(op_check *check, recurrence_case *layer, const char *what)
{
    const oracle_recurrence *s = &layer->shape;
    size_t num_dh = (size_t)(s->B * s->H), num_gates = (size_t)recurrence_gates_count(layer);
    size_t num_b = (size_t)(oracle_num_gates(s->cell) * s->H), num_w = num_b * (size_t)s->H;
    recurrence_states states = recurrence_run_forward(check, layer);
    recurrence_grads d = recurrence_run_backward(check, layer, &states);
    recurrence_grads again = recurrence_run_backward(check, layer, &states);
    oracle_recurrence_grads expected = recurrence_expect_backward(check, layer, &states);
    assert_near(what, d.dh, expected.dh, num_dh, gradient_tolerance);
    assert_near(what, d.dgates_x, expected.dgates_x, num_gates, gradient_tolerance);
    assert_near(what, d.dw_hh, expected.dw_hh, num_w, gradient_tolerance);
    assert_near(what, d.db_hh, expected.db_hh, num_b, gradient_tolerance);
    assert_near(what, d.db_ih, db_ih_of(check, layer, expected.dgates_x), num_b,
                gradient_tolerance);
    if (d.dc != NULL)
        assert_near(what, d.dc, expected.dc, num_dh, gradient_tolerance);
    if (d.dsaved != NULL)
        assert_near(what, d.dsaved, dsaved_of(check, layer, expected.dprime), num_gates / 3,
                    gradient_tolerance);

    assert_same_bits(what, again.dh, d.dh, num_dh * sizeof(float));
    assert_same_bits(what, again.dgates_x, d.dgates_x, num_gates * sizeof(float));
    assert_same_bits(what, again.dw_hh, d.dw_hh, num_w * sizeof(float));
    assert_same_bits(what, again.db_hh, d.db_hh, num_b * sizeof(float));
    assert_same_bits(what, again.db_ih, d.db_ih, num_b * sizeof(float));
}

static void check_weights_by_parts(op_check *check, recurrence_case *layer, const char *what)
{
    int T = layer->shape.T, H = layer->shape.H, GH = oracle_num_gates(layer->shape.cell) * H;
    recurrence_states states = recurrence_run_forward(check, layer);
    recurrence_grads d = recurrence_run_backward(check, layer, &states);
    oracle_recurrence_grads expected = recurrence_expect_backward(check, layer, &states);
    double *db_ih = db_ih_of(check, layer, expected.dgates_x);
    int first_of_last = T - 1 - T / 3;
    recurrence_run_backward_weights(check, layer, &states, &d, first_of_last, T, false);
    /* Both biases have nearly the same sums, but each must be added to its own. */
    for (int j = 0; j < GH; j++) {
        d.db_ih[j] += 1;
        db_ih[j] += 1;
    }
    if (first_of_last > 0)
        recurrence_run_backward_weights(check, layer, &states, &d, 0, first_of_last, true);
    assert_near(what, d.dw_hh, expected.dw_hh, (size_t)(GH * H), gradient_tolerance);
    assert_near(what, d.db_hh, expected.db_hh, (size_t)GH, gradient_tolerance);
    assert_near(what, d.db_ih, db_ih, (size_t)GH, gradient_tolerance);
}

static void gradients_of_weights_add_up_over_parts_of_a_sequence(void **state)
{
    static const int shape[3] = {7, 5, 6};
    for (int i = 0; i < NUM_CELLS * 4; i++)
        check_layer(state, shape, cells[i / 4], i & 1, i & 2, (uint64_t)(10 * i),
                    check_weights_by_parts);
}

static void backward_equals_the_oracle_and_repeats(void **state)
{
    for_each_layer(state, check_backward);
}

static void fill_nan_columns(float *values, int count, int stride, int first, int end)
{
    for (int i = 0; i < count && values != NULL; i++)
        if (i % stride >= first && i % stride < end)
            values[i] = NAN;
}

/* If the other direction's half were read, its NaN would reach a result. */
static void a_paired_direction_does_not_read_its_neighbor(void **state)
{
    enum { T = 5, B = 3, H = 7 };
    for (int i = 0; i < 2 * NUM_CELLS; i++) {
        op_check *check = op_check_begin(state);
        bool reverse = i % 2;
        oracle_recurrence s = {T, B, H, 2 * H, cells[i / 2], reverse};
        recurrence_case layer = recurrence_case_new(check, s, reverse ? H : 0, 1);
        int first = reverse ? 0 : H, end = reverse ? H : 2 * H, count = recurrence_h_count(&layer);
        fill_nan_columns(layer.h, count, 2 * H, first, end);
        fill_nan_columns(layer.c, count, 2 * H, first, end);
        recurrence_states states = recurrence_run_forward(check, &layer);
        for (int k = 0; k < count; k++)
            if (k % (2 * H) >= layer.column && k % (2 * H) < layer.column + H)
                assert_true(isfinite(states.h[k]));
        recurrence_grads d = recurrence_run_backward(check, &layer, &states);
        for (int k = 0; k < recurrence_gates_count(&layer); k++)
            assert_true(isfinite(d.dgates_x[k]));
        for (int k = 0; k < H * H; k++)
            assert_true(isfinite(d.dw_hh[k]));
    }
}

/* to[t] = from[T-1-t], in slots of `size` floats. */
static float *flip_time(op_check *check, const float *from, int slots, int size)
{
    float *to = op_check_floats(check, slots * size);
    for (int t = 0; t < slots; t++)
        memcpy(to + t * size, from + (slots - 1 - t) * size, (size_t)size * sizeof(float));
    return to;
}

static void assert_near_floats(op_check *check, const char *what, const float *actual,
                               const float *expected, int count)
{
    assert_near(what, actual, op_check_widen(check, expected, count), (size_t)count, 1e-5);
}

static void reverse_equals_flipping_time(void **state)
{
    enum { T = 7, B = 5, H = 33, BH = B * H };
    for (int i = 0; i < NUM_CELLS; i++) {
        op_check *check = op_check_begin(state);
        oracle_recurrence s = {T, B, H, H, cells[i], false};
        int GH = oracle_num_gates(cells[i]) * H;
        recurrence_case forward = recurrence_case_new(check, s, 0, 1), reverse = forward;
        reverse.shape.reverse = true;
        reverse.gates_x = flip_time(check, forward.gates_x, T, B * GH);
        reverse.doutput = flip_time(check, forward.doutput, T, BH);
        reverse.h = flip_time(check, forward.h, T + 1, BH);
        if (forward.c != NULL)
            reverse.c = flip_time(check, forward.c, T + 1, BH);

        recurrence_states f = recurrence_run_forward(check, &forward);
        recurrence_states r = recurrence_run_forward(check, &reverse);
        assert_near_floats(check, "h", flip_time(check, r.h, T + 1, BH), f.h, (T + 1) * BH);
        recurrence_grads df = recurrence_run_backward(check, &forward, &f);
        recurrence_grads dr = recurrence_run_backward(check, &reverse, &r);
        assert_near_floats(check, "dgates_x", flip_time(check, dr.dgates_x, T, B * GH), df.dgates_x,
                           T * B * GH);
        assert_near_floats(check, "dh", dr.dh, df.dh, BH);
        assert_near_floats(check, "dw_hh", dr.dw_hh, df.dw_hh, GH * H);
    }
}

/* Three calls of four steps, each from the state that the previous call left. */
static void twelve_steps_equal_three_times_four(void **state)
{
    enum { T = 12, PART = 4, B = 5, H = 33, BH = B * H };
    for (int i = 0; i < NUM_CELLS; i++) {
        op_check *check = op_check_begin(state);
        oracle_recurrence s = {T, B, H, H, cells[i], false};
        recurrence_case whole = recurrence_case_new(check, s, 0, 1), part = whole;
        recurrence_states all = recurrence_run_forward(check, &whole);
        part.shape.T = PART;
        for (int first = 0; first < T; first += PART) {
            part.gates_x = whole.gates_x + first * B * oracle_num_gates(cells[i]) * H;
            recurrence_states some = recurrence_run_forward(check, &part);
            assert_same_bits("h", some.h, all.h + first * BH, (PART + 1) * BH * sizeof(float));
            memcpy(part.h, some.h + PART * BH, BH * sizeof(float));
            if (part.c == NULL)
                continue;
            assert_same_bits("c", some.c, all.c + first * BH, (PART + 1) * BH * sizeof(float));
            memcpy(part.c, some.c + PART * BH, BH * sizeof(float));
        }
    }
}

static recurrence_case single_step(op_check *check, lyrnn_cell cell, int H)
{
    oracle_recurrence s = {1, 1, H, H, cell, false};
    recurrence_case layer = recurrence_case_new(check, s, 0, 1);
    size_t num_rows = (size_t)(oracle_num_gates(cell) * H);
    memset(layer.w_hh, 0, num_rows * (size_t)H * sizeof(float));
    memset(layer.b_hh, 0, num_rows * sizeof(float));
    return layer;
}

static void tanh_of_extreme_gates_is_one_and_passes_no_gradient(void **state)
{
    const float extremes[] = {50, -50, 89, -89, 1e4f, -1e4f, 1e30f, -1e30f, INFINITY, -INFINITY};
    enum { H = sizeof extremes / sizeof *extremes };
    op_check *check = op_check_begin(state);
    recurrence_case layer = single_step(check, LYRNN_RNN_TANH, H);
    memcpy(layer.gates_x, extremes, sizeof extremes);
    recurrence_states states = recurrence_run_forward(check, &layer);
    recurrence_grads d = recurrence_run_backward(check, &layer, &states);
    for (int j = 0; j < H; j++) {
        assert_true(fabsf(states.h[H + j] - (extremes[j] > 0 ? 1.0f : -1.0f)) <= 0x1p-23f);
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
    recurrence_states states = recurrence_run_forward(check, &layer);
    recurrence_grads d = recurrence_run_backward(check, &layer, &states);
    for (int j = 0; j < H; j++) {
        float expected = extremes[j] > 0 ? extremes[j] : 0;
        float expected_gradient = extremes[j] > 0 ? layer.doutput[j] + layer.dh[j] : 0;
        assert_true(states.h[H + j] == expected);
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
        float *h = recurrence_run_forward(check, &layer).h;
        for (int j = 0; j < H; j++) {
            double expected = tanh((double)layer.gates_x[j]);
            double difference = fabs((double)h[H + j] - expected);
            /* For small and large values alike, as in PyTorch: a few units in the last place even
             * where tanh is small. */
            assert_true(difference <= 1e-6 * fabs(expected));
        }
    }
}

/* Every gate far into saturation, in both directions: states stay in [-1, 1] (c: [-2, 2]), and no
 * gradient is NaN. */
static void saturated_gates_give_no_nan(void **state)
{
    enum { H = 33 };
    const lyrnn_cell gated[] = {LYRNN_LSTM, LYRNN_GRU};
    for (int i = 0; i < 2; i++) {
        op_check *check = op_check_begin(state);
        recurrence_case layer = single_step(check, gated[i], H);
        const float extremes[] = {1e4f, -1e4f, 1e30f, -1e30f, INFINITY, -INFINITY, 89, -89, 0};
        for (int k = 0; k < recurrence_gates_count(&layer); k++)
            layer.gates_x[k] = extremes[random_id(5, (uint64_t)k, 9)];
        recurrence_states states = recurrence_run_forward(check, &layer);
        recurrence_grads d = recurrence_run_backward(check, &layer, &states);
        for (int j = 0; j < H; j++)
            assert_true(fabsf(states.h[H + j]) <= 1);
        for (int k = 0; k < recurrence_gates_count(&layer); k++)
            assert_true(isfinite(d.dgates_x[k]));
    }
}

/* If a NaN disappeared here, the loss of a diverged run would look healthy. */
static void nan_in_a_gate_stays_nan(void **state)
{
    enum { H = 33 };
    for (int i = 0; i < NUM_CELLS; i++) {
        for (int gate = 0; gate < oracle_num_gates(cells[i]); gate++) {
            op_check *check = op_check_begin(state);
            recurrence_case layer = single_step(check, cells[i], H);
            layer.gates_x[gate * H + 2] = NAN;
            layer.gates_x[gate * H + 32] = NAN;
            float *h = recurrence_run_forward(check, &layer).h;
            for (int j = 0; j < H; j++)
                assert_true(isnan(h[H + j]) == (j == 2 || j == 32));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_equals_the_oracle_and_repeats),
        cmocka_unit_test(backward_equals_the_oracle_and_repeats),
        cmocka_unit_test(gradients_of_weights_add_up_over_parts_of_a_sequence),
        cmocka_unit_test(a_paired_direction_does_not_read_its_neighbor),
        cmocka_unit_test(reverse_equals_flipping_time),
        cmocka_unit_test(twelve_steps_equal_three_times_four),
        cmocka_unit_test(tanh_of_extreme_gates_is_one_and_passes_no_gradient),
        cmocka_unit_test(relu_keeps_large_gates),
        cmocka_unit_test(tanh_is_accurate_over_its_whole_range),
        cmocka_unit_test(saturated_gates_give_no_nan),
        cmocka_unit_test(nan_in_a_gate_stays_nan),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
