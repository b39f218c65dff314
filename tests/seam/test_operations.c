/* Lookups, the output layer, sums and initial weights: a backend's operations compared with the
 * oracle for a table of shapes, and the other promises of each operation. The recurrence, the loss,
 * the optimizer and sampling have their own files. LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "op_check.h"
#include "oracle.h"

static const double forward_tolerance = 1e-5;
static const double gradient_tolerance = 1e-4;

/* These tests show that the checks can fail. */

static void guard_bands_show_a_write_past_an_array(void **state)
{
    op_check *check = op_check_begin(state);
    lyrnn_backend *backend = &check->backend;
    float *array = op_check_output_floats(check, 7);
    const float zeros[8] = {0};
    backend->upload(backend, array, zeros, 7 * sizeof(float));
    assert_true(op_check_intact(check));
    backend->upload(backend, array, zeros, 8 * sizeof(float));
    assert_false(op_check_intact(check));

    check = op_check_begin(state);
    array = op_check_output_floats(check, 7);
    backend->zero(backend, array - 1, sizeof(float));
    assert_false(op_check_intact(check));
}

static void a_changed_input_shows(void **state)
{
    op_check *check = op_check_begin(state);
    const float values[2] = {1, 2}, other[2] = {1, 3};
    const float *array = op_check_input_floats(check, values, 2);
    assert_true(op_check_intact(check));
    check->backend.upload(&check->backend, (float *)array, other, sizeof other);
    assert_false(op_check_intact(check));
}

static void an_unwritten_output_is_nan(void **state)
{
    op_check *check = op_check_begin(state);
    const float *values = op_check_fetch(check, op_check_output_floats(check, 33), 33);
    for (int i = 0; i < 33; i++)
        assert_true(isnan(values[i]));
}

/* embedding */

typedef struct {
    int M, V, F;
} embedding_shape;

static const embedding_shape embedding_shapes[] = {
    {1, 1, 1},  {1, 7, 33},  {7, 1, 33},        {33, 33, 1},
    {7, 33, 7}, {33, 7, 33}, {1120, 1027, 256}, {4500, 3000, 3},
};
enum { NUM_EMBEDDING_SHAPES = sizeof embedding_shapes / sizeof *embedding_shapes };

static void check_embedding_forward(void **state, const embedding_shape *s, bool has_bias)
{
    op_check *check = op_check_begin(state);
    int32_t *ids = op_check_ids(check, s->M, s->V, 1);
    float *table = op_check_random(check, s->V * s->F, 1, 2);
    float *bias = op_check_random(check, s->F, 1, 3);
    lyrnn_embedding_forward_args args = {
        .M = s->M,
        .V = s->V,
        .F = s->F,
        .ids = op_check_input(check, ids, (size_t)s->M * sizeof *ids),
        .table = op_check_input_floats(check, table, s->V * s->F),
        .bias = has_bias ? op_check_input_floats(check, bias, s->F) : NULL,
        .out = op_check_output_floats(check, s->M * s->F),
    };
    check->backend.embedding_forward(&check->backend, &args);
    double *expected = op_check_doubles(check, s->M * s->F);
    oracle_embedding_forward(s->M, s->F, ids, op_check_widen(check, table, s->V * s->F),
                             has_bias ? op_check_widen(check, bias, s->F) : NULL, expected);
    char what[64];
    snprintf(what, sizeof what, "M %d V %d F %d", s->M, s->V, s->F);
    assert_near(what, op_check_fetch(check, args.out, s->M * s->F), expected, (size_t)(s->M * s->F),
                forward_tolerance);
}

static void embedding_forward_equals_the_oracle(void **state)
{
    for (int i = 0; i < NUM_EMBEDDING_SHAPES; i++) {
        check_embedding_forward(state, &embedding_shapes[i], true);
        check_embedding_forward(state, &embedding_shapes[i], false);
    }
}

/* Adds the gradients of the rows to those in start (V,F). */
static float *run_embedding_backward(op_check *check, const embedding_shape *s, const int32_t *ids,
                                     const float *dout, const float *start)
{
    const lyrnn_group_ids_args group = {
        .M = s->M,
        .ids = op_check_input(check, ids, (size_t)s->M * sizeof *ids),
        .groups = op_check_output(check, (size_t)s->M * sizeof(int32_t)),
    };
    const lyrnn_embedding_backward_args args = {
        .M = s->M,
        .V = s->V,
        .F = s->F,
        .ids = group.ids,
        .groups = group.groups,
        .dout = op_check_input_floats(check, dout, s->M * s->F),
        .dtable = op_check_in_out_floats(check, start, s->V * s->F),
    };
    check->backend.group_ids(&check->backend, &group);
    check->backend.embedding_backward(&check->backend, &args);
    return op_check_fetch(check, args.dtable, s->V * s->F);
}

