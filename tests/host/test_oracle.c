/* Checks the oracle before it judges others. Its gradients are compared with central finite
 * differences of its own forward pass, and the comparison functions get values that must not
 * pass. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "oracle.h"

/* Central differences have a truncation error of about eps^2 and a rounding error of about 1e-16 /
 * eps: 1e-10 and 1e-11. */
static const double eps = 1e-5;
static const double tolerance = 1e-7;

static void fill(double *values, int count, double bound, uint64_t seed)
{
    for (int i = 0; i < count; i++)
        values[i] = random_number(seed, (uint64_t)i, bound);
}

enum { T = 5, B = 3, H = 4, STRIDE = 6 };

enum { MAX_GATES = 4, STATE = B * H, SLOTS = (T + 1) * B * STRIDE };

/* A scalar function of a recurrence: its outputs and its last state, each with fixed weights. */
typedef struct {
    oracle_recurrence shape;
    double gates_x[T * B * MAX_GATES * H], w_hh[MAX_GATES * H * H], b_hh[MAX_GATES * H];
    double h_0[STATE], c_0[STATE];
    double output_weights[T * B * STRIDE], last_h_weights[STATE], last_c_weights[STATE];
    /* The states that the last forward left. */
    double h[SLOTS], c[SLOTS];
} recurrence_problem;

/* Returns the slot of the first or the last state among the T+1 slots. */
static int state_place(const recurrence_problem *p, bool last)
{
    return p->shape.reverse != last ? T * B * STRIDE : 0;
}

static double recurrence_value(recurrence_problem *p)
{
    bool is_lstm = p->shape.cell == LYRNN_LSTM;
    int first = state_place(p, false), last = state_place(p, true);
    for (int b = 0; b < B; b++) {
        memcpy(p->h + first + b * STRIDE, p->h_0 + b * H, H * sizeof(double));
        memcpy(p->c + first + b * STRIDE, p->c_0 + b * H, H * sizeof(double));
    }
    oracle_recurrence_forward(&p->shape, p->gates_x, p->w_hh, p->b_hh, p->h, is_lstm ? p->c : NULL);

    const double *outputs = p->shape.reverse ? p->h : p->h + B * STRIDE;
    double value = 0;
    for (int row = 0; row < T * B; row++)
        for (int j = 0; j < H; j++)
            value += p->output_weights[row * STRIDE + j] * outputs[row * STRIDE + j];
    for (int i = 0; i < STATE; i++) {
        int place = last + i / H * STRIDE + i % H;
        value += p->last_h_weights[i] * p->h[place];
        value += is_lstm ? p->last_c_weights[i] * p->c[place] : 0;
    }
    return value;
}

static void check_recurrence_inputs(recurrence_problem *p, const char *what, double *inputs,
                                    const double *gradient, int count)
{
    double differences[T * B * MAX_GATES * H];
    for (int i = 0; i < count; i++) {
        double input = inputs[i];
        inputs[i] = input + eps;
        double above = recurrence_value(p);
        inputs[i] = input - eps;
        double below = recurrence_value(p);
        inputs[i] = input;
        differences[i] = (above - below) / (2 * eps);
    }
    assert_doubles_near(what, gradient, differences, (size_t)count, tolerance);
}

