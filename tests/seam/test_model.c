/* The tutorial's model as a whole: carried state, learning, repeatability, the sums for the
 * perplexity, initial weights, and greedy text, compared with the oracle where possible.
 * LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "model_check.h"

static const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};

static double *random_params(const oracle_model *shape, uint64_t seed)
{
    size_t count = oracle_model_count(shape);
    double *params = test_memory(count, sizeof *params);
    /* Rounded to float, so that both sides start with the same numbers. */
    for (size_t i = 0; i < count; i++)
        params[i] = (double)(float)random_number(seed, i, 1 / sqrt((double)shape->H));
    return params;
}

static int32_t *random_ids(size_t N, int V, uint64_t seed)
{
    int32_t *ids = test_memory(N, sizeof *ids);
    for (size_t i = 0; i < N; i++)
        ids[i] = random_id(seed, i, V);
    return ids;
}

/* Returns what the last forward pass has left, without padding. */
static void download_logits(const lyrnn_activations *a, int V, float *logits)
{
    for (size_t m = 0; m < (size_t)(a->T * a->B); m++)
        a->backend->download(a->backend, logits + m * (size_t)V,
                             a->logits + m * (size_t)a->logits_stride, (size_t)V * sizeof *logits);
}

/* inputs (T,B) -> logits (T,B,V). The state of the activations continues from where it is. */
static void forward(model_check *check, lyrnn_activations *a, const int32_t *inputs, float *logits)
{
    lyrnn_backend *backend = &check->backend;
    size_t rows = (size_t)(a->T * a->B);
    backend->upload(backend, a->inputs, inputs, rows * sizeof *inputs);
    lyrnn_model_forward(&check->model, a);
    download_logits(a, check->shape.V, logits);
}

static void check_carried_state(lyrnn_cell cell, int num_layers)
{
    enum { V = 33, H = 32, B = 3, T = 12, PART = 4 };
    const lyrnn_rnn_config config = {
        .cell = cell, .input_size = V, .hidden_size = H, .num_layers = num_layers};
    model_check check;
    model_check_open_config(&check, &config, 0);
    double *params = random_params(&check.shape, 1);
    model_check_upload(&check, params);
    int32_t *inputs = random_ids(T * B, V, 2);
    float *whole = test_memory(T * B * V, sizeof *whole),
          *parts = test_memory(T * B * V, sizeof *parts);

    lyrnn_activations a, b;
    assert_int_equal(lyrnn_activations_init(&a, &check.model, T, B, false), LYRNN_OK);
    assert_int_equal(lyrnn_activations_init(&b, &check.model, PART, B, false), LYRNN_OK);
    forward(&check, &a, inputs, whole);
    for (int t = 0; t < T; t += PART) {
        forward(&check, &b, inputs + t * B, parts + t * B * V);
        lyrnn_activations_carry_state(&b);
    }
    double *expected = test_memory(T * B * V, sizeof *expected);
    for (int i = 0; i < T * B * V; i++)
        expected[i] = (double)whole[i];
    assert_near("logits", parts, expected, T * B * V, 1e-6);

    /* From a zero state, the first part gives the same result again. Without the reset it must
     * not. */
    forward(&check, &b, inputs, parts);
    assert_memory_not_equal(parts, whole, PART * B * V * sizeof *parts);
    lyrnn_activations_reset_state(&b);
    forward(&check, &b, inputs, parts);
    assert_near("after reset", parts, expected, PART * B * V, 1e-6);
    lyrnn_activations_free(&a);
    lyrnn_activations_free(&b);
    model_check_close(&check);
    free(params);
    free(inputs);
    free(whole);
    free(parts);
    free(expected);
}

static void twelve_steps_equal_three_times_four_with_carried_state(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        check_carried_state(cells[i / 2], 1 + i % 2);
}

static double *random_state(const oracle_model *shape, int B, uint64_t seed)
{
    int count = oracle_state_count(shape, B);
    double *state = test_memory((size_t)count, sizeof *state);
    for (int i = 0; i < count; i++)
        state[i] = (double)(float)random_number(seed, (uint64_t)i, 1);
    return state;
}