static void check_embedding_backward(void **state, const embedding_shape *s)
{
    op_check *check = op_check_begin(state);
    int32_t *ids = op_check_ids(check, s->M, s->V, 1);
    float *dout = op_check_random(check, s->M * s->F, 1, 2);
    float *start = op_check_random(check, s->V * s->F, 1, 4);
    float *actual = run_embedding_backward(check, s, ids, dout, start);
    double *dtable = op_check_doubles(check, s->V * s->F);
    oracle_embedding_backward(s->M, s->V, s->F, ids, op_check_widen(check, dout, s->M * s->F),
                              dtable);
    op_check_add(dtable, start, s->V * s->F);
    char what[64];
    snprintf(what, sizeof what, "M %d V %d F %d", s->M, s->V, s->F);
    assert_near(what, actual, dtable, (size_t)(s->V * s->F), gradient_tolerance);
    assert_same_bits(what, run_embedding_backward(check, s, ids, dout, start), actual,
                     (size_t)(s->V * s->F) * sizeof(float));
}

static void embedding_backward_equals_the_oracle_and_repeats(void **state)
{
    for (int i = 0; i < NUM_EMBEDDING_SHAPES; i++)
        check_embedding_backward(state, &embedding_shapes[i]);
}

static void embedding_backward_leaves_absent_characters_alone(void **state)
{
    op_check *check = op_check_begin(state);
    const embedding_shape s = {7, 33, 5};
    const int32_t ids[7] = {4, 4, 32, 4, 9, 32, 4};
    float *start = op_check_random(check, s.V * s.F, 1, 3);
    float *dtable =
        run_embedding_backward(check, &s, ids, op_check_random(check, s.M * s.F, 1, 2), start);
    for (int v = 0; v < s.V; v++)
        for (int f = 0; f < s.F; f++)
            assert_int_equal(dtable[v * s.F + f] != start[v * s.F + f],
                             v == 4 || v == 9 || v == 32);
}

/* The sum for one character is taken in ascending m, so these terms cancel except for the rounding
 * in that order. */
static void embedding_backward_adds_rows_in_ascending_order(void **state)
{
    op_check *check = op_check_begin(state);
    const embedding_shape s = {4, 2, 1};
    const int32_t ids[4] = {1, 1, 1, 1};
    const float dout[4] = {0x1p24f, 1, -0x1p24f, 1}, zeros[2] = {0};
    assert_true(run_embedding_backward(check, &s, ids, dout, zeros)[1] == 1);
}

/* linear */

typedef struct {
    int M, in, out;
    int gap; /* between two rows of outputs */
} linear_shape;

static const linear_shape linear_shapes[] = {
    {1, 1, 1, 0},    {1, 7, 33, 7},     {7, 33, 1, 7},        {33, 1, 7, 2},
    {33, 33, 33, 0}, {2, 256, 1027, 5}, {1120, 256, 1027, 5},
};
enum { NUM_LINEAR_SHAPES = sizeof linear_shapes / sizeof *linear_shapes };

/* Each array starts `late` floats after the device's natural alignment. */
static const float *late_input(op_check *check, const float *host, int count, int late)
{
    float *shifted = op_check_floats(check, late + count);
    memcpy(shifted + late, host, (size_t)count * sizeof *host);
    return op_check_input_floats(check, shifted, late + count) + late;
}

static const float *run_linear_forward(op_check *check, const linear_shape *s, const float *x,
                                       const float *weight, const float *bias, int late)
{
    /* One row more, because they begin `late` floats late. */
    int stride = s->out + s->gap;
    float *y = op_check_in_out_rows(check, NULL, s->M + 1, s->out, stride);
    lyrnn_linear_forward_args args = {
        .M = s->M,
        .in = s->in,
        .out = s->out,
        .y_stride = stride,
        .x = late_input(check, x, s->M * s->in, late),
        .weight = late_input(check, weight, s->out * s->in, late),
        .bias = bias == NULL ? NULL : late_input(check, bias, s->out, late),
        .y = y + late,
    };
    check->backend.linear_forward(&check->backend, &args);
    return op_check_fetch_rows(check, args.y, s->M, s->out, stride);
}