static void check_recurrence(lyrnn_cell cell, bool reverse)
{
    recurrence_problem p = {.shape = {T, B, H, STRIDE, cell, reverse}};
    int GH = oracle_num_gates(cell) * H;
    fill(p.gates_x, T * B * GH, 1, 1);
    fill(p.w_hh, GH * H, 0.7, 2);
    fill(p.b_hh, GH, 0.5, 3);
    fill(p.h_0, STATE, 1, 4);
    fill(p.c_0, STATE, 1, 7);
    fill(p.output_weights, T * B * STRIDE, 1, 5);
    fill(p.last_h_weights, STATE, 1, 6);
    fill(p.last_c_weights, STATE, 1, 8);

    bool is_lstm = cell == LYRNN_LSTM;
    double dh[STATE], dc[STATE], dgates_x[T * B * MAX_GATES * H], dprime[T * B * MAX_GATES * H];
    double dw_hh[MAX_GATES * H * H], db_hh[MAX_GATES * H];
    recurrence_value(&p);
    memcpy(dh, p.last_h_weights, sizeof dh);
    memcpy(dc, p.last_c_weights, sizeof dc);
    const oracle_recurrence_grads grads = {dh, is_lstm ? dc : NULL, dgates_x, dprime, dw_hh, db_hh};
    oracle_recurrence_backward(&p.shape, p.gates_x, p.w_hh, p.b_hh, p.h, is_lstm ? p.c : NULL,
                               p.output_weights, &grads);
    check_recurrence_inputs(&p, "dgates_x", p.gates_x, dgates_x, T * B * GH);
    check_recurrence_inputs(&p, "dw_hh", p.w_hh, dw_hh, GH * H);
    check_recurrence_inputs(&p, "db_hh", p.b_hh, db_hh, GH);
    check_recurrence_inputs(&p, "dh_0", p.h_0, dh, STATE);
    if (is_lstm)
        check_recurrence_inputs(&p, "dc_0", p.c_0, dc, STATE);
}

static void recurrence_gradients_are_finite_differences(void **state)
{
    (void)state;
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    for (int i = 0; i < 8; i++)
        check_recurrence(cells[i / 2], i % 2);
}

static void linear_input_gradients_are_finite_differences(void **state)
{
    (void)state;
    enum { M = 3, IN = 4, OUT = 5 };
    double x[M * IN], weight[OUT * IN], bias[OUT], dy[M * OUT], y[M * OUT];
    double dx[M * IN], dweight[OUT * IN], dbias[OUT], differences[M * IN];
    fill(x, M * IN, 1, 1);
    fill(weight, OUT * IN, 1, 2);
    fill(bias, OUT, 1, 3);
    fill(dy, M * OUT, 1, 4);
    oracle_linear_backward(M, IN, OUT, x, weight, dy, dx, dweight, dbias);
    for (int i = 0; i < M * IN; i++) {
        double value[2] = {0, 0}, input = x[i];
        for (int side = 0; side < 2; side++) {
            x[i] = side == 0 ? input - eps : input + eps;
            oracle_linear_forward(M, IN, OUT, x, weight, bias, y);
            for (int k = 0; k < M * OUT; k++)
                value[side] += dy[k] * y[k];
        }
        x[i] = input;
        differences[i] = (value[1] - value[0]) / (2 * eps);
    }
    assert_doubles_near("dx", dx, differences, M * IN, tolerance);
}

/* masks: with dropout at every place. */
static void check_model(oracle_model model, const oracle_masks *masks)
{
    enum { V = 7, MAX_STATE = 6 * B * H };
    int count = (int)oracle_model_count(&model);
    double *params = calloc((size_t)count * 3, sizeof *params);
    assert_non_null(params);
    double *grads = params + count, *differences = grads + count;
    double h_0[MAX_STATE], c_0[MAX_STATE];
    int32_t inputs[T * B], targets[T * B];
    for (int i = 0; i < T * B; i++) {
        inputs[i] = random_id(7, (uint64_t)i, V);
        targets[i] = random_id(8, (uint64_t)i, V);
    }
    fill(params, count, 0.8, 9);
    fill(h_0, MAX_STATE, 1, 10);
    fill(c_0, MAX_STATE, 1, 11);
    oracle_batch batch = {T, B, inputs, targets, h_0, c_0, *masks};
    oracle_model_loss(&model, params, &batch, &(oracle_results){.grads = grads});
    for (int i = 0; i < count; i++) {
        double param = params[i];
        params[i] = param + eps;
        double above = oracle_model_loss(&model, params, &batch, &(oracle_results){0});
        params[i] = param - eps;
        double below = oracle_model_loss(&model, params, &batch, &(oracle_results){0});
        params[i] = param;
        differences[i] = (above - below) / (2 * eps);
    }
    assert_doubles_near("model", grads, differences, (size_t)count, tolerance);
    free(params);
}