static lyrnn_counters *device_counters(lyrnn_backend *backend, lyrnn_counters counters)
{
    void *memory = NULL;
    assert_int_equal(backend->memory_alloc(backend, sizeof counters, &memory), LYRNN_OK);
    backend->upload(backend, memory, &counters, sizeof counters);
    return memory;
}

/* Forward and backward from a state that is not zero, with dropout if the network has it. */
static void check_batch(lyrnn_rnn_config config, int T, int B, uint64_t seed)
{
    enum { STEP = 3 };
    model_check check;
    model_check_open_config(&check, &config, 0);
    size_t count = (size_t)check.count, num_state = (size_t)oracle_state_count(&check.shape, B);
    double *params = random_params(&check.shape, seed), *h_0 = random_state(&check.shape, B, 3);
    double *c_0 = config.cell == LYRNN_LSTM ? random_state(&check.shape, B, 4) : NULL;
    model_check_masks masks = model_check_draw_masks(&config, T, B, seed, STEP);
    int32_t *ids = random_ids((size_t)(2 * T * B), config.input_size, 4);
    oracle_batch batch = {T, B, ids, ids + T * B, h_0, c_0, masks.masks};
    double *memory = test_memory(2 * count + 4 * num_state, sizeof *memory);
    oracle_results actual = {.grads = memory, .h_n = memory + 2 * count};
    oracle_results expected = {.grads = memory + count, .h_n = actual.h_n + num_state};
    if (c_0 != NULL) {
        actual.c_n = expected.h_n + num_state;
        expected.c_n = actual.c_n + num_state;
    }
    model_check_upload(&check, params);
    lyrnn_counters *counters = device_counters(&check.backend, (lyrnn_counters){.step = STEP});
    double loss =
        model_check_run(&check, &batch, &actual,
                        (lyrnn_dropout){.seed = seed, .counters = counters, .num_streams = B});
    double expected_loss = oracle_model_loss(&check.shape, params, &batch, &expected);
    assert_doubles_near("loss", &loss, &expected_loss, 1, 1e-5);
    assert_doubles_near("h_n", actual.h_n, expected.h_n, num_state, 1e-5);
    if (c_0 != NULL)
        assert_doubles_near("c_n", actual.c_n, expected.c_n, num_state, 1e-5);
    assert_doubles_near("grads", actual.grads, expected.grads, count, 1e-4);
    check.backend.memory_free(&check.backend, counters);
    model_check_close(&check);
    model_check_free_masks(&masks);
    void *const owned[] = {params, h_0, c_0, ids, memory};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
}

static void a_whole_batch_equals_the_oracle(void **state)
{
    (void)state;
    const int shapes[][4] = {{1, 1, 1, 1}, {7, 33, 1, 7}, {33, 7, 33, 1}, {5, 3, 7, 33}};
    for (int i = 0; i < 16; i++) {
        const int *s = shapes[i / 4];
        check_batch(
            (lyrnn_rnn_config){
                .cell = cells[i % 4], .input_size = s[3], .hidden_size = s[2], .num_layers = 1},
            s[0], s[1], (uint64_t)i);
    }
}

/* 40 steps are more than one chunk where layers run concurrently. */
static void layers_directions_and_dropout_equal_the_oracle(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++)
        check_batch((lyrnn_rnn_config){.cell = cells[i % 4],
                                       .input_size = 13,
                                       .hidden_size = 7,
                                       .num_layers = 3,
                                       .bidirectional = i / 4 % 2,
                                       .dropout = i / 8 ? 0.4f : 0},
                    i % 4 < 2 ? 40 : 9, 3, (uint64_t)i);
}

/* Every cell with one and three layers and one and two directions. E is D*H, which needs no
 * projection when the output is tied, or odd, which does. All kinds of dropout are on in every
 * other case. */
