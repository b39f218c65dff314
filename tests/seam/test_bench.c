/* The bench's cost model of a step, compared with counts by hand. Also: watching a backend changes
 * nothing but the time. Every operation of a step is seen, and a watched training gives the same
 * bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_run.h"
#include "bench/device_rates.h"
#include "bench/op_cost.h"
#include "bench/percentile.h"
#include "bench/watched_backend.h"
#include "lyrnn/device.h"
#include "lyrnn/trainer.h"
#include "memory_limit.h"
#include "op_check.h"

static void percentiles_lie_between_neighbors(void **state)
{
    (void)state;
    double values[] = {50, 10, 40, 20, 30};
    assert_true(lyrnn_percentile(values, 5, 0.5) == 30);
    assert_true(lyrnn_percentile(values, 5, 0) == 10);
    assert_true(lyrnn_percentile(values, 5, 1) == 50);
    assert_true(fabs(lyrnn_percentile(values, 5, 0.1) - 14) < 1e-9);
    assert_true(fabs(lyrnn_percentile(values, 5, 0.9) - 46) < 1e-9);
    assert_true(lyrnn_percentile(values, 4, 0.5) == 25);
    assert_true(lyrnn_percentile(values, 1, 0.9) == 10);
}

static void assert_cost(lyrnn_operation operation, const void *args, double flop, double bytes,
                        double steps)
{
    lyrnn_op_cost cost = lyrnn_op_cost_of(operation, args);
    if (cost.flop != flop || cost.bytes != bytes || cost.steps != steps)
        fail_msg("%s: %g FLOP, %g bytes, %g steps, not %g, %g, %g", lyrnn_operation_name(operation),
                 cost.flop, cost.bytes, cost.steps, flop, bytes, steps);
}

/* T = 2, B = 3, so M = 6; V = 5, F = H = in = 4, out = 5. */
static void costs_are_those_counted_by_hand(void **state)
{
    (void)state;
    const lyrnn_batch_gather_args gather = {.T = 2, .B = 3};
    assert_cost(LYRNN_OP_batch_gather, &gather, 0, 9 * 4 + 3 * 16 + 12 * 4 + 3 * 4, 0);
    const lyrnn_zero_rows_args begin = {.B = 3, .H = 4};
    assert_cost(LYRNN_OP_zero_rows, &begin, 0, 3 * 4 + 12 * 4, 0);
    lyrnn_embedding_forward_args lookup = {.M = 6, .V = 5, .F = 4};
    assert_cost(LYRNN_OP_embedding_forward, &lookup, 24, 4 * (6 + 20 + 4 + 24), 0);
    lookup.M = 3; /* fewer rows than characters */
    assert_cost(LYRNN_OP_embedding_forward, &lookup, 12, 4 * (3 + 12 + 4 + 12), 0);
    const lyrnn_group_ids_args group = {.M = 6};
    assert_cost(LYRNN_OP_group_ids, &group, 0, 4 * (6 + 6), 0);
    lyrnn_embedding_backward_args scatter = {.M = 6, .V = 5, .F = 4};
    assert_cost(LYRNN_OP_embedding_backward, &scatter, 24, 4 * (6 + 24 + 40), 0);
    scatter.M = 3; /* Rows that no id selects are not touched. */
    assert_cost(LYRNN_OP_embedding_backward, &scatter, 12, 4 * (3 + 12 + 24), 0);

    const lyrnn_linear_forward_args linear = {.M = 6, .in = 4, .out = 5};
    assert_cost(LYRNN_OP_linear_forward, &linear, 240, 4 * (24 + 20 + 5 + 30), 0);
    assert_cost(LYRNN_OP_linear_forward_output, &linear, 240, 4 * (24 + 20 + 5 + 30), 0);
    lyrnn_linear_backward_args back = {.M = 6, .in = 4, .out = 5};
    assert_cost(LYRNN_OP_linear_backward, &back, 240, 4 * (30 + 20 + 24), 0);
    assert_cost(LYRNN_OP_linear_backward_output, &back, 240, 4 * (30 + 20 + 24), 0);
    back.add = true;
    assert_cost(LYRNN_OP_linear_backward, &back, 240, 4 * (30 + 20 + 48), 0);
    float dbias;
    lyrnn_linear_backward_weights_args weights = {.M = 6, .in = 4, .out = 5, .dbias = &dbias};
    assert_cost(LYRNN_OP_linear_backward_weights, &weights, 270, 4 * (24 + 30 + 20 + 5), 0);
    assert_cost(LYRNN_OP_linear_backward_weights_output, &weights, 270, 4 * (24 + 30 + 20 + 5), 0);
    weights.add = true;
    assert_cost(LYRNN_OP_linear_backward_weights, &weights, 270, 4 * (24 + 30 + 40 + 10), 0);
    weights.dbias = NULL;
    assert_cost(LYRNN_OP_linear_backward_weights, &weights, 240, 4 * (24 + 30 + 40), 0);

    const lyrnn_dropout_args dropout = {.T = 1, .count = 7};
    assert_cost(LYRNN_OP_dropout, &dropout, 14, 4 * 14, 0);
    const lyrnn_softmax_cross_entropy_args loss = {.M = 6, .V = 5};
    assert_cost(LYRNN_OP_softmax_cross_entropy, &loss, 150, 4 * (6 + 60 + 6), 0);
    const lyrnn_count_losses_args losses = {.M = 6};
    assert_cost(LYRNN_OP_count_losses, &losses, 6, 4 * (6 + 6), 0);
    const lyrnn_count_shards_args shards = {.num = 4};
    assert_cost(LYRNN_OP_count_shards, &shards, 4 * 3, 4 * 4 * 3, 0);
    const lyrnn_all_reduce_args sum = {.length = 24};
    assert_cost(LYRNN_OP_all_reduce, &sum, 24, 4 * (24 + 24 + 24 + 24), 0);
    const lyrnn_clip_and_adam_args adam = {.count = 10};
    assert_cost(LYRNN_OP_clip_and_adam, &adam, 160, 4 * 70, 0);
    const lyrnn_sample_token_args sample = {.B = 3, .V = 5};
    assert_cost(LYRNN_OP_sample_token, &sample, 15, 4 * 15 + 3 * (4 + 4 + 20 + 20), 0);
    const lyrnn_init_uniform_args init = {.count = 8};
    assert_cost(LYRNN_OP_init_uniform, &init, 16, 4 * 8, 0);
    const lyrnn_pack_weights_args pack = {.num = 3, .N = 4, .K = 5};
    assert_cost(LYRNN_OP_pack_weights, &pack, 0, 4 * 120, 0);
    const size_t num_bytes = 100;
    assert_cost(LYRNN_OP_copy_rows, &num_bytes, 0, 200, 0);
    assert_cost(LYRNN_OP_zero, &num_bytes, 0, 100, 0);
}

