/* Lookups, the output layer and initial weights: a backend's operations compared with the oracle
 * for a table of shapes, and the other promises of each operation. The recurrence, the
 * loss, the optimizer and sampling have their own files. LYRNN_TEST_DEVICE names the device. */
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

/* batch_gather */

/* Chunks of every length from T down to 0. */
static void batch_gather_takes_the_batch_that_the_counter_names(void **state)
{
    enum { T = 7, B = 3, N = 101, K = 4 };
    op_check *check = op_check_begin(state);
    lyrnn_backend *backend = &check->backend;
    int32_t *ids = op_check_ids(check, N, 33, 1);
    lyrnn_chunk chunks[K * B];
    for (int i = 0; i < K * B; i++)
        chunks[i] = (lyrnn_chunk){.start = random_id(2, (uint64_t)i, N - T),
                                  .num_targets = (K * B - 1 - i) % (T + 1),
                                  .from_zero = i % 2};
    /* The last characters that a batch may read. */
    chunks[2 * B + 1] = (lyrnn_chunk){.start = N - T - 1, .num_targets = T};
    chunks[3 * B + 1] = (lyrnn_chunk){.start = N - 2, .num_targets = 1, .from_zero = 1};
    lyrnn_counters before = {
        .batch = 2, .step = 5, .bad_step = 3, .loss_count = 9, .loss_sum = 2.5};
    lyrnn_batch_gather_args args = {
        .T = T,
        .B = B,
        .num_streams = B,
        .is_last = true,
        .ids = op_check_input(check, ids, N * sizeof *ids),
        .chunks = op_check_input(check, chunks, sizeof chunks),
        .counters = op_check_counters(check, before),
        .inputs = op_check_output(check, T * B * sizeof(int32_t)),
        .targets = op_check_output(check, T * B * sizeof(int32_t)),
        .from_zero = op_check_output(check, B * sizeof(int32_t)),
    };
    for (int k = 2; k < K; k++) {
        backend->batch_gather(backend, &args);
        int32_t inputs[T * B], targets[T * B], from_zero[B];
        backend->download(backend, inputs, args.inputs, sizeof inputs);
        backend->download(backend, targets, args.targets, sizeof targets);
        backend->download(backend, from_zero, args.from_zero, sizeof from_zero);
        before.num_targets = 0;
        for (int b = 0; b < B; b++) {
            const lyrnn_chunk *chunk = &chunks[k * B + b];
            before.num_targets += chunk->num_targets;
            assert_int_equal(from_zero[b], chunk->from_zero);
            for (int t = 0; t < T; t++) {
                bool is_padding = t >= chunk->num_targets;
                assert_int_equal(inputs[t * B + b], is_padding ? 0 : ids[chunk->start + t]);
                assert_int_equal(targets[t * B + b],
                                 is_padding ? LYRNN_IGNORED_TARGET : ids[chunk->start + t + 1]);
            }
        }
        before.batch = k + 1;
        lyrnn_counters after = op_check_fetch_counters(check, args.counters);
        assert_memory_equal(&after, &before, sizeof after);
    }
}

/* The sum runs over more streams than a block of the device has threads. */
static void batch_gather_counts_the_targets_of_many_streams(void **state)
{
    enum { T = 2, B = 1000, N = 3 };
    op_check *check = op_check_begin(state);
    const int32_t ids[N] = {4, 5, 6};
    lyrnn_chunk chunks[B];
    int64_t num_targets = 0;
    for (int b = 0; b < B; b++) {
        chunks[b] = (lyrnn_chunk){.num_targets = (b + b / 256) % 3};
        num_targets += chunks[b].num_targets;
    }
    const lyrnn_batch_gather_args args = {
        .T = T,
        .B = B,
        .num_streams = B,
        .is_last = true,
        .ids = op_check_input(check, ids, sizeof ids),
        .chunks = op_check_input(check, chunks, sizeof chunks),
        .counters = op_check_counters(check, (lyrnn_counters){0}),
        .inputs = op_check_output(check, T * B * sizeof(int32_t)),
        .targets = op_check_output(check, T * B * sizeof(int32_t)),
        .from_zero = op_check_output(check, B * sizeof(int32_t)),
    };
    check->backend.batch_gather(&check->backend, &args);
    assert_int_equal(op_check_fetch_counters(check, args.counters).num_targets, num_targets);
}

/* zero_rows */