static lyrnn_rnn_config embedded_config(int i)
{
    lyrnn_rnn_config config = {.cell = cells[i % 4],
                               .input_size = 13,
                               .hidden_size = 7,
                               .num_layers = i / 4 % 2 ? 3 : 1,
                               .bidirectional = i / 8 % 2,
                               .tied = i / 16 > 0};
    config.embedding_size = i / 16 == 1 ? (config.bidirectional ? 14 : 7) : 33;
    if ((i ^ i / 4) % 2) {
        config.dropout = config.num_layers > 1 ? 0.4f : 0;
        config.dropout_input = 0.3f;
        config.dropout_output = 0.6f;
        config.dropout_weight = 0.5f;
    }
    return config;
}
enum { NUM_EMBEDDED = 48 };

static void embeddings_and_every_dropout_equal_the_oracle(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_EMBEDDED; i++)
        check_batch(embedded_config(i), i % 4 < 2 && i / 4 % 4 == 1 ? 40 : 9, 3, (uint64_t)i);
}

static void odd_embeddings_equal_the_oracle(void **state)
{
    (void)state;
    const int shapes[][5] = {
        {1, 1, 1, 1, 1}, {7, 33, 1, 7, 33}, {33, 7, 33, 1, 7}, {5, 3, 7, 33, 1}};
    for (int i = 0; i < 16; i++) {
        const int *s = shapes[i / 4];
        check_batch((lyrnn_rnn_config){.cell = cells[i % 4],
                                       .input_size = s[3],
                                       .hidden_size = s[2],
                                       .num_layers = 1,
                                       .embedding_size = s[4],
                                       .tied = (i + i / 4) % 2,
                                       .dropout_input = 0.5f,
                                       .dropout_output = 0.5f},
                    s[0], s[1], (uint64_t)i);
    }
}

/* A packed model is for generation: it drops nothing and has a weight of its own for the output. */
static void check_packed(const lyrnn_rnn_config *config)
{
    enum { T = 5, B = 3 };
    model_check check;
    lyrnn_activations a;
    lyrnn_packed_model packed;
    model_check_open_config(&check, config, 0);
    size_t count = (size_t)(T * B * config->input_size);
    double *params = random_params(&check.shape, 1), *expected = test_memory(count, sizeof *params);
    float *logits = test_memory(count, sizeof *logits);
    int32_t *ids = random_ids(T * B, config->input_size, 2);
    assert_int_equal(lyrnn_packed_model_init(&packed, &check.model), LYRNN_OK);
    model_check_upload(&check, params);
    lyrnn_packed_model_update(&packed);
    assert_int_equal(lyrnn_activations_init(&a, &check.model, T, B, false), LYRNN_OK);
    const oracle_batch batch = {.T = T, .B = B, .inputs = ids, .targets = ids};
    oracle_model_loss(&check.shape, params, &batch, &(oracle_results){.logits = expected});
    check.backend.upload(&check.backend, a.inputs, ids, T * B * sizeof *ids);
    lyrnn_packed_model_forward(&packed, &a);
    download_logits(&a, config->input_size, logits);
    assert_near("packed", logits, expected, count, 1e-5);
    lyrnn_activations_free(&a);
    lyrnn_packed_model_free(&packed);
    model_check_close(&check);
    free(params);
    free(expected);
    free(logits);
    free(ids);
}

static void packed_models_equal_the_oracle(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_EMBEDDED; i++) {
        lyrnn_rnn_config config = embedded_config(i);
        check_packed(&config);
    }
}

static double *logits_of(const lyrnn_rnn_config *config, bool training, bool counted)
{
    enum { T = 5, B = 3 };
    model_check check;
    lyrnn_activations a;
    model_check_open_config(&check, config, 0);
    size_t count = (size_t)(T * B * config->input_size);
    double *params = random_params(&check.shape, 1), *logits = test_memory(count, sizeof *logits);
    float *floats = test_memory(count, sizeof *floats);
    int32_t *ids = random_ids(T * B, config->input_size, 2);
    model_check_upload(&check, params);
    lyrnn_counters *counters = device_counters(&check.backend, (lyrnn_counters){0});
    assert_int_equal(lyrnn_activations_init(&a, &check.model, T, B, training), LYRNN_OK);
    a.dropout = (lyrnn_dropout){.seed = 1, .counters = counted ? counters : NULL, .num_streams = B};
    forward(&check, &a, ids, floats);
    for (size_t i = 0; i < count; i++)
        logits[i] = (double)floats[i];
    lyrnn_activations_free(&a);
    check.backend.memory_free(&check.backend, counters);
    model_check_close(&check);
    free(params);
    free(floats);
    free(ids);
    return logits;
}