/* The same shape: G*H rows of H in the matrix, 6 rows of gates, 9 slots of h. */
static void costs_of_recurrences_are_those_counted_by_hand(void **state)
{
    (void)state;
    static const struct {
        lyrnn_cell cell;
        double forward_flop, forward_floats, backward_flop, backward_floats;
    } cells[] = {
        {LYRNN_RNN_TANH, 6 * (32 + 8), 16 + 4 + 24 + 36, 6 * (32 + 16), 16 + 24 + 24 + 24 + 24},
        {LYRNN_RNN_RELU, 6 * (32 + 8), 16 + 4 + 24 + 36, 6 * (32 + 8), 16 + 24 + 24 + 24 + 24},
        {LYRNN_LSTM, 6 * (128 + 52), 64 + 16 + 192 + 72, 6 * (128 + 96), 64 + 24 + 192 + 36 + 48},
        {LYRNN_GRU, 6 * (96 + 44), 48 + 12 + 144 + 36 + 24, 6 * (96 + 64),
         48 + 24 + 144 + 24 + 48 + 24},
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        const lyrnn_recurrence_forward_args forward = {
            .T = 2, .B = 3, .H = 4, .cell = cells[i].cell};
        const lyrnn_recurrence_backward_args backward = {
            .T = 2, .B = 3, .H = 4, .cell = cells[i].cell};
        assert_cost(LYRNN_OP_recurrence_forward, &forward, cells[i].forward_flop,
                    4 * cells[i].forward_floats, 2);
        assert_cost(LYRNN_OP_recurrence_backward, &backward, cells[i].backward_flop,
                    4 * cells[i].backward_floats, 2);
    }
    float wanted;
    lyrnn_recurrence_backward_weights_args weights = {
        .T = 2, .B = 3, .H = 4, .cell = LYRNN_GRU, .dw_hh = &wanted, .db_hh = &wanted};
    assert_cost(LYRNN_OP_recurrence_backward_weights, &weights, 2 * 6 * 12 * 4 + 6 * 16,
                4 * (24 + 96 + 48 + 24), 0);
    weights.add = true;
    assert_cost(LYRNN_OP_recurrence_backward_weights, &weights, 2 * 6 * 12 * 4 + 6 * 16,
                4 * (24 + 96 + 96 + 48), 0);
    weights.cell = LYRNN_RNN_TANH;
    assert_cost(LYRNN_OP_recurrence_backward_weights, &weights, 2 * 6 * 4 * 4 + 6 * 4,
                4 * (24 + 24 + 32 + 16), 0);
    weights.dw_hh = NULL;
    assert_cost(LYRNN_OP_recurrence_backward_weights, &weights, 6 * 4, 4 * (24 + 16), 0);
    weights.dw_hh = &wanted;
    weights.db_hh = NULL;
    assert_cost(LYRNN_OP_recurrence_backward_weights, &weights, 2 * 6 * 4 * 4, 4 * (24 + 24 + 32),
                0);
}

