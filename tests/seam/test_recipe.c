/* What surrounds a step of Adam: schedules of the learning rate, weight decay, the average of the
 * weights, and dropout of every kind. Whole trainings are compared with the oracle's, which draws
 * its masks from Philox one number at a time. LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "model_check.h"

static lyrnn_optimizer_config optimizer_of(int i)
{
    const int64_t warmups[] = {0, 1, 7}, nums[] = {1, 5, 10, 50};
    return (lyrnn_optimizer_config){
        .learning_rate = 3e-3f,
        .schedule = (lyrnn_schedule)(i % 3),
        .warmup_steps = warmups[i / 3 % 3],
        .num_steps = nums[i / 9 % 4],
    };
}

static void learning_rates_are_the_oracles(void **state)
{
    (void)state;
    for (int i = 0; i < 36; i++) {
        const lyrnn_optimizer_config optimizer = optimizer_of(i);
        bool is_cosine = optimizer.schedule == LYRNN_SCHEDULE_COSINE;
        for (int64_t step = 0; step < 4 * 60; step++) {
            const oracle_schedule schedule = {
                .rate = (double)optimizer.learning_rate,
                .warmup_steps = optimizer.warmup_steps,
                .num_steps = is_cosine ? optimizer.num_steps : 0,
                .num_halvings = (int)(step % 4),
            };
            double rate = lyrnn_learning_rate(&optimizer, (int)(step % 4), step / 4);
            double expected = oracle_learning_rate(&schedule, step / 4);
            assert_true(fabs(rate - expected) <= 1e-12 * (double)optimizer.learning_rate);
        }
    }
}

enum { V = 13, B = 4, T = 5, K = 4, N = B * (K * T + 1) };

static void fill_ids(int32_t ids[N])
{
    for (int i = 0; i < N; i++)
        ids[i] = (i * 5 + random_id(6, (uint64_t)i, 3)) % V;
}

static void assert_rates(const lyrnn_trainer *trainer, int64_t first_step)
{
    float rates[K];
    lyrnn_backend *backend = trainer->model->backend;
    backend->download(backend, rates, trainer->learning_rates, sizeof rates);
    for (int k = 0; k < K; k++) {
        double expected =
            lyrnn_learning_rate(&trainer->optimizer, trainer->num_halvings, first_step + k);
        assert_true(rates[k] == (float)expected);
    }
}

/* Halved rates hold from the next step on, also within an epoch. */
static void an_epoch_has_a_table_of_its_rates(void **state)
{
    (void)state;
    int32_t ids[N];
    fill_ids(ids);
    for (int i = 0; i < 36; i++) {
        model_check check;
        model_check_training training;
        model_check_open(&check, LYRNN_RNN_TANH, V, 3, 1);
        model_check_train_open(&check, &training, ids, N, B, T, optimizer_of(i));
        lyrnn_trainer *trainer = &training.trainer;
        assert_int_equal(trainer->batches.K, K);
        for (int step = 0; step < 3 * K; step++) {
            model_check_train_step(&training);
            assert_rates(trainer, step / K * K);
            if (step == K + 1 || step == 2 * K - 1) {
                lyrnn_trainer_halve_rate(trainer);
                assert_rates(trainer, K);
            }
        }
        assert_int_equal(trainer->num_halvings, 2);
        model_check_train_close(&training);
        model_check_close(&check);
    }
}

static double *random_params(const oracle_model *shape)
{
    size_t count = oracle_model_count(shape);
    double *params = test_memory(count, sizeof *params);
    for (size_t i = 0; i < count; i++)
        params[i] = (double)(float)random_number(3, i, 0.4);
    return params;
}