static void linear_forward_equals_the_oracle_and_repeats(void **state)
{
    for (int i = 0; i < NUM_LINEAR_SHAPES; i++) {
        op_check *check = op_check_begin(state);
        const linear_shape *s = &linear_shapes[i];
        int count = s->M * s->out;
        float *x = op_check_random(check, s->M * s->in, 1, 1);
        float *weight = op_check_random(check, s->out * s->in, 0.5, 2);
        float *bias = op_check_random(check, s->out, 1, 3);
        const float *y = run_linear_forward(check, s, x, weight, bias, 0);
        double *expected = op_check_doubles(check, count);
        oracle_linear_forward(s->M, s->in, s->out, op_check_widen(check, x, s->M * s->in),
                              op_check_widen(check, weight, s->out * s->in),
                              op_check_widen(check, bias, s->out), expected);
        char what[64];
        snprintf(what, sizeof what, "M %d in %d out %d", s->M, s->in, s->out);
        assert_near(what, y, expected, (size_t)count, forward_tolerance);
        assert_same_bits(what, run_linear_forward(check, s, x, weight, bias, 0), y,
                         (size_t)count * sizeof(float));
        assert_near("one float late", run_linear_forward(check, s, x, weight, bias, 1), expected,
                    (size_t)count, forward_tolerance);
        oracle_linear_forward(s->M, s->in, s->out, op_check_widen(check, x, s->M * s->in),
                              op_check_widen(check, weight, s->out * s->in), NULL, expected);
        assert_near("without bias", run_linear_forward(check, s, x, weight, NULL, 0), expected,
                    (size_t)count, forward_tolerance);
    }
}

/* A batch-invariant product, as generation has it. */
static void linear_forward_with_packed_weights_may_lack_a_bias(void **state)
{
    /* The last shape is too large for the simulator, which runs this product thread by thread. */
    for (int i = 0; i < NUM_LINEAR_SHAPES - 1; i++) {
        op_check *check = op_check_begin(state);
        const linear_shape *s = &linear_shapes[i];
        int count = s->M * s->out;
        float *x = op_check_random(check, s->M * s->in, 1, 1);
        float *weight = op_check_random(check, s->out * s->in, 0.5, 2);
        const lyrnn_linear_forward_args args = {
            .M = s->M,
            .in = s->in,
            .out = s->out,
            .y_stride = s->out + s->gap,
            .batch_invariant = true,
            .x = op_check_input_floats(check, x, s->M * s->in),
            .weight = op_check_input_packed(check, weight, 1, s->out, s->in),
            .y = op_check_in_out_rows(check, NULL, s->M, s->out, s->out + s->gap),
        };
        check->backend.linear_forward(&check->backend, &args);
        double *expected = op_check_doubles(check, count);
        oracle_linear_forward(s->M, s->in, s->out, op_check_widen(check, x, s->M * s->in),
                              op_check_widen(check, weight, s->out * s->in), NULL, expected);
        assert_near("packed", op_check_fetch_rows(check, args.y, s->M, s->out, args.y_stride),
                    expected, (size_t)count, forward_tolerance);
    }
}

typedef struct {
    float *dx, *dweight, *dbias;
} linear_grads;

static float *run_linear_backward_dx(op_check *check, const linear_shape *s, const float *weight,
                                     const float *dy, const float *add_to)
{
    lyrnn_linear_backward_args args = {
        .M = s->M,
        .in = s->in,
        .out = s->out,
        .dy_stride = s->out + s->gap,
        .weight = op_check_input_floats(check, weight, s->out * s->in),
        .dy = op_check_input_rows(check, dy, s->M, s->out, s->out + s->gap),
        .add = add_to != NULL,
        .dx = add_to != NULL ? op_check_in_out_floats(check, add_to, s->M * s->in)
                             : op_check_output_floats(check, s->M * s->in),
    };
    check->backend.linear_backward(&check->backend, &args);
    return op_check_fetch(check, args.dx, s->M * s->in);
}

static linear_grads run_linear_backward(op_check *check, const linear_shape *s, const float *x,
                                        const float *weight, const float *dy,
                                        const linear_grads *add_to)
{
    lyrnn_linear_backward_weights_args args = {
        .M = s->M,
        .in = s->in,
        .out = s->out,
        .dy_stride = s->out + s->gap,
        .x = op_check_input_floats(check, x, s->M * s->in),
        .dy = op_check_input_rows(check, dy, s->M, s->out, s->out + s->gap),
        .add = add_to != NULL,
        .dweight = op_check_sums(check, add_to == NULL ? NULL : add_to->dweight, s->out * s->in),
        .dbias = op_check_sums(check, add_to == NULL ? NULL : add_to->dbias, s->out),
    };
    check->backend.linear_backward_weights(&check->backend, &args);
    lyrnn_linear_backward_weights_args unbiased = args;
    unbiased.add = false;
    unbiased.dbias = NULL;
    unbiased.dweight = op_check_output_floats(check, s->out * s->in);
    check->backend.linear_backward_weights(&check->backend, &unbiased);
    const float *dweight = op_check_fetch(check, unbiased.dweight, s->out * s->in);
    if (add_to == NULL)
        assert_same_bits("without dbias", dweight,
                         op_check_fetch(check, args.dweight, s->out * s->in),
                         (size_t)(s->out * s->in) * sizeof(float));
    return (linear_grads){
        run_linear_backward_dx(check, s, weight, dy, add_to == NULL ? NULL : add_to->dx),
        op_check_fetch(check, args.dweight, s->out * s->in),
        op_check_fetch(check, args.dbias, s->out)};
}