static const lyrnn_bench_config stack = {
    .model =
        {.cell = LYRNN_LSTM, .input_size = 9, .hidden_size = 8, .num_layers = 2, .dropout = 0.25f},
    .T = 4,
    .B = 3,
    .num_steps = 2,
    .num_repetitions = 2,
    .sampler = {.repeat_penalty = 1.0f, .top_p = 1.0f},
};

static const lyrnn_bench_operation *find(const lyrnn_bench_result *result, const char *name)
{
    for (int i = 0; i < result->num_operations; i++)
        if (strcmp(result->operations[i].name, name) == 0)
            return &result->operations[i];
    return NULL;
}

/* Checks what must hold whatever the times are. */
static void assert_sound(const lyrnn_backend *backend, const lyrnn_bench_result *result)
{
    double share = 0, flop = 0, bytes = 0, estimate_ms = 0;
    const lyrnn_device_rates *rates = &result->rates;
    assert_true(rates->flop_per_second > 0 && rates->bytes_per_second > 0);
    assert_true(rates->step_seconds > 1e-9 && rates->call_seconds > 0);
    for (int i = 0; i < result->num_operations; i++) {
        const lyrnn_bench_operation *op = &result->operations[i];
        double compute = op->flop / rates->flop_per_second;
        double move = op->bytes / rates->bytes_per_second;
        double expected_ms = 1e3 * (fmax(compute, move) + op->time_steps * rates->step_seconds);
        assert_true(fabs(op->estimate_ms - expected_ms) <= 1e-9 * expected_ms);
        expected_ms += 1e3 * op->calls * rates->call_seconds;
        assert_true(fabs(op->predicted_ms - expected_ms) <= 1e-9 * expected_ms);
        assert_true(op->calls > 0 && op->bytes > 0);
        assert_true(op->time.p10_ms > 0 && op->time.p10_ms <= op->time.median_ms);
        assert_true(op->time.median_ms <= op->time.p90_ms);
        share += op->share;
        flop += op->flop;
        bytes += op->bytes;
        estimate_ms += op->estimate_ms;
    }
    assert_true(fabs(share - 1) < 1e-9);
    assert_true(fabs(flop - result->flop) <= 1e-9 * flop);
    assert_true(fabs(bytes - result->bytes) <= 1e-9 * bytes);
    assert_true(fabs(estimate_ms - result->estimate_ms) <= 1e-9 * estimate_ms);
    assert_true(result->device_bytes > 0 && result->peak_bytes > 0);
    if (strcmp(backend->name, "cuda") == 0)
        assert_true(result->peak_bytes == result->device_bytes + backend->own_bytes &&
                    backend->own_bytes >= (size_t)backend->num_lanes << 20);
}

