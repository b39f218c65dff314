/* rnn.h as a program outside lyrnn uses it: torch.nn.RNN over host arrays. The shapes include the
 * tutorial's example, the values are compared with the oracle's, and invalid arguments give errors.
 * LYRNN_TEST_DEVICE names the device. */
#include "lyrnn/rnn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "op_check.h"
#include "oracle.h"

/* A network with its shape, and host arrays for one call. */
typedef struct {
    lyrnn_rnn_config config;
    int T, B;
    lyrnn_rnn *rnn;
    float *input, *h_0, *output, *h_n;
} rnn_case;

static rnn_case rnn_case_new(op_check *check, lyrnn_cell cell, int T, int B, int V, int H)
{
    rnn_case c = {
        .config = {.cell = cell, .input_size = V, .hidden_size = H, .num_layers = 1},
        .T = T,
        .B = B,
        .input = op_check_random(check, T * B * V, 1, 1),
        .h_0 = op_check_random(check, B * H, 1, 2),
        .output = op_check_floats(check, T * B * H),
        .h_n = op_check_floats(check, B * H),
    };
    for (int i = 0; i < T * B * H; i++)
        c.output[i] = NAN;
    for (int i = 0; i < B * H; i++)
        c.h_n[i] = NAN;
    assert_int_equal(lyrnn_rnn_open(&c.rnn, &c.config, false, &check->backend, 7), LYRNN_OK);
    return c;
}

static void run_forward(lyrnn_rnn *rnn, lyrnn_rnn_forward_args args)
{
    assert_int_equal(lyrnn_rnn_forward(rnn, &args), LYRNN_OK);
}

static void run_backward(lyrnn_rnn *rnn, lyrnn_rnn_backward_args args)
{
    assert_int_equal(lyrnn_rnn_backward(rnn, &args), LYRNN_OK);
}

static double *parameter(op_check *check, const rnn_case *c, const char *name, int count)
{
    float *values = op_check_floats(check, count);
    assert_int_equal(lyrnn_rnn_get_parameter(c->rnn, name, values), LYRNN_OK);
    return op_check_widen(check, values, count);
}

/* Returns slots 0..T of the state, computed from the network's own parameters. */
static double *expected_states(op_check *check, const rnn_case *c, const float *h_0)
{
    int V = c->config.input_size, H = c->config.hidden_size, M = c->T * c->B;
    oracle_recurrence shape = {c->T, c->B, H, H, c->config.cell, false};
    double *gates_x = op_check_doubles(check, M * H);
    double *h = op_check_doubles(check, (c->T + 1) * c->B * H);
    for (int i = 0; i < c->B * H && h_0 != NULL; i++)
        h[i] = (double)h_0[i];
    oracle_linear_forward(M, V, H, op_check_widen(check, c->input, M * V),
                          parameter(check, c, "weight_ih_l0", H * V),
                          parameter(check, c, "bias_ih_l0", H), gates_x);
    oracle_recurrence_forward(&shape, gates_x, parameter(check, c, "weight_hh_l0", H * H),
                              parameter(check, c, "bias_hh_l0", H), h, NULL);
    return h;
}

static void check_forward(op_check *check, rnn_case *c, const float *h_0)
{
    int BH = c->B * c->config.hidden_size, count = c->T * BH;
    run_forward(c->rnn, (lyrnn_rnn_forward_args){.T = c->T,
                                                 .B = c->B,
                                                 .input = c->input,
                                                 .h_0 = h_0,
                                                 .output = c->output,
                                                 .h_n = c->h_n});
    const double *h = expected_states(check, c, h_0);
    assert_near("output", c->output, h + BH, (size_t)count, 1e-5);
    assert_same_bits("h_n", c->h_n, c->output + count - BH, (size_t)BH * sizeof(float));
}

