/* A training that is copied to the host, ended, and put into another trainer continues with the
 * same bits: for every cell, every way of sampling, dropout of every kind and every option of the
 * optimizer, at the end of an epoch and at every batch within one. LYRNN_TEST_DEVICE names the
 * device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "model_check.h"

enum { V = 9, H = 6, B = 3, T = 4, K = 3, N = B * (K * T + 1), EPOCHS = 4 };

/* Songs of one to three chunks, which three streams read in three batches: 1 + 3 + 2 + 2 chunks. */
static const size_t songs[] = {0, 3, 14, 22};
static const size_t song_chars = 29;

/* What a checkpoint holds. params is the result: the average, or the weights. */
typedef struct {
    float *params;
    lyrnn_trainer_snapshot state;
} snapshot;

static const lyrnn_optimizer_config adam = {.learning_rate = 1e-2f, .clip_norm = 0.3f};

/* The options that change a step, with a cosine or with a rate that is halved. */
static const lyrnn_optimizer_config everything[] = {
    {.learning_rate = 1e-2f,
     .clip_norm = 0.3f,
     .schedule = LYRNN_SCHEDULE_COSINE,
     .warmup_steps = 4,
     .num_steps = EPOCHS * K,
     .weight_decay = 0.5f,
     .beta2 = 0.99,
     .average_decay = 0.9,
     .num_shards = 3},
    {.learning_rate = 1e-2f,
     .clip_norm = 0.3f,
     .schedule = LYRNN_SCHEDULE_PLATEAU,
     .warmup_steps = 2,
     .weight_decay = 0.5f,
     .no_momentum = true,
     .average_decay = 0.5},
};

static void snapshot_init(snapshot *s, const lyrnn_rnn_config *config,
                          const lyrnn_optimizer_config *optimizer)
{
    bool has_average = optimizer->average_decay > 0;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    s->params = test_memory(parameters.count, sizeof *s->params);
    assert_int_equal(lyrnn_trainer_snapshot_init(&s->state, config, B, has_average), LYRNN_OK);
}

static void snapshot_free(snapshot *s)
{
    free(s->params);
    lyrnn_trainer_snapshot_free(&s->state);
}

/* Opens a device, continues from `from` (zeroed: from the start) until `until` batches are done,
 * and takes a snapshot, which may be the same struct. Everything on the device is new, and is freed
 * at the end. */
static void train(const lyrnn_rnn_config *config, const lyrnn_optimizer_config *optimizer,
                  lyrnn_sampling sampling, const snapshot *from, int until, snapshot *to)
{
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
    assert_int_equal(lyrnn_trainer_init(&trainer, &check.model, &batches, ids, optimizer),
                     LYRNN_OK);
    int done = (int)from->state.counters.step;
    if (done > 0) {
        lyrnn_model_upload(lyrnn_trainer_result(&trainer), from->params);
        assert_int_equal(lyrnn_trainer_upload(&trainer, &from->state), LYRNN_OK);
    }
    for (bool is_first = true; done < until; done++, is_first = false) {
        /* Within an epoch the batches continue. At its end, resumed or not, a new epoch starts. */
        if (done % K == 0 && !(is_first && from->state.counters.batch > 0))
            assert_int_equal(lyrnn_trainer_begin_epoch(&trainer, (uint64_t)(done / K) + 1),
                             LYRNN_OK);
        lyrnn_trainer_step(&trainer);
        /* Once within an epoch, and once at an epoch's end. */
        if (optimizer->schedule == LYRNN_SCHEDULE_PLATEAU && (done == K + 1 || done == 2 * K - 1))
            lyrnn_trainer_halve_rate(&trainer);
    }
    lyrnn_model_download(lyrnn_trainer_result(&trainer), to->params);
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
    assert_true((a->state.raw == NULL) == (b->state.raw == NULL));
    if (a->state.raw != NULL) {
        assert_memory_equal(a->state.raw, b->state.raw, flat_bytes);
        assert_memory_not_equal(a->state.raw, a->params, flat_bytes);
    }
    assert_int_equal(a->state.num_halvings, b->state.num_halvings);
    assert_int_equal(a->state.epoch, b->state.epoch);
    assert_memory_equal(&a->state.counters, &b->state.counters, sizeof a->state.counters);
}