static void check_zero_rows(void **state, int B, int H, int stride)
{
    op_check *check = op_check_begin(state);
    float *before = op_check_random(check, B * stride, 1, 1);
    int32_t *chosen = op_check_ids(check, B, 2, 2);
    const lyrnn_zero_rows_args args = {
        .B = B,
        .H = H,
        .stride = stride,
        .chosen = op_check_input(check, chosen, (size_t)B * sizeof *chosen),
        .rows = op_check_in_out_floats(check, before, B * stride),
    };
    check->backend.zero_rows(&check->backend, &args);
    const float *after = op_check_fetch(check, args.rows, B * stride);
    for (int b = 0; b < B; b++)
        for (int i = 0; i < stride; i++) {
            float expected = chosen[b] != 0 && i < H ? 0.0f : before[b * stride + i];
            assert_memory_equal(&after[b * stride + i], &expected, sizeof expected);
        }
}

static void zero_rows_zeroes_the_chosen_rows_only(void **state)
{
    check_zero_rows(state, 1, 1, 1);
    check_zero_rows(state, 7, 33, 33);
    check_zero_rows(state, 33, 7, 14);
    check_zero_rows(state, 300, 257, 600);
}

/* embedding */

typedef struct {
    int M, V, F;
} embedding_shape;

static const embedding_shape embedding_shapes[] = {
    {1, 1, 1}, {1, 7, 33}, {7, 1, 33}, {33, 33, 1}, {7, 33, 7}, {33, 7, 33}, {1120, 1027, 256},
};
enum { NUM_EMBEDDING_SHAPES = sizeof embedding_shapes / sizeof *embedding_shapes };

static void check_embedding_forward(void **state, const embedding_shape *s)
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
        .bias = op_check_input_floats(check, bias, s->F),
        .out = op_check_output_floats(check, s->M * s->F),
    };
    check->backend.embedding_forward(&check->backend, &args);
    double *expected = op_check_doubles(check, s->M * s->F);
    oracle_embedding_forward(s->M, s->F, ids, op_check_widen(check, table, s->V * s->F),
                             op_check_widen(check, bias, s->F), expected);
    char what[64];
    snprintf(what, sizeof what, "M %d V %d F %d", s->M, s->V, s->F);
    assert_near(what, op_check_fetch(check, args.out, s->M * s->F), expected, (size_t)(s->M * s->F),
                forward_tolerance);
}

static void embedding_forward_equals_the_oracle(void **state)
{
    for (int i = 0; i < NUM_EMBEDDING_SHAPES; i++)
        check_embedding_forward(state, &embedding_shapes[i]);
}

typedef struct {
    float *dtable, *dbias;
} embedding_grads;

static embedding_grads run_embedding_backward(op_check *check, const embedding_shape *s,
                                              const int32_t *ids, const float *dout,
                                              const embedding_grads *add_to)
{
    lyrnn_embedding_backward_args args = {
        .M = s->M,
        .V = s->V,
        .F = s->F,
        .ids = op_check_input(check, ids, (size_t)s->M * sizeof *ids),
        .dout = op_check_input_floats(check, dout, s->M * s->F),
        .add = add_to != NULL,
        .dtable = op_check_sums(check, add_to == NULL ? NULL : add_to->dtable, s->V * s->F),
        .dbias = op_check_sums(check, add_to == NULL ? NULL : add_to->dbias, s->F),
        .scratch = op_check_output(check, (size_t)(2 * s->M + s->V + 1) * sizeof(int32_t)),
    };
    check->backend.embedding_backward(&check->backend, &args);
    return (embedding_grads){op_check_fetch(check, args.dtable, s->V * s->F),
                             op_check_fetch(check, args.dbias, s->F)};
}

static void check_embedding_backward(void **state, const embedding_shape *s)
{
    op_check *check = op_check_begin(state);
    int32_t *ids = op_check_ids(check, s->M, s->V, 1);
    float *dout = op_check_random(check, s->M * s->F, 1, 2);
    embedding_grads actual = run_embedding_backward(check, s, ids, dout, NULL);
    double *dtable = op_check_doubles(check, s->V * s->F);
    double *dbias = op_check_doubles(check, s->F);
    oracle_embedding_backward(s->M, s->V, s->F, ids, op_check_widen(check, dout, s->M * s->F),
                              dtable, dbias);
    char what[64];
    snprintf(what, sizeof what, "M %d V %d F %d", s->M, s->V, s->F);
    assert_near(what, actual.dtable, dtable, (size_t)(s->V * s->F), gradient_tolerance);
    assert_near(what, actual.dbias, dbias, (size_t)s->F, gradient_tolerance);

    embedding_grads again = run_embedding_backward(check, s, ids, dout, NULL);
    assert_same_bits(what, again.dtable, actual.dtable, (size_t)(s->V * s->F) * sizeof(float));
    assert_same_bits(what, again.dbias, actual.dbias, (size_t)s->F * sizeof(float));

    embedding_grads start = {op_check_random(check, s->V * s->F, 1, 4),
                             op_check_random(check, s->F, 1, 5)};
    embedding_grads added = run_embedding_backward(check, s, ids, dout, &start);
    op_check_add(dtable, start.dtable, s->V * s->F);
    op_check_add(dbias, start.dbias, s->F);
    assert_near(what, added.dtable, dtable, (size_t)(s->V * s->F), gradient_tolerance);
    assert_near(what, added.dbias, dbias, (size_t)s->F, gradient_tolerance);
}

