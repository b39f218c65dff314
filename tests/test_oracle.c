/* The oracle on trial before it judges others: its gradients against central finite differences of its own
 * forward pass, and the comparisons against values that must not pass. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "oracle.h"

/* Central differences err by eps^2 in truth and by 1e-16 / eps in rounding: 1e-10 and 1e-11. */
static const double eps = 1e-5;
static const double tolerance = 1e-7;

static void fill(double *values, int count, double bound, uint64_t seed)
{
    for (int i = 0; i < count; i++)
        values[i] = random_number(seed, (uint64_t)i, bound);
}

enum { T = 5, B = 3, H = 4, STRIDE = 6 };

/* A scalar function of a recurrence: its outputs and its last state, each under fixed weights. */
typedef struct {
    oracle_recurrence shape;
    double gates_x[T * B * H], w_hh[H * H], b_hh[H], h_0[B * H];
    double output_weights[T * B * STRIDE], last_weights[B * H];
} recurrence_problem;

/* Slots of h and their step's outputs, as a caller cuts them from the T+1 slots. */
static const double *outputs_of(const recurrence_problem *p, const double *h)
{
    return p->shape.reverse ? h : h + B * STRIDE;
}

static double *state_slot(const recurrence_problem *p, double *h, bool last)
{
    return h + (p->shape.reverse != last ? T * B * STRIDE : 0);
}

static double recurrence_value(const recurrence_problem *p, double *h)
{
    double *first = state_slot(p, h, false);
    for (int b = 0; b < B; b++)
        memcpy(first + b * STRIDE, p->h_0 + b * H, H * sizeof(double));
    oracle_recurrence_forward(&p->shape, p->gates_x, p->w_hh, p->b_hh, h);

    const double *outputs = outputs_of(p, h), *last = state_slot(p, h, true);
    double value = 0;
    for (int row = 0; row < T * B; row++)
        for (int j = 0; j < H; j++)
            value += p->output_weights[row * STRIDE + j] * outputs[row * STRIDE + j];
    for (int b = 0; b < B; b++)
        for (int j = 0; j < H; j++)
            value += p->last_weights[b * H + j] * last[b * STRIDE + j];
    return value;
}

static void check_recurrence_inputs(recurrence_problem *p, const char *what, double *inputs,
                                    const double *gradient, int count)
{
    double h[(T + 1) * B * STRIDE] = {0}, differences[T * B * H];
    for (int i = 0; i < count; i++) {
        double input = inputs[i];
        inputs[i] = input + eps;
        double above = recurrence_value(p, h);
        inputs[i] = input - eps;
        double below = recurrence_value(p, h);
        inputs[i] = input;
        differences[i] = (above - below) / (2 * eps);
    }
    assert_doubles_near(what, gradient, differences, (size_t)count, tolerance);
}

static void check_recurrence(lyrnn_cell cell, bool reverse)
{
    recurrence_problem p = {.shape = {T, B, H, STRIDE, cell, reverse}};
    fill(p.gates_x, T * B * H, 1, 1);
    fill(p.w_hh, H * H, 0.7, 2);
    fill(p.b_hh, H, 0.5, 3);
    fill(p.h_0, B * H, 1, 4);
    fill(p.output_weights, T * B * STRIDE, 1, 5);
    fill(p.last_weights, B * H, 1, 6);

    double h[(T + 1) * B * STRIDE] = {0};
    double dh[B * H], dgates_x[T * B * H], dw_hh[H * H], db_hh[H];
    recurrence_value(&p, h);
    memcpy(dh, p.last_weights, sizeof dh);
    oracle_recurrence_backward(&p.shape, p.w_hh, h, p.output_weights, dh, dgates_x, dw_hh, db_hh);
    check_recurrence_inputs(&p, "dgates_x", p.gates_x, dgates_x, T * B * H);
    check_recurrence_inputs(&p, "dw_hh", p.w_hh, dw_hh, H * H);
    check_recurrence_inputs(&p, "db_hh", p.b_hh, db_hh, H);
    check_recurrence_inputs(&p, "dh_0", p.h_0, dh, B * H);
}

static void tanh_recurrence_gradients_are_finite_differences(void **state)
{
    (void)state;
    check_recurrence(LYRNN_RNN_TANH, false);
    check_recurrence(LYRNN_RNN_TANH, true);
}

static void relu_recurrence_gradients_are_finite_differences(void **state)
{
    (void)state;
    check_recurrence(LYRNN_RNN_RELU, false);
    check_recurrence(LYRNN_RNN_RELU, true);
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

static void check_model(lyrnn_cell cell)
{
    enum { V = 7 };
    oracle_model model = {cell, V, H};
    int count = (int)oracle_model_count(&model);
    double *params = calloc((size_t)count * 3, sizeof *params);
    assert_non_null(params);
    double *grads = params + count, *differences = grads + count;
    double h_0[B * H];
    int32_t inputs[T * B], targets[T * B];
    for (int i = 0; i < T * B; i++) {
        inputs[i] = random_id(7, (uint64_t)i, V);
        targets[i] = random_id(8, (uint64_t)i, V);
    }
    fill(params, count, 0.8, 9);
    fill(h_0, B * H, 1, 10);
    oracle_batch batch = {T, B, inputs, targets, h_0};
    oracle_model_loss(&model, params, &batch, NULL, NULL, grads);
    for (int i = 0; i < count; i++) {
        double param = params[i];
        params[i] = param + eps;
        double above = oracle_model_loss(&model, params, &batch, NULL, NULL, NULL);
        params[i] = param - eps;
        double below = oracle_model_loss(&model, params, &batch, NULL, NULL, NULL);
        params[i] = param;
        differences[i] = (above - below) / (2 * eps);
    }
    assert_doubles_near("model", grads, differences, (size_t)count, tolerance);
    free(params);
}

static void tanh_model_gradients_are_finite_differences(void **state)
{
    (void)state;
    check_model(LYRNN_RNN_TANH);
}

static void relu_model_gradients_are_finite_differences(void **state)
{
    (void)state;
    check_model(LYRNN_RNN_RELU);
}

/* Adam's first step is learning_rate in the direction of the sign, whatever the gradient's size. */
static void first_adam_step_is_the_learning_rate(void **state)
{
    (void)state;
    double params[3] = {1, 2, 3}, grads[3] = {1e-3, -5, 40}, m[3] = {0}, v[3] = {0};
    oracle_adam adam = {1, 0.01, 0, 0.9, 0.999, 1e-8};
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
    oracle_adam adam = {1, 0.01, 1, 0.9, 0.999, 1e-8};
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
        cmocka_unit_test(tanh_recurrence_gradients_are_finite_differences),
        cmocka_unit_test(relu_recurrence_gradients_are_finite_differences),
        cmocka_unit_test(linear_input_gradients_are_finite_differences),
        cmocka_unit_test(tanh_model_gradients_are_finite_differences),
        cmocka_unit_test(relu_model_gradients_are_finite_differences),
        cmocka_unit_test(first_adam_step_is_the_learning_rate),
        cmocka_unit_test(clipping_scales_gradients_to_the_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