static void dropout_of_zero_and_evaluation_equal_none(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        lyrnn_rnn_config none = {.cell = cells[i],
                                 .input_size = 7,
                                 .hidden_size = 9,
                                 .num_layers = 2,
                                 .embedding_size = 5};
        lyrnn_rnn_config half = none;
        half.dropout = i == 0 ? 0.5f : 0;
        half.dropout_input = i == 1 ? 0.5f : 0;
        half.dropout_output = i == 2 ? 0.5f : 0;
        half.dropout_weight = i == 3 ? 0.5f : 0;
        const size_t num_bytes = 5 * 3 * 7 * sizeof(double);
        double *expected = logits_of(&none, true, true);
        double *others[] = {logits_of(&none, true, false), logits_of(&half, true, false),
                            logits_of(&half, false, true), logits_of(&half, true, true)};
        for (int k = 0; k < 3; k++)
            assert_same_bits("logits", others[k], expected, num_bytes);
        assert_memory_not_equal(others[3], expected, num_bytes);
        free(expected);
        for (int k = 0; k < 4; k++)
            free(others[k]);
    }
}

static void one_batch_overfits_to_almost_no_loss(void **state)
{
    (void)state;
    enum { V = 7, H = 16, B = 2, T = 6, STEPS = 300 };
    /* Learnable from a zero state: the streams start differently, and repeated characters follow
     * different pasts. */
    const int32_t ids[B * (T + 1)] = {0, 1, 2, 1, 3, 1, 4, 5, 6, 2, 6, 0, 6, 5};
    for (int i = 0; i < 4; i++) {
        /* A cell takes twenty seconds in the simulator, so one cell stands for all. */
        if (getenv("LYRNN_SIM_SEED") != NULL && cells[i] != LYRNN_LSTM)
            continue;
        model_check check;
        model_check_training training;
        model_check_open(&check, cells[i], V, H, 0);
        lyrnn_model_randomize(&check.model, 1);
        model_check_train_open(&check, &training, ids, B * (T + 1), B, T,
                               (lyrnn_optimizer_config){.learning_rate = 1e-2f, .clip_norm = 1});
        double first = model_check_train_step(&training), last = first;
        for (int step = 1; step < STEPS; step++)
            last = model_check_train_step(&training);
        print_message("    loss %.3f to %.1e\n", first, last);
        assert_true(first > 1.5 && last < 0.01);
        model_check_train_close(&training);
        model_check_close(&check);
    }
}

/* Two small trainings that start from the seed. params (count) gets the final parameters of the
 * second. */
static double train_from_seed(uint64_t seed, int num_threads, double *params)
{
    enum { V = 33, H = 64, B = 7, T = 9, N = 7 * (9 * 6 + 1), STEPS = 13 };
    model_check check;
    model_check_training training;
    model_check_open(&check, LYRNN_RNN_TANH, V, H, num_threads);
    lyrnn_model_randomize(&check.model, seed);
    int32_t *ids = random_ids(N, V, 5);
    model_check_train_open(&check, &training, ids, N, B, T,
                           (lyrnn_optimizer_config){.learning_rate = 1e-3f, .clip_norm = 0.01f});
    double loss = 0;
    for (int step = 0; step < STEPS; step++)
        loss = model_check_train_step(&training);
    model_check_download(&check, check.model.params, params);
    model_check_train_close(&training);
    model_check_close(&check);
    free(ids);
    return loss;
}

static void the_same_seed_trains_to_the_same_bits(void **state)
{
    (void)state;
    const oracle_model shape = {.cell = LYRNN_RNN_TANH, .V = 33, .H = 64, .num_layers = 1};
    size_t bytes = oracle_model_count(&shape) * sizeof(double);
    double *first = test_memory(1, bytes), *second = test_memory(1, bytes);
    for (int threads = 1; threads <= 2; threads++) {
        double loss = train_from_seed(1, threads, first);
        assert_true(train_from_seed(1, threads, second) == loss);
        assert_same_bits("params", second, first, bytes);
        assert_true(train_from_seed(2, threads, second) != loss);
        assert_memory_not_equal(second, first, bytes);
    }
    free(first);
    free(second);
}

