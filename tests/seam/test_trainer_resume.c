/* A training that is copied to the host, ended, and put into another trainer continues with the
 * same bits: for every cell, every way of sampling, and dropout, at the end of an epoch and at
 * every batch within one. LYRNN_TEST_DEVICE names the device. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "model_check.h"

enum { V = 9, H = 6, B = 3, T = 4, K = 3, N = B * (K * T + 1), EPOCHS = 4 };

/* Songs of one to three chunks, which three streams read in three batches: 1 + 3 + 2 + 2 chunks. */
static const size_t songs[] = {0, 3, 14, 22};
static const size_t song_chars = 29;

/* What a checkpoint holds. */
typedef struct {
    float *params;
    lyrnn_trainer_snapshot state;
} snapshot;

static void snapshot_init(snapshot *s, const lyrnn_rnn_config *config)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    s->params = test_memory(parameters.count, sizeof *s->params);
    assert_int_equal(lyrnn_trainer_snapshot_init(&s->state, config, B, false), LYRNN_OK);
}

static void snapshot_free(snapshot *s)
{
    free(s->params);
    lyrnn_trainer_snapshot_free(&s->state);
}

/* Opens a device, continues from `from` (zeroed: from the start) until `until` batches are done,
 * and takes a snapshot, which may be the same struct. Everything on the device is new, and is freed
 * at the end. */
static void train(const lyrnn_rnn_config *config, lyrnn_sampling sampling, const snapshot *from,
                  int until, snapshot *to)
{
    const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-2f, .clip_norm = 0.3f};
    const lyrnn_batch_options batch_options = {.N = sampling == LYRNN_SAMPLING_SONGS ? song_chars
                                                                                     : N,
                                               .B = B,
                                               .T = T,
                                               .sampling = sampling,
                                               .seed = 5,
                                               .songs = songs,
                                               .num_songs = sizeof songs / sizeof *songs};
    int32_t ids[N];
    model_check check;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)(lyrnn_philox_bits(3, 99, (uint64_t)i) % V);
    model_check_open_config(&check, config, 1);
    assert_int_equal(lyrnn_batches_init(&batches, &batch_options), LYRNN_OK);
    assert_int_equal(batches.K, K);
    assert_int_equal(batches.B, B);
    lyrnn_model_randomize(&check.model, 1);
    assert_int_equal(lyrnn_trainer_init(&trainer, &check.model, &batches, ids, &optimizer),
                     LYRNN_OK);
    int done = (int)from->state.counters.step;
    if (done > 0) {
        lyrnn_model_upload(&check.model, from->params);
        assert_int_equal(lyrnn_trainer_upload(&trainer, &from->state), LYRNN_OK);
    }
    for (bool is_first = true; done < until; done++, is_first = false) {
        /* Within an epoch the batches continue. At its end, resumed or not, a new epoch starts. */
        if (done % K == 0 && !(is_first && from->state.counters.batch > 0))
            assert_int_equal(lyrnn_trainer_begin_epoch(&trainer, (uint64_t)(done / K) + 1),
                             LYRNN_OK);
        lyrnn_trainer_step(&trainer);
    }
    lyrnn_model_download(&check.model, to->params);
    lyrnn_trainer_download(&trainer, &to->state);
    to->state.epoch = done / K;
    if (done % K == 0)
        to->state.counters.batch = 0;
    lyrnn_trainer_free(&trainer);
    lyrnn_batches_free(&batches);
    model_check_close(&check);
}

static void assert_same(const lyrnn_rnn_config *config, const snapshot *a, const snapshot *b)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    size_t flat_bytes = parameters.count * sizeof(float);
    size_t state_bytes =
        (size_t)(config->num_layers * lyrnn_num_directions(config) * B * H) * sizeof(float);
    assert_memory_equal(a->params, b->params, flat_bytes);
    assert_memory_equal(a->state.m, b->state.m, flat_bytes);
    assert_memory_equal(a->state.v, b->state.v, flat_bytes);
    assert_memory_equal(a->state.h, b->state.h, state_bytes);
    if (config->cell == LYRNN_LSTM)
        assert_memory_equal(a->state.c, b->state.c, state_bytes);
    assert_int_equal(a->state.epoch, b->state.epoch);
    assert_memory_equal(&a->state.counters, &b->state.counters, sizeof a->state.counters);
}

static void check_resuming(const lyrnn_rnn_config *config, lyrnn_sampling sampling)
{
    snapshot start, whole, part;
    snapshot_init(&start, config);
    snapshot_init(&whole, config);
    snapshot_init(&part, config);
    train(config, sampling, &start, EPOCHS * K - 1, &whole);
    bool is_carried = false;
    for (int i = 0; i < B * H; i++)
        is_carried = is_carried || whole.state.h[i] != 0.0f;
    assert_true(is_carried == (sampling != LYRNN_SAMPLING_RANDOM));
    /* Every place in an epoch, including its end. */
    for (int at = 1; at < 3 * K; at += 2) {
        train(config, sampling, &start, at, &part);
        train(config, sampling, &part, EPOCHS * K - 1, &part);
        assert_same(config, &part, &whole);
    }
    snapshot_free(&start);
    snapshot_free(&whole);
    snapshot_free(&part);
}

static void a_resumed_training_continues_with_the_same_bits(void **state)
{
    (void)state;
    const lyrnn_rnn_config configs[] = {
        {.cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = H, .num_layers = 1},
        {.cell = LYRNN_RNN_RELU, .input_size = V, .hidden_size = H, .num_layers = 1},
        {.cell = LYRNN_LSTM, .input_size = V, .hidden_size = H, .num_layers = 2, .dropout = 0.4f},
        {.cell = LYRNN_GRU,
         .input_size = V,
         .hidden_size = H,
         .num_layers = 2,
         .bidirectional = true,
         .dropout = 0.2f},
    };
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        check_resuming(&configs[i], LYRNN_SAMPLING_CONSECUTIVE);
        check_resuming(&configs[i], LYRNN_SAMPLING_RANDOM);
        check_resuming(&configs[i], LYRNN_SAMPLING_SONGS);
    }
}

/* What is downloaded equals what was uploaded, even before any step. */
static void a_state_comes_back_as_it_went_in(void **state)
{
    (void)state;
    const lyrnn_rnn_config config = {.cell = LYRNN_LSTM,
                                     .input_size = V,
                                     .hidden_size = H,
                                     .num_layers = 2,
                                     .bidirectional = true};
    snapshot start, before, after;
    snapshot_init(&start, &config);
    snapshot_init(&before, &config);
    snapshot_init(&after, &config);
    train(&config, LYRNN_SAMPLING_CONSECUTIVE, &start, K + 2, &before);
    train(&config, LYRNN_SAMPLING_CONSECUTIVE, &before, K + 2, &after);
    assert_same(&config, &after, &before);
    assert_int_equal(after.state.counters.batch, 2);
    snapshot_free(&start);
    snapshot_free(&before);
    snapshot_free(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_training_continues_with_the_same_bits),
        cmocka_unit_test(a_state_comes_back_as_it_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
