/* Batch-invariant products: each row of an output layer and each stream of a recurrence has the
 * same bits as when it is computed on its own, whatever else is in the batch. The results are also
 * correct. LYRNN_TEST_DEVICE names the device. */
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/parameters.h"
#include "recurrence_check.h"
#include "sample_check.h"

/* Runs a layer with M rows of inputs, and returns its outputs. */
static float *run_linear(op_check *check, int M, int in, int out, const float *x, const float *w,
                         const float *bias)
{
    lyrnn_linear_forward_args args = {
        .M = M,
        .in = in,
        .out = out,
        .y_stride = out,
        .batch_invariant = true,
        .x = op_check_input_floats(check, x, M * in),
        .weight = op_check_input_packed(check, w, 1, out, in),
        .bias = op_check_input_floats(check, bias, out),
        .y = op_check_output_floats(check, M * out),
    };
    check->backend.linear_forward(&check->backend, &args);
    return op_check_fetch(check, args.y, M * out);
}

static void check_linear(void **state, int M, int in, int out)
{
    op_check *check = op_check_begin(state);
    float *x = op_check_random(check, M * in, 1, 1);
    float *w = op_check_random(check, out * in, 1, 2);
    float *bias = op_check_random(check, out, 1, 3);
    float *y = run_linear(check, M, in, out, x, w, bias);
    double *expected = op_check_doubles(check, M * out);
    oracle_linear_forward(M, in, out, op_check_widen(check, x, M * in),
                          op_check_widen(check, w, out * in), op_check_widen(check, bias, out),
                          expected);
    char what[64];
    snprintf(what, sizeof what, "M %d in %d out %d", M, in, out);
    assert_near(what, y, expected, (size_t)(M * out), 1e-5);
    /* The first, the last and a middle row, and the place where rows begin to be computed one by
     * one. */
    const int rows[] = {0, M / 2, M - M % 4 - 1, M - 1};
    for (int i = 0; i < 4; i++) {
        int m = rows[i] > 0 ? rows[i] : 0;
        float *alone = run_linear(check, 1, in, out, x + m * in, w, bias);
        assert_same_bits(what, y + m * out, alone, (size_t)out * sizeof *y);
    }
}

static void rows_of_an_output_layer_do_not_see_one_another(void **state)
{
    const int shapes[][2] = {{1, 1}, {7, 33}, {33, 7}, {16, 16}, {100, 50}, {256, 70}, {47, 130}};
    const int some[] = {1, 2, 3, 4, 5, 8, 33, 65};
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < (is_simulated() ? 8 : 65); k++)
            check_linear(state, is_simulated() ? some[k] : k + 1, shapes[i][0], shapes[i][1]);
    /* Enough work for several threads. */
    if (!is_simulated())
        check_linear(state, 64, 256, 1027);
}

/* Returns stream b's part of slots (slots,B,size). */
static float *take_stream(op_check *check, const float *from, int slots, int B, int size, int b)
{
    float *to = op_check_floats(check, slots * size);
    for (int slot = 0; slot < slots; slot++)
        memcpy(to + slot * size, from + (slot * B + b) * size, (size_t)size * sizeof *to);
    return to;
}

static recurrence_case take_layer(op_check *check, const recurrence_case *layer, int b)
{
    const oracle_recurrence *s = &layer->shape;
    int GH = oracle_num_gates(s->cell) * s->H;
    recurrence_case alone = *layer;
    alone.shape.B = 1;
    alone.gates_x = take_stream(check, layer->gates_x, s->T, s->B, GH, b);
    alone.h = take_stream(check, layer->h, s->T + 1, s->B, s->h_stride, b);
    if (layer->c != NULL)
        alone.c = take_stream(check, layer->c, s->T + 1, s->B, s->h_stride, b);
    return alone;
}

static void check_recurrence(void **state, oracle_recurrence shape, int column)
{
    op_check *check = op_check_begin(state);
    int T = shape.T, B = shape.B, stride = shape.h_stride, H = shape.H;
    recurrence_case layer = recurrence_case_new(check, shape, column, 1);
    layer.batch_invariant = true;
    recurrence_states all = recurrence_run_forward(check, &layer);
    recurrence_expected_states expected = recurrence_expect_forward(check, &layer);
    char what[64];
    snprintf(what, sizeof what, "T %d B %d H %d %s%s%s", T, B, H, lyrnn_cell_name(shape.cell),
             shape.reverse ? " reverse" : "", stride > H ? " paired" : "");
    assert_near(what, all.h, expected.h, (size_t)((T + 1) * B * stride), 1e-5);
    const int streams[] = {0, B / 2, B - 1};
    for (int i = 0; i < 3; i++) {
        int b = streams[i];
        recurrence_case one = take_layer(check, &layer, b);
        recurrence_states alone = recurrence_run_forward(check, &one);
        size_t num_bytes = (size_t)((T + 1) * stride) * sizeof(float);
        assert_same_bits(what, take_stream(check, all.h, T + 1, B, stride, b), alone.h, num_bytes);
        if (all.c != NULL)
            assert_same_bits(what, take_stream(check, all.c, T + 1, B, stride, b), alone.c,
                             num_bytes);
    }
}

static void streams_of_a_recurrence_do_not_see_one_another(void **state)
{
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    /* Steps, streams, units. The last shape is large enough for several threads. */
    const int shapes[][3] = {{1, 2, 1},  {1, 3, 7},   {3, 4, 33},   {1, 5, 33},
                             {2, 17, 8}, {1, 65, 33}, {1, 64, 100}, {2, 65, 64}};
    for (int i = 0; i < (is_simulated() ? 6 : 8) * 16; i++) {
        const int *s = shapes[i / 16];
        bool reverse = i & 1, paired = i & 2;
        oracle_recurrence shape = {s[0],   s[1], s[2], paired ? 2 * s[2] : s[2], cells[i / 4 % 4],
                                   reverse};
        check_recurrence(state, shape, paired && reverse ? s[2] : 0);
    }
    /* Each thread computes some units of one stream, or some streams. */
    if (!is_simulated())
        for (int B = 1; B <= 9; B += 4)
            check_recurrence(state, (oracle_recurrence){1, B, 400, 400, LYRNN_GRU, false}, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_an_output_layer_do_not_see_one_another),
        cmocka_unit_test(streams_of_a_recurrence_do_not_see_one_another),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
