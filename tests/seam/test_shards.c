/* Shards of a batch: the gradients, the losses, the masks and the carried state are those of the
 * whole batch up to rounding, and the sum has the order of a fixed tree. LYRNN_TEST_DEVICE names
 * the device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "model_check.h"

enum { V = 11, H = 6, B = 12, T = 4, K = 3, N = B * (K * T + 1), STEPS = 5 };

/* Enough songs for every stream, of one to five chunks. */
static const size_t songs[] = {0,  3,  14,  22,  34,  40,  52,  57,  72,  80,
                               83, 91, 100, 105, 117, 122, 128, 131, 141, 148};

typedef struct {
    model_check check;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
} run;

static lyrnn_status try_open(run *r, const lyrnn_rnn_config *config, lyrnn_sampling sampling,
                             lyrnn_optimizer_config optimizer)
{
    const lyrnn_batch_options options = {.N = N,
                                         .B = B,
                                         .T = T,
                                         .sampling = sampling,
                                         .seed = 5,
                                         .songs = songs,
                                         .num_songs = sizeof songs / sizeof *songs};
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)(lyrnn_philox_bits(3, 99, (uint64_t)i) % V);
    model_check_open_config(&r->check, config, 1);
    lyrnn_model_randomize(&r->check.model, 1);
    assert_int_equal(lyrnn_batches_init(&r->batches, &options), LYRNN_OK);
    return lyrnn_trainer_init(&r->trainer, &r->check.model, &r->batches, ids, &optimizer);
}

static void run_open(run *r, const lyrnn_rnn_config *config, lyrnn_sampling sampling,
                     int num_shards)
{
    /* A learning rate of 0 leaves the weights as they are, so that rounding cannot add up. */
    const lyrnn_optimizer_config optimizer = {.num_shards = num_shards};
    assert_int_equal(try_open(r, config, sampling, optimizer), LYRNN_OK);
    assert_int_equal(r->batches.B, B);
}

static void run_close(run *r)
{
    lyrnn_trainer_free(&r->trainer);
    lyrnn_batches_free(&r->batches);
    model_check_close(&r->check);
}

/* What a training leaves after STEPS steps. */
typedef struct {
    lyrnn_counters counters;
    double *grads;
    lyrnn_trainer_snapshot snapshot;
} outcome;

static outcome train(const lyrnn_rnn_config *config, lyrnn_sampling sampling, int num_shards)
{
    run r;
    outcome result;
    run_open(&r, config, sampling, num_shards);
    result.grads = test_memory((size_t)r.check.count, sizeof *result.grads);
    for (int step = 0; step < STEPS; step++) {
        if (step % (int)r.batches.K == 0)
            assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
        lyrnn_trainer_step(&r.trainer);
    }
    result.counters = lyrnn_trainer_counters(&r.trainer);
    model_check_download(&r.check, r.trainer.grads[0], result.grads);
    assert_int_equal(lyrnn_trainer_snapshot_init(&result.snapshot, config, B, false), LYRNN_OK);
    lyrnn_trainer_download(&r.trainer, &result.snapshot);
    run_close(&r);
    return result;
}

static void outcome_free(outcome *result)
{
    free(result->grads);
    lyrnn_trainer_snapshot_free(&result->snapshot);
}