static void every_operation_of_a_step_is_seen(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double calls, flop;
    } expected[] = {
        {"batch_gather", 1, 0},
        {"embedding_forward", 1, 12 * 32},
        {"group_ids", 1, 0},
        {"embedding_backward", 1, 12 * 32},
        {"linear_forward", 1, 2 * 12 * 8 * 32},
        {"linear_backward", 1, 2 * 12 * 8 * 32},
        {"linear_backward_weights", 1, 2 * 12 * 8 * 32},
        {"recurrence_forward", 2, 2 * 12 * (2 * 32 * 8 + 13 * 8)},
        {"recurrence_backward", 2, 2 * 12 * (2 * 32 * 8 + 24 * 8)},
        {"recurrence_backward_weights", 2, 2 * (2 * 12 * 8 * 32 + 12 * 32)},
        {"dropout", 2, 2 * 2 * 12 * 8},
        {"softmax_cross_entropy", 1, 5 * 12 * 9},
        {"count_losses", 1, 12},
        {"clip_and_adam", 1, -1}, /* its buffers are padded */
        {"linear_forward_output", 1, 2 * 12 * 8 * 9},
        {"linear_backward_output", 1, 2 * 12 * 8 * 9},
        {"linear_backward_weights_output", 1, 2 * 12 * 8 * 9 + 12 * 9},
        {"copy_rows", 4, 0},
        {"zero", 3, 0},
    };
    enum { NUM = sizeof expected / sizeof *expected };
    lyrnn_backend backend;
    open_test_backend(&backend, 1);
    lyrnn_bench_config config = stack;
    for (config.task = LYRNN_BENCH_TRAIN; config.task <= LYRNN_BENCH_OPERATIONS;
         config.task += LYRNN_BENCH_OPERATIONS - LYRNN_BENCH_TRAIN) {
        lyrnn_bench_result result;
        assert_int_equal(lyrnn_bench_run(&config, &backend, &result), LYRNN_OK);
        assert_sound(&backend, &result);
        assert_int_equal(result.num_operations, NUM);
        for (int i = 0; i < NUM; i++) {
            const lyrnn_bench_operation *op = find(&result, expected[i].name);
            if (op == NULL || op->calls != expected[i].calls)
                fail_msg("%s", expected[i].name);
            if (expected[i].flop >= 0)
                assert_true(op->flop == expected[i].flop);
        }
        assert_true(find(&result, "recurrence_forward")->time_steps == 2 * 4);
        bool timed = config.task == LYRNN_BENCH_TRAIN;
        assert_int_equal(result.step.median_ms > 0, timed);
        assert_int_equal(result.chars_per_second > 0, timed);
    }
    lyrnn_backend_close(&backend);
}

static void generation_is_broken_down_too(void **state)
{
    (void)state;
    static const char *const expected[] = {"embedding_forward", "linear_forward",
                                           "recurrence_forward", "linear_forward_output",
                                           "sample_token"};
    lyrnn_backend backend;
    lyrnn_bench_config config = stack;
    lyrnn_bench_result result;
    config.task = LYRNN_BENCH_GENERATE;
    open_test_backend(&backend, 1);
    assert_int_equal(lyrnn_bench_run(&config, &backend, &result), LYRNN_OK);
    assert_sound(&backend, &result);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_non_null(find(&result, expected[i]));
    double chars = result.chars_per_second * 1e-3 * result.step.median_ms;
    assert_true(fabs(chars - config.B) < 1e-6);
    lyrnn_backend_close(&backend);
}

/* This is decided on the host, so the CPU can stand in for every device. */
static int num_runs;

static void count_run(lyrnn_backend *backend, void (*body)(void *), void *context)
{
    (void)backend;
    num_runs++;
    body(context);
}