static void check_linear_backward(void **state, const linear_shape *s)
{
    op_check *check = op_check_begin(state);
    size_t num_x = (size_t)(s->M * s->in), num_w = (size_t)(s->out * s->in), num_b = (size_t)s->out;
    float *x = op_check_random(check, s->M * s->in, 1, 1);
    float *weight = op_check_random(check, s->out * s->in, 0.5, 2);
    float *dy = op_check_random(check, s->M * s->out, 1, 3);
    linear_grads actual = run_linear_backward(check, s, x, weight, dy, NULL);
    double *dx = op_check_doubles(check, s->M * s->in);
    double *dweight = op_check_doubles(check, s->out * s->in);
    double *dbias = op_check_doubles(check, s->out);
    oracle_linear_backward(s->M, s->in, s->out, op_check_widen(check, x, s->M * s->in),
                           op_check_widen(check, weight, s->out * s->in),
                           op_check_widen(check, dy, s->M * s->out), dx, dweight, dbias);
    char what[64];
    snprintf(what, sizeof what, "M %d in %d out %d", s->M, s->in, s->out);
    assert_near(what, actual.dx, dx, num_x, gradient_tolerance);
    assert_near(what, actual.dweight, dweight, num_w, gradient_tolerance);
    assert_near(what, actual.dbias, dbias, num_b, gradient_tolerance);

    linear_grads again = run_linear_backward(check, s, x, weight, dy, NULL);
    assert_same_bits(what, again.dx, actual.dx, num_x * sizeof(float));
    assert_same_bits(what, again.dweight, actual.dweight, num_w * sizeof(float));
    assert_same_bits(what, again.dbias, actual.dbias, num_b * sizeof(float));
}

static void linear_backward_equals_the_oracle_and_repeats(void **state)
{
    for (int i = 0; i < NUM_LINEAR_SHAPES; i++)
        check_linear_backward(state, &linear_shapes[i]);
}

static void assert_are_sums(const float *sums, const float *a, const float *b, int count)
{
    for (int i = 0; i < count; i++)
        assert_true(fabsf(sums[i] - (a[i] + b[i])) <= 1e-5f);
}

static void linear_backward_adds_where_asked(void **state)
{
    op_check *check = op_check_begin(state);
    const linear_shape s = {33, 7, 5, 1};
    float *x = op_check_random(check, s.M * s.in, 1, 1);
    float *weight = op_check_random(check, s.out * s.in, 0.5, 2);
    float *dy = op_check_random(check, s.M * s.out, 1, 3);
    linear_grads start = {op_check_random(check, s.M * s.in, 1, 4),
                          op_check_random(check, s.out * s.in, 1, 5),
                          op_check_random(check, s.out, 1, 6)};
    linear_grads alone = run_linear_backward(check, &s, x, weight, dy, NULL);
    linear_grads added = run_linear_backward(check, &s, x, weight, dy, &start);
    assert_are_sums(added.dx, start.dx, alone.dx, s.M * s.in);
    assert_are_sums(added.dweight, start.dweight, alone.dweight, s.out * s.in);
    assert_are_sums(added.dbias, start.dbias, alone.dbias, s.out);
}

/* add */

static void check_add(void **state, int count)
{
    op_check *check = op_check_begin(state);
    const float *sum = op_check_random(check, count, 1, 1);
    const float *values = op_check_random(check, count, 1, 2);
    const lyrnn_add_args args = {
        .count = (size_t)count,
        .values = op_check_input_floats(check, values, count),
        .sum = op_check_in_out_floats(check, sum, count),
    };
    check->backend.add(&check->backend, &args);
    const float *actual = op_check_fetch(check, args.sum, count);
    for (int i = 0; i < count; i++)
        assert_true(actual[i] == sum[i] + values[i]);
}