static void check_resuming(const lyrnn_rnn_config *config, const lyrnn_optimizer_config *optimizer,
                           lyrnn_sampling sampling)
{
    snapshot start, whole, part;
    snapshot_init(&start, config, optimizer);
    snapshot_init(&whole, config, optimizer);
    snapshot_init(&part, config, optimizer);
    train(config, optimizer, sampling, &start, EPOCHS * K - 1, &whole);
    bool is_carried = false;
    for (int i = 0; i < B * H; i++)
        is_carried = is_carried || whole.state.h[i] != 0.0f;
    assert_true(is_carried == (sampling != LYRNN_SAMPLING_RANDOM));
    /* Every place in an epoch, including its end. */
    for (int at = 1; at < 3 * K; at += 2) {
        train(config, optimizer, sampling, &start, at, &part);
        train(config, optimizer, sampling, &part, EPOCHS * K - 1, &part);
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
        check_resuming(&configs[i], &adam, LYRNN_SAMPLING_CONSECUTIVE);
        check_resuming(&configs[i], &adam, LYRNN_SAMPLING_RANDOM);
        check_resuming(&configs[i], &adam, LYRNN_SAMPLING_SONGS);
    }
}

static lyrnn_rnn_config config_with_everything(lyrnn_cell cell)
{
    return (lyrnn_rnn_config){.cell = cell,
                              .input_size = V,
                              .hidden_size = H,
                              .num_layers = 2,
                              .bidirectional = cell == LYRNN_RNN_RELU,
                              .dropout = 0.2f,
                              .embedding_size = cell == LYRNN_GRU ? H : 5,
                              .tied = cell != LYRNN_RNN_TANH,
                              .dropout_input = 0.2f,
                              .dropout_output = 0.3f,
                              .dropout_weight = 0.4f};
}

static void a_training_with_every_option_continues_with_the_same_bits(void **state)
{
    (void)state;
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    for (int i = 0; i < 8; i++) {
        const lyrnn_rnn_config config = config_with_everything(cells[i / 2]);
        check_resuming(&config, &everything[i % 2], LYRNN_SAMPLING_CONSECUTIVE);
        check_resuming(&config, &everything[i % 2], LYRNN_SAMPLING_RANDOM);
        check_resuming(&config, &everything[i % 2], LYRNN_SAMPLING_SONGS);
    }
}

/* A snapshot holds the state of the whole batch. Only the order of the sums differs. */
static void other_shards_continue_up_to_rounding(void **state)
{
    (void)state;
    for (int number = LYRNN_SAMPLING_CONSECUTIVE; number <= LYRNN_SAMPLING_SONGS; number++) {
        const lyrnn_sampling sampling = (lyrnn_sampling)number;
        const lyrnn_rnn_config config = config_with_everything(LYRNN_LSTM);
        lyrnn_optimizer_config sharded = everything[0], whole = sharded;
        whole.num_shards = 1;
        lyrnn_parameters parameters;
        snapshot start, middle, same, other;
        snapshot *const all[] = {&start, &middle, &same, &other};
        lyrnn_parameters_of_model(&parameters, &config);
        for (int i = 0; i < 4; i++)
            snapshot_init(all[i], &config, &sharded);
        for (int i = 0; i < 2; i++) {
            train(&config, i == 0 ? &sharded : &whole, sampling, &start, K + 2, &middle);
            train(&config, &sharded, sampling, &middle, 2 * K + 1, &same);
            train(&config, &whole, sampling, &middle, 2 * K + 1, &other);
            for (size_t k = 0; k < parameters.count; k++)
                assert_true(fabsf(same.params[k] - other.params[k]) < 1e-5f &&
                            fabsf(same.state.raw[k] - other.state.raw[k]) < 1e-4f);
        }
        for (int i = 0; i < 4; i++)
            snapshot_free(all[i]);
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
    for (int i = 0; i < 3; i++) {
        const lyrnn_optimizer_config *optimizer = i == 2 ? &adam : &everything[i];
        snapshot_init(&start, &config, optimizer);
        snapshot_init(&before, &config, optimizer);
        snapshot_init(&after, &config, optimizer);
        train(&config, optimizer, LYRNN_SAMPLING_CONSECUTIVE, &start, K + 2, &before);
        train(&config, optimizer, LYRNN_SAMPLING_CONSECUTIVE, &before, K + 2, &after);
        assert_same(&config, &after, &before);
        assert_int_equal(after.state.counters.batch, 2);
        snapshot_free(&start);
        snapshot_free(&before);
        snapshot_free(&after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_training_continues_with_the_same_bits),
        cmocka_unit_test(a_training_with_every_option_continues_with_the_same_bits),
        cmocka_unit_test(other_shards_continue_up_to_rounding),
        cmocka_unit_test(a_state_comes_back_as_it_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