/* At a learning rate of zero an epoch is a measurement, which the oracle can make as well. */
static void an_epochs_loss_is_the_mean_over_its_targets(void **state)
{
    (void)state;
    enum { V = 33, H = 32, B = 3, T = 7, K = 5, N = B * (K * T + 1) + 2 };
    model_check check;
    model_check_training training;
    oracle_training oracle;
    const lyrnn_optimizer_config still = {.clip_norm = 0.01f};
    model_check_open(&check, LYRNN_RNN_TANH, V, H, 0);
    double *params = random_params(&check.shape, 1);
    int32_t *ids = random_ids(N, V, 2);
    model_check_upload(&check, params);
    model_check_train_open(&check, &training, ids, N, B, T, still);
    oracle_train_open(&oracle, &check.model.config, params, ids, N, B, T, still);
    assert_int_equal(training.trainer.batches.K, K);
    assert_int_equal(oracle.K, K);
    for (int epoch = 0; epoch < 2; epoch++) {
        double mean = 0;
        for (int k = 0; k < K; k++) {
            model_check_train_step(&training);
            mean += oracle_train_step(&oracle, NULL) / K;
        }
        lyrnn_counters counters = lyrnn_trainer_counters(&training.trainer);
        assert_int_equal(counters.loss_count, K * T * B);
        assert_int_equal(counters.batch, K);
        assert_int_equal(counters.step, (epoch + 1) * K);
        double perplexity = exp(counters.loss_sum / (double)counters.loss_count);
        assert_number_near("perplexity", perplexity, exp(mean), 1e-6);
    }
    oracle_train_close(&oracle);
    model_check_train_close(&training);
    model_check_close(&check);
    free(params);
    free(ids);
}

/* Returns the loss of the first step of a training that starts at the given epoch. */
static double first_loss_at(uint64_t epoch, const int32_t *ids, size_t N)
{
    model_check check;
    model_check_training training;
    model_check_open(&check, LYRNN_RNN_TANH, 33, 16, 0);
    lyrnn_model_randomize(&check.model, 1);
    model_check_train_open(&check, &training, ids, N, 3, 7,
                           (lyrnn_optimizer_config){.learning_rate = 0, .clip_norm = 0});
    assert_int_equal(lyrnn_trainer_begin_epoch(&training.trainer, epoch), LYRNN_OK);
    lyrnn_trainer_step(&training.trainer);
    lyrnn_counters counters = lyrnn_trainer_counters(&training.trainer);
    model_check_train_close(&training);
    model_check_close(&check);
    return counters.loss_sum;
}

static void training_can_begin_at_any_epoch(void **state)
{
    (void)state;
    enum { N = 3 * (2 * 7 + 1) };
    int32_t *ids = random_ids(N, 33, 4);
    assert_true(first_loss_at(7, ids, N) == first_loss_at(1, ids, N));
    free(ids);
}

static double correlation(const double *a, const double *b, int count)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < count; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* Uniform in (-bound, bound): mean 0 and variance bound^2 / 3, each within five standard
 * deviations. */
static void assert_uniform(const double *values, int count, double bound)
{
    double sum = 0, squares = 0, largest = 0;
    for (int i = 0; i < count; i++) {
        sum += values[i];
        squares += values[i] * values[i];
        largest = fmax(largest, fabs(values[i]));
    }
    double n = (double)count, variance = bound * bound / 3;
    assert_true(largest <= bound * (1 + 1e-6) && largest > bound * 0.9);
    assert_true(fabs(sum / n) <= 5 * sqrt(variance / n));
    /* The variance of u^2 for u uniform in (-1,1) is 1/5 - 1/9. */
    assert_true(fabs(squares / n - variance) <= 5 * bound * bound * sqrt(4.0 / 45 / n));
}