static void add_adds_every_element(void **state)
{
    const int counts[] = {1, 7, 33, 256, 257, 70001};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        check_add(state, counts[i]);
}

/* copy_rows and lanes */

static void copy_rows_copies_rows_and_nothing_between(void **state)
{
    enum { ROWS = 5, TO = 7, FROM = 11, WIDTH = 3 };
    op_check *check = op_check_begin(state);
    float *from = op_check_random(check, ROWS * FROM, 1, 1);
    float *to = op_check_random(check, ROWS * TO, 1, 2);
    float *device = op_check_in_out_floats(check, to, ROWS * TO);
    check->backend.copy_rows(&check->backend, device + 2, TO * sizeof(float),
                             op_check_input_floats(check, from, ROWS * FROM) + 4,
                             FROM * sizeof(float), WIDTH * sizeof(float), ROWS);
    float *result = op_check_fetch(check, device, ROWS * TO);
    for (int i = 0; i < ROWS * TO; i++) {
        int row = i / TO, column = i % TO - 2;
        bool copied = column >= 0 && column < WIDTH;
        assert_true(result[i] == (copied ? from[row * FROM + 4 + column] : to[i]));
    }
}

/* A value that is handed from lane to lane and back to the first. */
static void a_lane_sees_what_it_waited_for(void **state)
{
    enum { COUNT = 10000 };
    op_check *check = op_check_begin(state);
    lyrnn_backend *backend = &check->backend;
    size_t num_bytes = COUNT * sizeof(float);
    float *values = op_check_random(check, COUNT, 1, 1);
    const float *from = op_check_input_floats(check, values, COUNT);
    for (int lane = 0; lane < backend->num_lanes; lane++) {
        float *to = op_check_output_floats(check, COUNT);
        backend->lane_use(backend, lane);
        backend->lane_wait(backend, lane == 0 ? 0 : lane - 1);
        backend->copy_rows(backend, to, num_bytes, from, num_bytes, num_bytes, 1);
        from = to;
    }
    backend->lane_use(backend, 0);
    backend->lane_wait(backend, backend->num_lanes - 1);
    assert_same_bits("last lane", op_check_fetch(check, from, COUNT), values, num_bytes);
}

/* init_uniform */

static void check_init_uniform(void **state, int count, uint64_t purpose, uint64_t position)
{
    op_check *check = op_check_begin(state);
    lyrnn_init_uniform_args args = {
        .count = (size_t)count,
        .bound = 0.0625f,
        .seed = 0x123456789abcdefu,
        .purpose = purpose,
        .position = position,
        .values = op_check_output_floats(check, count),
    };
    check->backend.init_uniform(&check->backend, &args);
    const float *values = op_check_fetch(check, args.values, count);
    double *expected = op_check_doubles(check, count);
    for (int i = 0; i < count; i++) {
        double u = (double)lyrnn_philox_uniform(args.seed, purpose, position + (uint64_t)i);
        expected[i] = (2 * u - 1) * 0.0625;
    }
    /* The bound is a power of two, so the formula rounds the same in any order. */
    for (int i = 0; i < count; i++)
        assert_true(values[i] == (float)expected[i]);
}

static void init_uniform_draws_the_numbers_of_its_positions(void **state)
{
    const int counts[] = {1, 3, 7, 33, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_init_uniform(state, counts[i], LYRNN_PURPOSE_INIT, 0);
        check_init_uniform(state, counts[i], LYRNN_PURPOSE_INIT, 5);
        check_init_uniform(state, counts[i], UINT64_C(0x700000003), UINT64_C(0x3fffffffe));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_bands_show_a_write_past_an_array),
        cmocka_unit_test(a_changed_input_shows),
        cmocka_unit_test(an_unwritten_output_is_nan),
        cmocka_unit_test(embedding_forward_equals_the_oracle),
        cmocka_unit_test(embedding_backward_equals_the_oracle_and_repeats),
        cmocka_unit_test(embedding_backward_leaves_absent_characters_alone),
        cmocka_unit_test(embedding_backward_adds_rows_in_ascending_order),
        cmocka_unit_test(linear_forward_equals_the_oracle_and_repeats),
        cmocka_unit_test(linear_forward_with_packed_weights_may_lack_a_bias),
        cmocka_unit_test(linear_backward_equals_the_oracle_and_repeats),
        cmocka_unit_test(linear_backward_adds_where_asked),
        cmocka_unit_test(add_adds_every_element),
        cmocka_unit_test(copy_rows_copies_rows_and_nothing_between),
        cmocka_unit_test(a_lane_sees_what_it_waited_for),
        cmocka_unit_test(init_uniform_draws_the_numbers_of_its_positions),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