enum { FEW_IDS = 3, MAX_M = 512 };
static void (*look_up)(lyrnn_backend *backend, const lyrnn_embedding_forward_args *args);
static int num_ids, counts[FEW_IDS];

static void count_ids(lyrnn_backend *backend, const lyrnn_embedding_forward_args *args)
{
    int32_t ids[MAX_M];
    assert_in_range(args->M, 1, MAX_M);
    backend->download(backend, ids, args->ids, (size_t)args->M * sizeof *ids);
    for (int i = 0; i < args->M; i++) {
        assert_in_range(ids[i], 0, FEW_IDS - 1);
        counts[ids[i]]++;
        num_ids++;
    }
    look_up(backend, args);
}

/* A log-uniform distribution. The standard deviation of a share is at most 0.008. */
static void few_characters_come_often(void **state)
{
    (void)state;
    lyrnn_backend backend;
    lyrnn_bench_result result;
    const lyrnn_bench_config config = {
        .model = {.cell = LYRNN_RNN_TANH, .input_size = FEW_IDS, .hidden_size = 4, .num_layers = 1},
        .T = 64,
        .B = MAX_M / 64,
        .num_steps = 8,
        .num_repetitions = 1};
    assert_int_equal(lyrnn_backend_open("cpu", 1, LYRNN_FP32, &backend), LYRNN_OK);
    look_up = backend.embedding_forward;
    backend.embedding_forward = count_ids;
    backend.run_step = count_run;
    assert_int_equal(lyrnn_bench_run(&config, &backend, &result), LYRNN_OK);
    for (int id = 0; id < FEW_IDS; id++) {
        double share = log((id + 2.0) / (id + 1.0)) / log(FEW_IDS + 1.0);
        assert_true(fabs((double)counts[id] / num_ids - share) < 0.03);
    }
    lyrnn_backend_close(&backend);
}

/* A device may record the second run of a step, so neither that one nor the first may be
 * counted. */
static void counting_starts_with_the_third_step(void **state)
{
    (void)state;
    static const struct {
        int num_steps, num_repetitions, num_runs;
    } benches[] = {{1, 3, 2 + 3}, {2, 3, 2 + 6}, {3, 1, 3 + 3}};
    lyrnn_backend backend;
    lyrnn_bench_result result;
    lyrnn_bench_config config = stack;
    assert_int_equal(lyrnn_backend_open("cpu", 1, LYRNN_FP32, &backend), LYRNN_OK);
    backend.run_step = count_run;
    for (config.task = LYRNN_BENCH_TRAIN; config.task <= LYRNN_BENCH_GENERATE; config.task++)
        for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
            num_runs = 0;
            config.num_steps = benches[i].num_steps;
            config.num_repetitions = benches[i].num_repetitions;
            assert_int_equal(lyrnn_bench_run(&config, &backend, &result), LYRNN_OK);
            assert_int_equal(num_runs, benches[i].num_runs);
        }
    lyrnn_backend_close(&backend);
}

/* Each is called six times. The rate counts n^3 multiply-adds, and those are all the work there
 * is. */
static void the_gemm_rate_counts_only_products(void **state)
{
    (void)state;
    lyrnn_backend backend;
    lyrnn_watched_backend watched;
    lyrnn_device_rates rates;
    open_test_backend(&backend, 1);
    lyrnn_watch(&watched, &backend, true);
    assert_int_equal(lyrnn_measure_device_rates(&watched.backend, LYRNN_RNN_TANH, &rates),
                     LYRNN_OK);
    const lyrnn_op_tally *products = &watched.tallies[LYRNN_OP_linear_backward];
    double flop = 0;
    for (double n = 256; flop < products->cost.flop; n *= 2)
        flop += 6 * 2 * n * n * n;
    assert_true(flop > 0 && flop == products->cost.flop);
    assert_true(watched.tallies[LYRNN_OP_linear_forward].calls == 0);
    lyrnn_backend_close(&backend);
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The shape's peak includes neither what was freed before nor the buffers of the rates (32 MiB or
 * more). */