/* Twelve steps over three epochs. */
static void check_training(lyrnn_rnn_config config, lyrnn_optimizer_config optimizer)
{
    enum { STEPS = 3 * K };
    int32_t ids[N];
    model_check check;
    model_check_training training;
    oracle_training oracle;
    double losses[STEPS], expected[STEPS];
    fill_ids(ids);
    config.input_size = V;
    model_check_open_config(&check, &config, 1);
    double *params = random_params(&check.shape);
    model_check_upload(&check, params);
    model_check_train_open(&check, &training, ids, N, B, T, optimizer);
    oracle_train_open(&oracle, &config, params, ids, N, B, T, optimizer);
    for (int step = 0; step < STEPS; step++) {
        losses[step] = model_check_train_step(&training);
        expected[step] = oracle_train_step(&oracle, NULL);
    }
    size_t count = (size_t)check.count;
    assert_doubles_near("losses", losses, expected, STEPS, 1e-5);
    model_check_download(&check, check.model.params, params);
    assert_doubles_near("weights", params, oracle.params, count, 1e-4);
    const lyrnn_model *result = lyrnn_trainer_result(&training.trainer);
    assert_true((result == &check.model) == (optimizer.average_decay == 0));
    model_check_download(&check, result->params, params);
    assert_doubles_near("result", params,
                        optimizer.average_decay > 0 ? oracle.adam.average : oracle.params, count,
                        1e-4);
    oracle_train_close(&oracle);
    model_check_train_close(&training);
    model_check_close(&check);
    free(params);
}

static void trainings_with_each_part_equal_the_oracles(void **state)
{
    (void)state;
    const lyrnn_rnn_config plain = {.cell = LYRNN_GRU, .hidden_size = 7, .num_layers = 2};
    const lyrnn_optimizer_config adam = {.learning_rate = 1e-2f, .clip_norm = 0.5f};
    lyrnn_optimizer_config decayed = adam, averaged = adam, cosine = adam, rmsprop = adam;
    decayed.weight_decay = 5;
    decayed.beta2 = 0.98;
    averaged.average_decay = 0.6;
    cosine.schedule = LYRNN_SCHEDULE_COSINE;
    cosine.warmup_steps = 5;
    cosine.num_steps = 11;
    rmsprop.no_momentum = true;
    check_training(plain, decayed);
    check_training(plain, averaged);
    check_training(plain, cosine);
    check_training(plain, rmsprop);
    lyrnn_rnn_config dropped = plain, tied = plain;
    dropped.dropout = 0.3f;
    dropped.dropout_output = 0.4f;
    dropped.dropout_weight = 0.5f;
    check_training(dropped, adam);
    tied.embedding_size = 7;
    tied.tied = true;
    tied.dropout_input = 0.4f;
    check_training(tied, decayed);
}

/* Every option at once, with every cell. */
static void trainings_with_everything_equal_the_oracles(void **state)
{
    (void)state;
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    for (int i = 0; i < 8; i++) {
        const lyrnn_rnn_config config = {.cell = cells[i % 4],
                                         .hidden_size = 7,
                                         .num_layers = 1 + i / 4,
                                         .bidirectional = i % 4 == 2,
                                         .dropout = i / 4 > 0 ? 0.2f : 0,
                                         .embedding_size = 5,
                                         .tied = true,
                                         .dropout_input = 0.2f,
                                         .dropout_output = 0.3f,
                                         .dropout_weight = 0.4f};
        const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-2f,
                                                  .clip_norm = 0.5f,
                                                  .schedule = LYRNN_SCHEDULE_COSINE,
                                                  .warmup_steps = 3,
                                                  .num_steps = 3 * K,
                                                  .weight_decay = 2,
                                                  .no_momentum = i == 1,
                                                  .beta2 = 0.99,
                                                  .average_decay = 0.9,
                                                  .num_shards = i % 4 == 3 ? 2 : 0};
        check_training(config, optimizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learning_rates_are_the_oracles),
        cmocka_unit_test(an_epoch_has_a_table_of_its_rates),
        cmocka_unit_test(trainings_with_each_part_equal_the_oracles),
        cmocka_unit_test(trainings_with_everything_equal_the_oracles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