static void the_tutorials_example_has_pytorchs_shapes_and_values(void **state)
{
    enum { T = 35, B = 2, V = 1027, H = 256 };
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, T, B, V, H);
    /* The tutorial feeds one-hot vectors. */
    memset(c.input, 0, (size_t)(T * B * V) * sizeof(float));
    for (int row = 0; row < T * B; row++)
        c.input[row * V + random_id(1, (uint64_t)row, V)] = 1;
    check_forward(check, &c, NULL);
    lyrnn_rnn_close(c.rnn);
}

static void output_equals_the_oracle_for_odd_shapes(void **state)
{
    const int shapes[][4] = {{1, 1, 1, 1}, {7, 33, 1, 7}, {33, 1, 7, 33}, {3, 7, 33, 1}};
    for (int i = 0; i < 8; i++) {
        const int *s = shapes[i / 2];
        op_check *check = op_check_begin(state);
        rnn_case c =
            rnn_case_new(check, i % 2 ? LYRNN_RNN_RELU : LYRNN_RNN_TANH, s[0], s[1], s[2], s[3]);
        check_forward(check, &c, c.h_0);
        lyrnn_rnn_close(c.rnn);
    }
}

/* Longer, shorter, wider: the results must not depend on earlier calls. */
static void calls_of_other_shapes_follow_one_another(void **state)
{
    const int shapes[][2] = {{5, 3}, {2, 3}, {9, 3}, {9, 1}, {4, 7}, {5, 3}};
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, 9, 7, 5, 6);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        c.T = shapes[i][0];
        c.B = shapes[i][1];
        check_forward(check, &c, i % 2 ? c.h_0 : NULL);
    }
    lyrnn_rnn_close(c.rnn);
}

static void no_h_0_means_zeros(void **state)
{
    enum { T = 5, B = 3, V = 7, H = 8 };
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, T, B, V, H);
    float *zeros = op_check_floats(check, B * H), *other = op_check_floats(check, T * B * H);
    /* This runs after a call that left a state behind. */
    run_forward(
        c.rnn,
        (lyrnn_rnn_forward_args){
            .T = T, .B = B, .input = c.input, .h_0 = c.h_0, .output = c.output, .h_n = c.h_n});
    run_forward(c.rnn, (lyrnn_rnn_forward_args){
                           .T = T, .B = B, .input = c.input, .output = c.output, .h_n = c.h_n});
    run_forward(c.rnn, (lyrnn_rnn_forward_args){
                           .T = T, .B = B, .input = c.input, .h_0 = zeros, .output = other});
    assert_same_bits("output", c.output, other, T * B * H * sizeof(float));
    lyrnn_rnn_close(c.rnn);
}

static void the_last_state_continues_the_sequence(void **state)
{
    enum { T = 8, HALF = 4, B = 3, V = 7, H = 8 };
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, T, B, V, H);
    float *parts = op_check_floats(check, T * B * H);
    run_forward(c.rnn, (lyrnn_rnn_forward_args){
                           .T = T, .B = B, .input = c.input, .h_0 = c.h_0, .output = c.output});
    run_forward(
        c.rnn,
        (lyrnn_rnn_forward_args){
            .T = HALF, .B = B, .input = c.input, .h_0 = c.h_0, .output = parts, .h_n = c.h_n});
    run_forward(c.rnn, (lyrnn_rnn_forward_args){.T = HALF,
                                                .B = B,
                                                .input = c.input + HALF * B * V,
                                                .h_0 = c.h_n,
                                                .output = parts + HALF * B * H});
    assert_near("output", parts, op_check_widen(check, c.output, T * B * H), T * B * H, 1e-6);
    lyrnn_rnn_close(c.rnn);
}