static void model_gradients_are_finite_differences(void **state)
{
    (void)state;
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    for (int i = 0; i < 16; i++)
        check_model((oracle_model){.cell = cells[i / 4],
                                   .V = 7,
                                   .H = H,
                                   .num_layers = i % 2 ? 3 : 1,
                                   .bidirectional = i / 2 % 2},
                    &(oracle_masks){0});
}

/* The gradient of a tied embedding has two parts: that of the input and that of the output layer. E
 * is D*H in some cases, so that there is no projection. */
static void gradients_of_embeddings_and_masks_are_finite_differences(void **state)
{
    (void)state;
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    enum { MAX_L = 2, MAX_COUNT = MAX_L * 2 * MAX_GATES * H * H };
    double factors[4][MAX_COUNT];
    fill(factors[0], 4 * MAX_COUNT, 2, 12);
    const oracle_masks none = {0}, all = {factors[0], factors[1], factors[2], factors[3]};
    for (int i = 0; i < 32; i++) {
        const oracle_model model = {.cell = cells[i / 8],
                                    .V = 7,
                                    .H = H,
                                    .num_layers = 1 + i % 2,
                                    .bidirectional = i / 4 % 2,
                                    .E = i % 4 == 1  ? 3
                                         : i / 4 % 2 ? 2 * H
                                                     : H,
                                    .tied = i % 4 > 0};
        check_model(model, i % 2 ? &all : &none);
    }
}

/* Adam's first step is learning_rate against the gradient's sign, whatever the gradient's size. */
static void first_adam_step_is_the_learning_rate(void **state)
{
    (void)state;
    double params[3] = {1, 2, 3}, grads[3] = {1e-3, -5, 40}, m[3] = {0}, v[3] = {0};
    const oracle_adam adam = {
        .step = 1, .learning_rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    double norm = oracle_clip_and_adam(&adam, 3, params, grads, m, v);
    double expected[3] = {0.99, 2.01, 2.99};
    assert_number_near("norm", norm, sqrt(1e-6 + 25 + 1600), 1e-12);
    assert_doubles_near("params", params, expected, 3, 1e-6);
}

static void clipping_scales_gradients_to_the_norm(void **state)
{
    (void)state;
    double params[2] = {0, 0}, grads[2] = {3, 4}, m[2] = {0}, v[2] = {0};
    double expected[2] = {0.1 * 0.6, 0.1 * 0.8};
    const oracle_adam adam = {.step = 1,
                              .learning_rate = 0.01,
                              .clip_norm = 1,
                              .beta1 = 0.9,
                              .beta2 = 0.999,
                              .epsilon = 1e-8};
    oracle_clip_and_adam(&adam, 2, params, grads, m, v);
    assert_doubles_near("m", m, expected, 2, 1e-12);
}

static void comparisons_do_not_let_bad_values_pass(void **state)
{
    (void)state;
    const double expected[3] = {1, 2, 4}, zeros[3] = {0, 0, 0}, nan_expected[3] = {1, NAN, 4};
    const float nan_between[3] = {1, NAN, 4}, infinite[3] = {1, 2, INFINITY}, off[3] = {1, 2, 4.4f};
    const float good[3] = {1, 2, 4};
    assert_true(compare_floats(good, expected, 3).max == 0);
    assert_true(isinf(compare_floats(nan_between, expected, 3).max));
    assert_true(isinf(compare_floats(infinite, expected, 3).max));
    assert_true(isinf(compare_floats(good, nan_expected, 3).max));
    assert_true(isinf(compare_floats(good, zeros, 3).max));
    assert_true(fabs(compare_floats(off, expected, 3).max - 0.1) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_do_not_let_bad_values_pass),
        cmocka_unit_test(recurrence_gradients_are_finite_differences),
        cmocka_unit_test(linear_input_gradients_are_finite_differences),
        cmocka_unit_test(model_gradients_are_finite_differences),
        cmocka_unit_test(gradients_of_embeddings_and_masks_are_finite_differences),
        cmocka_unit_test(first_adam_step_is_the_learning_rate),
        cmocka_unit_test(clipping_scales_gradients_to_the_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