static double *widen(const float *values, size_t count)
{
    double *wide = test_memory(count, sizeof *wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = (double)values[i];
    return wide;
}

/* An expected state of zero has no scale, and must be zero exactly. */
static void assert_state_near(const float *actual, const float *expected, size_t count)
{
    double *wide = widen(expected, count);
    bool is_zero = true;
    for (size_t i = 0; i < count; i++)
        is_zero = is_zero && expected[i] == 0;
    if (is_zero)
        assert_same_bits("state", actual, expected, count * sizeof *actual);
    else
        assert_near("state", actual, wide, count, 1e-5);
    free(wide);
}

static void check_shards(const lyrnn_rnn_config *config, lyrnn_sampling sampling)
{
    const int nums[] = {2, 3, 4, 6, 12};
    oracle_model shape = model_check_shape(config);
    size_t count = oracle_model_count(&shape), num_state = lyrnn_state_count(config, B);
    outcome whole = train(config, sampling, 1);
    for (int i = 0; i < 5; i++) {
        outcome parts = train(config, sampling, nums[i]);
        assert_number_near("loss", parts.counters.loss_sum, whole.counters.loss_sum, 1e-6);
        assert_number_near("norm", parts.counters.gradient_norm, whole.counters.gradient_norm,
                           1e-5);
        assert_int_equal(parts.counters.loss_count, whole.counters.loss_count);
        assert_int_equal(parts.counters.batch, whole.counters.batch);
        assert_int_equal(parts.counters.step, whole.counters.step);
        assert_doubles_near("grads", parts.grads, whole.grads, count, 1e-5);
        assert_state_near(parts.snapshot.h, whole.snapshot.h, num_state);
        if (config->cell == LYRNN_LSTM)
            assert_state_near(parts.snapshot.c, whole.snapshot.c, num_state);
        outcome_free(&parts);
    }
    outcome_free(&whole);
}

static const lyrnn_rnn_config configs[] = {
    {.cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = H, .num_layers = 1},
    {.cell = LYRNN_LSTM,
     .input_size = V,
     .hidden_size = H,
     .num_layers = 2,
     .dropout = 0.3f,
     .embedding_size = 5,
     .tied = true,
     .dropout_input = 0.4f,
     .dropout_output = 0.5f,
     .dropout_weight = 0.2f},
    {.cell = LYRNN_GRU,
     .input_size = V,
     .hidden_size = 5,
     .num_layers = 2,
     .bidirectional = true,
     .dropout = 0.3f,
     .embedding_size = 3,
     .dropout_input = 0.4f,
     .dropout_output = 0.5f,
     .dropout_weight = 0.2f},
};
enum { NUM_CONFIGS = sizeof configs / sizeof *configs };

static void shards_have_the_gradients_masks_and_states_of_the_batch(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_CONFIGS; i++) {
        check_shards(&configs[i], LYRNN_SAMPLING_CONSECUTIVE);
        check_shards(&configs[i], LYRNN_SAMPLING_RANDOM);
        check_shards(&configs[i], LYRNN_SAMPLING_SONGS);
    }
}

/* The gradients of the shards of the first batch, one after another in separate buffers. */
static void block_gradients(run *r, float *blocks[], int num_shards)
{
    lyrnn_trainer *trainer = &r->trainer;
    lyrnn_backend *backend = &r->check.backend;
    lyrnn_activations *a = &trainer->activations;
    size_t num_bytes = r->check.model.parameters.count * sizeof(float);
    void *device = NULL;
    assert_int_equal(backend->memory_alloc(backend, num_bytes, &device), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_begin_epoch(trainer, 1), LYRNN_OK);
    for (int shard = 0; shard < num_shards; shard++) {
        const lyrnn_batch_source source = {.ids = trainer->ids,
                                           .chunks = trainer->chunks,
                                           .counters = trainer->counters,
                                           .num_streams = B,
                                           .first_stream = shard * B / num_shards};
        a->dropout.first_stream = source.first_stream;
        lyrnn_activations_gather(a, &source);
        lyrnn_activations_reset_state(a);
        lyrnn_model_forward(&r->check.model, a);
        lyrnn_model_loss(&r->check.model, a, trainer->counters);
        backend->zero(backend, device, num_bytes);
        lyrnn_model_backward(&r->check.model, a, device);
        blocks[shard] = test_memory(1, num_bytes);
        backend->download(backend, blocks[shard], device, num_bytes);
    }
    backend->memory_free(backend, device);
}

static float tree_of_2(const float *g)
{
    return g[0] + g[1];
}
static float tree_of_3(const float *g)
{
    return (g[0] + g[1]) + g[2];
}
static float tree_of_4(const float *g)
{
    return (g[0] + g[1]) + (g[2] + g[3]);
}
static float tree_of_6(const float *g)
{
    return ((g[0] + g[1]) + (g[2] + g[3])) + (g[4] + g[5]);
}