static void batch_first_swaps_the_first_two_axes(void **state)
{
    enum { T = 5, B = 3, V = 7, H = 8 };
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, T, B, V, H);
    lyrnn_rnn *batch_first;
    assert_int_equal(lyrnn_rnn_open(&batch_first, &c.config, true, &check->backend, 7), LYRNN_OK);
    float *input = op_check_floats(check, B * T * V), *output = op_check_floats(check, B * T * H);
    float *h_n = op_check_floats(check, B * H);
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++)
            memcpy(input + (b * T + t) * V, c.input + (t * B + b) * V, V * sizeof(float));
    run_forward(
        c.rnn,
        (lyrnn_rnn_forward_args){
            .T = T, .B = B, .input = c.input, .h_0 = c.h_0, .output = c.output, .h_n = c.h_n});
    run_forward(batch_first,
                (lyrnn_rnn_forward_args){
                    .T = T, .B = B, .input = input, .h_0 = c.h_0, .output = output, .h_n = h_n});
    for (int t = 0; t < T; t++)
        for (int b = 0; b < B; b++)
            assert_same_bits("output", output + (b * T + t) * H, c.output + (t * B + b) * H,
                             H * sizeof(float));
    assert_same_bits("h_n", h_n, c.h_n, B * H * sizeof(float));
    lyrnn_rnn_close(batch_first);
    lyrnn_rnn_close(c.rnn);
}

static void a_result_that_nobody_wants_may_be_null(void **state)
{
    enum { T = 5, B = 3, V = 7, H = 8 };
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, T, B, V, H);
    float *h_n = op_check_floats(check, B * H);
    run_forward(c.rnn, (lyrnn_rnn_forward_args){
                           .T = T, .B = B, .input = c.input, .output = c.output, .h_n = c.h_n});
    run_forward(c.rnn, (lyrnn_rnn_forward_args){.T = T, .B = B, .input = c.input, .h_n = h_n});
    assert_same_bits("h_n", h_n, c.h_n, B * H * sizeof(float));
    run_forward(c.rnn, (lyrnn_rnn_forward_args){.T = T, .B = B, .input = c.input});
    lyrnn_rnn_close(c.rnn);
}

/* What the numeric differences vary. The loss is the sum of weights times output, h_n and c_n. */
typedef struct {
    lyrnn_rnn *rnn;
    lyrnn_rnn_config config;
    int T, B, num_input, num_output, num_state;
    /* c_0 and c_n are NULL except for lstm. */
    float *input, *h_0, *c_0, *output, *h_n, *c_n;
    /* c_weights is NULL except for lstm. */
    float *output_weights, *h_weights, *c_weights;
    float *dinput, *dh_0, *dc_0;
} backward_case;

static double backward_value(backward_case *c)
{
    run_forward(c->rnn, (lyrnn_rnn_forward_args){.T = c->T,
                                                 .B = c->B,
                                                 .input = c->input,
                                                 .h_0 = c->h_0,
                                                 .c_0 = c->c_0,
                                                 .output = c->output,
                                                 .h_n = c->h_n,
                                                 .c_n = c->c_n});
    double value = 0;
    for (int i = 0; i < c->num_output; i++)
        value += (double)c->output_weights[i] * (double)c->output[i];
    for (int i = 0; i < c->num_state; i++) {
        value += (double)c->h_weights[i] * (double)c->h_n[i];
        value += c->c_n == NULL ? 0 : (double)c->c_weights[i] * (double)c->c_n[i];
    }
    return value;
}

/* Differences in float are coarse, but they show a wrong term or a forgotten direction or layer. */
static void assert_difference(backward_case *c, float *place, float gradient)
{
    const float step = 1e-2f;
    float before = *place;
    *place = before + step;
    double above = backward_value(c);
    *place = before - step;
    double below = backward_value(c);
    *place = before;
    double slope = (above - below) / (2 * (double)step);
    assert_true(fabs(slope - (double)gradient) <= 2e-3 * (1 + fabs(slope)));
}

static void assert_parameter_difference(op_check *check, backward_case *c, const char *name,
                                        const float *gradient, int count)
{
    float *values = op_check_floats(check, count);
    assert_int_equal(lyrnn_rnn_get_parameter(c->rnn, name, values), LYRNN_OK);
    int i = count / 2;
    const float step = 1e-2f, before = values[i];
    values[i] = before + step;
    assert_int_equal(lyrnn_rnn_set_parameter(c->rnn, name, values), LYRNN_OK);
    double above = backward_value(c);
    values[i] = before - step;
    assert_int_equal(lyrnn_rnn_set_parameter(c->rnn, name, values), LYRNN_OK);
    double below = backward_value(c);
    values[i] = before;
    assert_int_equal(lyrnn_rnn_set_parameter(c->rnn, name, values), LYRNN_OK);
    double slope = (above - below) / (2 * (double)step);
    if (!(fabs(slope - (double)gradient[i]) <= 2e-3 * (1 + fabs(slope))))
        fail_msg("%s: gradient %g, difference %g", name, (double)gradient[i], slope);
}