static void initial_weights_are_uniform_and_independent(void **state)
{
    (void)state;
    enum { V = 256, H = 256 };
    model_check check;
    model_check_open(&check, LYRNN_RNN_TANH, V, H, 0);
    double *params = test_memory((size_t)check.count, sizeof *params);
    double *other = test_memory((size_t)check.count, sizeof *other);
    lyrnn_model_randomize(&check.model, 1);
    model_check_download(&check, check.model.params, params);
    const int counts[] = {H * V, H * H, H, H, V * H, V};
    const double *tensors[6] = {params};
    for (int i = 1; i < 6; i++)
        tensors[i] = tensors[i - 1] + counts[i - 1];
    for (int i = 0; i < 6; i++) {
        assert_uniform(tensors[i], counts[i], 1 / sqrt((double)H));
        for (int k = 0; k < i; k++) {
            int count = counts[i] < counts[k] ? counts[i] : counts[k];
            double r = correlation(tensors[i], tensors[k], count);
            assert_true(fabs(r) <= 5 / sqrt((double)count));
        }
    }
    lyrnn_model_randomize(&check.model, 2);
    model_check_download(&check, check.model.params, other);
    assert_true(fabs(correlation(other, params, check.count)) <= 5 / sqrt((double)check.count));
    lyrnn_model_randomize(&check.model, 1);
    model_check_download(&check, check.model.params, other);
    assert_same_bits("same seed", other, params, (size_t)check.count * sizeof *params);
    model_check_close(&check);
    free(params);
    free(other);
}

/* Trained a little, so that no two characters are nearly tied. */
static void greedy_text_equals_the_oracles(void **state)
{
    (void)state;
    enum { V = 13, H = 24, B = 2, T = 8, N = 2 * (8 * 6 + 1), LENGTH = 40 };
    model_check check;
    model_check_training training;
    model_check_open(&check, LYRNN_RNN_TANH, V, H, 0);
    lyrnn_model_randomize(&check.model, 3);
    int32_t *ids = random_ids(N, V, 4);
    model_check_train_open(&check, &training, ids, N, B, T,
                           (lyrnn_optimizer_config){.learning_rate = 1e-2f, .clip_norm = 1});
    for (int step = 0; step < 200; step++)
        model_check_train_step(&training);
    double *params = test_memory((size_t)check.count, sizeof *params);
    model_check_download(&check, check.model.params, params);

    for (int prefix = 1; prefix <= 5; prefix += 2) {
        int32_t expected[5 + LENGTH] = {7, 1, 12, 0, 3}, text[5 + LENGTH] = {7, 1, 12, 0, 3};
        double lead = oracle_model_generate(&check.shape, params, expected, prefix, LENGTH);
        /* If two characters were equally likely within float's precision, either text would be
         * correct. */
        assert_true(lead > 1e-4);
        greedy_text(&check.model, text, (size_t)prefix, LENGTH);
        assert_memory_equal(text, expected, (size_t)(prefix + LENGTH) * sizeof *text);
        int distinct = 0;
        for (int i = 1; i < LENGTH; i++)
            distinct += text[prefix + i] != text[prefix];
        assert_true(distinct > 0);
    }
    model_check_train_close(&training);
    model_check_close(&check);
    free(params);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twelve_steps_equal_three_times_four_with_carried_state),
        cmocka_unit_test(a_whole_batch_equals_the_oracle),
        cmocka_unit_test(layers_directions_and_dropout_equal_the_oracle),
        cmocka_unit_test(embeddings_and_every_dropout_equal_the_oracle),
        cmocka_unit_test(odd_embeddings_equal_the_oracle),
        cmocka_unit_test(packed_models_equal_the_oracle),
        cmocka_unit_test(dropout_of_zero_and_evaluation_equal_none),
        cmocka_unit_test(one_batch_overfits_to_almost_no_loss),
        cmocka_unit_test(the_same_seed_trains_to_the_same_bits),
        cmocka_unit_test(an_epochs_loss_is_the_mean_over_its_targets),
        cmocka_unit_test(training_can_begin_at_any_epoch),
        cmocka_unit_test(initial_weights_are_uniform_and_independent),
        cmocka_unit_test(greedy_text_equals_the_oracles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