static void check_tree(const lyrnn_rnn_config *config, int num_shards, float (*tree)(const float *))
{
    run r;
    float *blocks[B];
    run_open(&r, config, LYRNN_SAMPLING_CONSECUTIVE, num_shards);
    size_t count = r.check.model.parameters.count, num_different = 0;
    float *sums = test_memory(count, sizeof *sums), *actual = test_memory(count, sizeof *actual);
    block_gradients(&r, blocks, num_shards);
    for (size_t i = 0; i < count; i++) {
        float g[B], in_turn = 0;
        for (int shard = 0; shard < num_shards; shard++) {
            g[shard] = blocks[shard][i];
            in_turn += g[shard];
        }
        sums[i] = tree(g);
        num_different += sums[i] != in_turn;
    }
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
    lyrnn_trainer_step(&r.trainer);
    r.check.backend.download(&r.check.backend, actual, r.trainer.grads[0], count * sizeof *actual);
    assert_same_bits("gradients", actual, sums, count * sizeof *actual);
    /* The order shows: from four shards on, adding them in turn gives other bits. */
    assert_true((num_different > 0) == (num_shards > 3));
    for (int shard = 0; shard < num_shards; shard++)
        free(blocks[shard]);
    free(sums);
    free(actual);
    run_close(&r);
}

static void the_sum_is_a_fixed_tree(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_CONFIGS; i++) {
        check_tree(&configs[i], 2, tree_of_2);
        check_tree(&configs[i], 3, tree_of_3);
        check_tree(&configs[i], 4, tree_of_4);
        check_tree(&configs[i], 6, tree_of_6);
    }
}

static void shards_that_do_not_divide_the_batch_are_usage_errors(void **state)
{
    (void)state;
    const struct {
        int num_shards;
        const char *text;
    } cases[] = {{5, "--shards 5: does not divide the 12 text sequences of a batch; use 6, "},
                 {13, "--shards 13: does not divide the 12 text sequences of a batch; use 12, "},
                 {1000000, "--shards 1000000: does not divide the 12 text sequences"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run r;
        const lyrnn_optimizer_config optimizer = {.num_shards = cases[i].num_shards};
        assert_int_equal(try_open(&r, &configs[0], LYRNN_SAMPLING_CONSECUTIVE, optimizer),
                         LYRNN_ERR_USAGE);
        assert_memory_equal(lyrnn_error_text(), cases[i].text, strlen(cases[i].text));
        run_close(&r);
    }
}

/* A training of no epochs saves the state that the trainer begins with. */
static void the_first_state_is_zero(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_CONFIGS; i++) {
        run r;
        lyrnn_trainer_snapshot snapshot;
        const size_t count = lyrnn_state_count(&configs[i], B);
        const bool has_c = configs[i].cell == LYRNN_LSTM;
        run_open(&r, &configs[i], LYRNN_SAMPLING_CONSECUTIVE, 4);
        assert_int_equal(lyrnn_trainer_snapshot_init(&snapshot, &configs[i], B, false), LYRNN_OK);
        memset(snapshot.h, 0xff, count * sizeof *snapshot.h);
        lyrnn_trainer_download(&r.trainer, &snapshot);
        for (size_t at = 0; at < count; at++)
            assert_true(snapshot.h[at] == 0.0f && (!has_c || snapshot.c[at] == 0.0f));
        lyrnn_trainer_snapshot_free(&snapshot);
        run_close(&r);
    }
}

/* A shard needs the activations of its own streams only. */
static void shards_take_less_memory_for_activations(void **state)
{
    (void)state;
    run r;
    run_open(&r, &configs[1], LYRNN_SAMPLING_CONSECUTIVE, 1);
    const lyrnn_optimizer_config whole = {0}, quarters = {.num_shards = 4, .average_decay = 0.9};
    const lyrnn_training_memory one =
        lyrnn_training_memory_of(&r.check.backend, &configs[1], &whole, &r.batches);
    const lyrnn_training_memory four =
        lyrnn_training_memory_of(&r.check.backend, &configs[1], &quarters, &r.batches);
    assert_true(four.activations_bytes < one.activations_bytes / 2);
    assert_int_equal(one.gradients_bytes, one.parameters_bytes);
    assert_int_equal(four.gradients_bytes, 3 * one.parameters_bytes);
    assert_int_equal(one.average_bytes, 0);
    assert_int_equal(four.average_bytes, four.parameters_bytes);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_have_the_gradients_masks_and_states_of_the_batch),
        cmocka_unit_test(the_sum_is_a_fixed_tree),
        cmocka_unit_test(shards_that_do_not_divide_the_batch_are_usage_errors),
        cmocka_unit_test(the_first_state_is_zero),
        cmocka_unit_test(shards_take_less_memory_for_activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