static backward_case backward_case_new(op_check *check, lyrnn_rnn_config config, bool batch_first)
{
    enum { T = 4, B = 3 };
    int D = config.bidirectional ? 2 : 1, H = config.hidden_size;
    backward_case c = {.config = config,
                       .T = T,
                       .B = B,
                       .num_input = T * B * config.input_size,
                       .num_output = T * B * D * H,
                       .num_state = config.num_layers * D * B * H};
    bool is_lstm = config.cell == LYRNN_LSTM;
    c.input = op_check_random(check, c.num_input, 1, 1);
    c.h_0 = op_check_random(check, c.num_state, 0.5, 2);
    c.c_0 = is_lstm ? op_check_random(check, c.num_state, 0.5, 3) : NULL;
    c.output = op_check_floats(check, c.num_output);
    c.h_n = op_check_floats(check, c.num_state);
    c.c_n = is_lstm ? op_check_floats(check, c.num_state) : NULL;
    c.output_weights = op_check_random(check, c.num_output, 1, 4);
    c.h_weights = op_check_random(check, c.num_state, 1, 5);
    c.c_weights = is_lstm ? op_check_random(check, c.num_state, 1, 6) : NULL;
    c.dinput = op_check_floats(check, c.num_input);
    c.dh_0 = op_check_floats(check, c.num_state);
    c.dc_0 = is_lstm ? op_check_floats(check, c.num_state) : NULL;
    assert_int_equal(lyrnn_rnn_open(&c.rnn, &config, batch_first, &check->backend, 7), LYRNN_OK);
    lyrnn_rnn_set_training(c.rnn, false);
    return c;
}

static void check_rnn_backward(op_check *check, lyrnn_rnn_config config, bool batch_first)
{
    backward_case c = backward_case_new(check, config, batch_first);
    backward_value(&c);
    run_backward(c.rnn, (lyrnn_rnn_backward_args){.doutput = c.output_weights,
                                                  .dh_n = c.h_weights,
                                                  .dc_n = c.c_weights,
                                                  .dinput = c.dinput,
                                                  .dh_0 = c.dh_0,
                                                  .dc_0 = c.dc_0});
    /* Read before the differences run other forward passes. */
    const lyrnn_parameters *parameters = lyrnn_rnn_parameters(c.rnn);
    float *gradients[LYRNN_MAX_PARAMETERS];
    for (int i = 0; i < parameters->num; i++) {
        int count = (int)lyrnn_parameter_count(&parameters->items[i]);
        gradients[i] = op_check_floats(check, count);
        assert_int_equal(lyrnn_rnn_get_gradient(c.rnn, parameters->items[i].name, gradients[i]),
                         LYRNN_OK);
    }
    for (int i = 0; i < parameters->num; i++)
        assert_parameter_difference(check, &c, parameters->items[i].name, gradients[i],
                                    (int)lyrnn_parameter_count(&parameters->items[i]));
    for (int i = 0; i < c.num_input; i += 5)
        assert_difference(&c, &c.input[i], c.dinput[i]);
    for (int i = 0; i < c.num_state; i += 7) {
        assert_difference(&c, &c.h_0[i], c.dh_0[i]);
        if (c.c_0 != NULL)
            assert_difference(&c, &c.c_0[i], c.dc_0[i]);
    }
    lyrnn_rnn_close(c.rnn);
}

static void backward_is_the_slope_of_forward(void **state)
{
    /* Without relu: a difference across its kink is not its gradient. */
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_LSTM, LYRNN_GRU};
    for (int i = 0; i < 6; i++)
        check_rnn_backward(op_check_begin(state),
                           (lyrnn_rnn_config){.cell = cells[i % 3],
                                              .input_size = 5,
                                              .hidden_size = 6,
                                              .num_layers = 2,
                                              .bidirectional = i / 3},
                           i % 2);
}