static void the_peak_is_the_shapes_own(void **state)
{
    (void)state;
    enum { MUCH = 256 << 20 };
    lyrnn_backend backend;
    lyrnn_bench_result result;
    lyrnn_bench_config config = stack;
    open_test_backend(&backend, 1);
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!MEMORY_HAS_LIMIT || file == NULL || !backend.shares_host_memory) {
        lyrnn_backend_close(&backend);
        skip();
    }
    fclose(file);
    for (config.task = LYRNN_BENCH_TRAIN; config.task <= LYRNN_BENCH_GENERATE; config.task++) {
        char *much = malloc(MUCH);
        assert_non_null(much);
        for (size_t i = 0; i < MUCH; i += 4096)
            ((volatile char *)much)[i] = 1;
        free(much);
        size_t before = resident_bytes();
        assert_int_equal(lyrnn_bench_run(&config, &backend, &result), LYRNN_OK);
        assert_in_range(result.peak_bytes, 1, before + (16 << 20));
    }
    lyrnn_backend_close(&backend);
}

enum { N = 3 * (4 * 3 + 1) };
static const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-2f, .clip_norm = 0.1f};

/* Returns the parameters after three steps. The caller frees them. */
static float *train_three_steps(lyrnn_backend *backend, size_t *count)
{
    lyrnn_model model;
    lyrnn_batches batches;
    const lyrnn_batch_options options = {.N = N, .B = 3, .T = 4, .seed = 1};
    lyrnn_trainer trainer;
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = i * i % 9;
    assert_int_equal(lyrnn_model_init(&model, &stack.model, backend), LYRNN_OK);
    lyrnn_model_randomize(&model, 1);
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_init(&trainer, &model, &batches, ids, &optimizer), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_begin_epoch(&trainer, 1), LYRNN_OK);
    for (int step = 0; step < 3; step++)
        lyrnn_trainer_step(&trainer);
    *count = model.parameters.count;
    float *params = malloc(*count * sizeof *params);
    assert_non_null(params);
    lyrnn_model_download(&model, params);
    lyrnn_trainer_free(&trainer);
    lyrnn_model_free(&model);
    return params;
}

static void training_under_watch_gives_the_same_bits(void **state)
{
    (void)state;
    lyrnn_backend backend;
    lyrnn_watched_backend counted, timed;
    size_t count;
    open_test_backend(&backend, 1);
    float *expected = train_three_steps(&backend, &count);
    lyrnn_watch(&counted, &backend, false);
    float *params = train_three_steps(&counted.backend, &count);
    assert_memory_equal(params, expected, count * sizeof *params);
    free(params);
    lyrnn_watch(&timed, &backend, true);
    params = train_three_steps(&timed.backend, &count);
    assert_memory_equal(params, expected, count * sizeof *params);
    free(params);
    free(expected);

    /* When only counts are taken, the device's own operations are called. */
    assert_true(counted.tallies[LYRNN_OP_recurrence_forward].calls == 0);
    assert_true(timed.tallies[LYRNN_OP_recurrence_forward].calls == 3 * 2);
    assert_true(timed.tallies[LYRNN_OP_init_uniform].calls > 0);
    lyrnn_batches batches;
    const lyrnn_batch_options options = {.N = N, .B = 3, .T = 4, .seed = 1};
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_int_equal(
        counted.num_bytes,
        lyrnn_training_memory_of(&backend, &stack.model, &optimizer, &batches).total_bytes);
    lyrnn_watched_reset(&timed);
    assert_true(timed.tallies[LYRNN_OP_recurrence_forward].calls == 0);
    lyrnn_backend_close(&backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_lie_between_neighbors),
        cmocka_unit_test(costs_are_those_counted_by_hand),
        cmocka_unit_test(costs_of_recurrences_are_those_counted_by_hand),
        cmocka_unit_test(every_operation_of_a_step_is_seen),
        cmocka_unit_test(generation_is_broken_down_too),
        cmocka_unit_test(counting_starts_with_the_third_step),
        cmocka_unit_test(few_characters_come_often),
        cmocka_unit_test(the_gemm_rate_counts_only_products),
        cmocka_unit_test(the_peak_is_the_shapes_own),
        cmocka_unit_test(training_under_watch_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