static void embedding_backward_equals_the_oracle_and_repeats(void **state)
{
    for (int i = 0; i < NUM_EMBEDDING_SHAPES; i++)
        check_embedding_backward(state, &embedding_shapes[i]);
}

static void embedding_backward_zeroes_absent_characters(void **state)
{
    op_check *check = op_check_begin(state);
    const embedding_shape s = {7, 33, 5};
    const int32_t ids[7] = {4, 4, 32, 4, 9, 32, 4};
    embedding_grads grads =
        run_embedding_backward(check, &s, ids, op_check_random(check, s.M * s.F, 1, 2), NULL);
    for (int v = 0; v < s.V; v++) {
        for (int f = 0; f < s.F; f++) {
            float value = grads.dtable[v * s.F + f];
            if (v == 4 || v == 9 || v == 32)
                assert_true(isfinite(value) && value != 0);
            else
                assert_true(value == 0);
        }
    }
}

/* The sum for one character is taken in ascending m, so these terms cancel except for the rounding
 * in that order. */
static void embedding_backward_adds_rows_in_ascending_order(void **state)
{
    op_check *check = op_check_begin(state);
    const embedding_shape s = {4, 2, 1};
    const int32_t ids[4] = {1, 1, 1, 1};
    const float dout[4] = {0x1p24f, 1, -0x1p24f, 1};
    embedding_grads grads = run_embedding_backward(check, &s, ids, dout, NULL);
    assert_true(grads.dtable[1] == 1);
}

/* linear */

typedef struct {
    int M, in, out;
} linear_shape;

static const linear_shape linear_shapes[] = {
    {1, 1, 1}, {1, 7, 33}, {7, 33, 1}, {33, 1, 7}, {33, 33, 33}, {2, 256, 1027}, {1120, 256, 1027},
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
    float *y = op_check_output_floats(check, late + s->M * s->out);
    lyrnn_linear_forward_args args = {
        .M = s->M,
        .in = s->in,
        .out = s->out,
        .x = late_input(check, x, s->M * s->in, late),
        .weight = late_input(check, weight, s->out * s->in, late),
        .bias = late_input(check, bias, s->out, late),
        .y = y + late,
    };
    check->backend.linear_forward(&check->backend, &args);
    return op_check_fetch(check, y, late + s->M * s->out) + late;
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
        .weight = op_check_input_floats(check, weight, s->out * s->in),
        .dy = op_check_input_floats(check, dy, s->M * s->out),
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
        .x = op_check_input_floats(check, x, s->M * s->in),
        .dy = op_check_input_floats(check, dy, s->M * s->out),
        .add = add_to != NULL,
        .dweight = op_check_sums(check, add_to == NULL ? NULL : add_to->dweight, s->out * s->in),
        .dbias = op_check_sums(check, add_to == NULL ? NULL : add_to->dbias, s->out),
    };
    check->backend.linear_backward_weights(&check->backend, &args);
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
    const linear_shape s = {33, 7, 5};
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
        cmocka_unit_test(batch_gather_takes_the_batch_that_the_counter_names),
        cmocka_unit_test(batch_gather_counts_the_targets_of_many_streams),
        cmocka_unit_test(zero_rows_zeroes_the_chosen_rows_only),
        cmocka_unit_test(embedding_forward_equals_the_oracle),
        cmocka_unit_test(embedding_backward_equals_the_oracle_and_repeats),
        cmocka_unit_test(embedding_backward_zeroes_absent_characters),
        cmocka_unit_test(embedding_backward_adds_rows_in_ascending_order),
        cmocka_unit_test(linear_forward_equals_the_oracle_and_repeats),
        cmocka_unit_test(linear_backward_equals_the_oracle_and_repeats),
        cmocka_unit_test(linear_backward_adds_where_asked),
        cmocka_unit_test(copy_rows_copies_rows_and_nothing_between),
        cmocka_unit_test(a_lane_sees_what_it_waited_for),
        cmocka_unit_test(init_uniform_draws_the_numbers_of_its_positions),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