static void backward_needs_a_forward_before_it(void **state)
{
    op_check *check = op_check_begin(state);
    lyrnn_rnn_config config = {
        .cell = LYRNN_GRU, .input_size = 5, .hidden_size = 6, .num_layers = 1};
    backward_case c = backward_case_new(check, config, false);
    assert_int_equal(lyrnn_rnn_backward(c.rnn, &(lyrnn_rnn_backward_args){0}), LYRNN_ERR_USAGE);
    backward_value(&c);
    run_backward(c.rnn, (lyrnn_rnn_backward_args){0});
    assert_int_equal(lyrnn_rnn_backward(c.rnn, &(lyrnn_rnn_backward_args){0}), LYRNN_ERR_USAGE);
    lyrnn_rnn_close(c.rnn);
}

static void only_lstm_has_a_cell_state(void **state)
{
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_GRU, 2, 2, 3, 4);
    assert_int_equal(lyrnn_rnn_forward(c.rnn, &(lyrnn_rnn_forward_args){.T = 2,
                                                                        .B = 2,
                                                                        .input = c.input,
                                                                        .h_0 = c.h_0,
                                                                        .c_0 = c.h_0,
                                                                        .output = c.output,
                                                                        .h_n = c.h_n}),
                     LYRNN_ERR_USAGE);
    assert_non_null(strstr(lyrnn_error_text(), "gru has no cell state"));
    lyrnn_rnn_close(c.rnn);
}

static void training_drops_out_and_evaluation_does_not(void **state)
{
    enum { T = 5, B = 3, V = 7, H = 8 };
    op_check *check = op_check_begin(state);
    lyrnn_rnn_config config = {
        .cell = LYRNN_LSTM, .input_size = V, .hidden_size = H, .num_layers = 2, .dropout = 0.5f};
    float *input = op_check_random(check, T * B * V, 1, 1), *outputs[4];
    lyrnn_rnn *rnn;
    assert_int_equal(lyrnn_rnn_open(&rnn, &config, false, &check->backend, 7), LYRNN_OK);
    for (int i = 0; i < 4; i++) {
        outputs[i] = op_check_floats(check, T * B * H);
        lyrnn_rnn_set_training(rnn, i < 2);
        run_forward(rnn,
                    (lyrnn_rnn_forward_args){.T = T, .B = B, .input = input, .output = outputs[i]});
    }
    const size_t num_bytes = T * B * H * sizeof(float);
    assert_memory_not_equal(outputs[0], outputs[1], num_bytes);
    assert_memory_not_equal(outputs[0], outputs[2], num_bytes);
    assert_same_bits("evaluation", outputs[2], outputs[3], num_bytes);
    lyrnn_rnn_close(rnn);
}

static void parameters_have_pytorchs_names_and_shapes(void **state)
{
    enum { V = 7, H = 8 };
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, 1, 1, V, H);
    const lyrnn_parameters *parameters = lyrnn_rnn_parameters(c.rnn);
    const char *names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    const int rows[] = {H, H, H, H}, cols[] = {V, H, 0, 0};
    assert_int_equal(parameters->num, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(parameters->items[i].name, names[i]);
        assert_int_equal(parameters->items[i].rows, rows[i]);
        assert_int_equal(parameters->items[i].cols, cols[i]);
        int count = (int)lyrnn_parameter_count(&parameters->items[i]);
        float *values = op_check_random(check, count, 1, (uint64_t)i);
        float *back = op_check_floats(check, count);
        assert_int_equal(lyrnn_rnn_set_parameter(c.rnn, names[i], values), LYRNN_OK);
        assert_int_equal(lyrnn_rnn_get_parameter(c.rnn, names[i], back), LYRNN_OK);
        assert_same_bits(names[i], back, values, (size_t)count * sizeof(float));
    }
    lyrnn_rnn_close(c.rnn);
}

static void initial_weights_lie_in_pytorchs_bounds(void **state)
{
    enum { V = 33, H = 64 };
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, 1, 1, V, H);
    const char *names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    const int counts[] = {H * V, H * H, H, H};
    for (int i = 0; i < 4; i++) {
        const double *values = parameter(check, &c, names[i], counts[i]);
        double largest = 0;
        for (int k = 0; k < counts[i]; k++)
            largest = fmax(largest, fabs(values[k]));
        assert_true(largest <= 0.125 && largest > 0.1);
    }
    lyrnn_rnn_close(c.rnn);
}

static void an_unknown_parameter_is_an_error(void **state)
{
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, 1, 1, 2, 3);
    float value = 0;
    const char *names[] = {"weight_ih_l1", "dense.weight", "", "weight_ih_l0 "};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(lyrnn_rnn_set_parameter(c.rnn, names[i], &value), LYRNN_ERR_USAGE);
        assert_int_equal(lyrnn_rnn_get_parameter(c.rnn, names[i], &value), LYRNN_ERR_USAGE);
        assert_non_null(strstr(lyrnn_error_text(), names[i]));
    }
    lyrnn_rnn_close(c.rnn);
}

static void steps_or_streams_that_are_not_positive_are_an_error(void **state)
{
    op_check *check = op_check_begin(state);
    rnn_case c = rnn_case_new(check, LYRNN_RNN_TANH, 2, 2, 2, 3);
    const int shapes[][2] = {{0, 1}, {1, 0}, {-1, 1}, {1, -1}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(lyrnn_rnn_forward(c.rnn, &(lyrnn_rnn_forward_args){.T = shapes[i][0],
                                                                            .B = shapes[i][1],
                                                                            .input = c.input,
                                                                            .output = c.output,
                                                                            .h_n = c.h_n}),
                         LYRNN_ERR_USAGE);
    check_forward(check, &c, NULL);
    lyrnn_rnn_close(c.rnn);
}

static void a_network_out_of_range_is_an_error(void **state)
{
    op_check *check = op_check_begin(state);
    const lyrnn_rnn_config good = {
        .cell = LYRNN_RNN_TANH, .input_size = 2, .hidden_size = 3, .num_layers = 1};
    lyrnn_rnn_config bad[5] = {good, good, good, good, good};
    bad[0].hidden_size = 0;
    bad[1].input_size = 0;
    bad[2].hidden_size = -1;
    bad[3].hidden_size = LYRNN_MAX_HIDDEN_SIZE + 1;
    bad[4].num_layers = 0;
    for (int i = 0; i < 5; i++) {
        lyrnn_rnn *rnn = NULL;
        assert_int_equal(lyrnn_rnn_open(&rnn, &bad[i], false, &check->backend, 1), LYRNN_ERR_USAGE);
        lyrnn_rnn_close(rnn);
    }
    lyrnn_rnn_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tutorials_example_has_pytorchs_shapes_and_values),
        cmocka_unit_test(output_equals_the_oracle_for_odd_shapes),
        cmocka_unit_test(calls_of_other_shapes_follow_one_another),
        cmocka_unit_test(no_h_0_means_zeros),
        cmocka_unit_test(the_last_state_continues_the_sequence),
        cmocka_unit_test(batch_first_swaps_the_first_two_axes),
        cmocka_unit_test(a_result_that_nobody_wants_may_be_null),
        cmocka_unit_test(backward_is_the_slope_of_forward),
        cmocka_unit_test(backward_needs_a_forward_before_it),
        cmocka_unit_test(only_lstm_has_a_cell_state),
        cmocka_unit_test(training_drops_out_and_evaluation_does_not),
        cmocka_unit_test(parameters_have_pytorchs_names_and_shapes),
        cmocka_unit_test(initial_weights_lie_in_pytorchs_bounds),
        cmocka_unit_test(an_unknown_parameter_is_an_error),
        cmocka_unit_test(steps_or_streams_that_are_not_positive_are_an_error),
        cmocka_unit_test(a_network_out_of_range_is_an_error),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
