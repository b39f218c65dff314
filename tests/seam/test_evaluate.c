/* Evaluation compared with scores of single texts (test_score.c compares those with the oracle):
 * songs each from the zero state, and running text that begins in a carried state after its
 * context. And training by songs: with learning rate 0, the losses of an epoch are those of the
 * songs on their own, and padding changes nothing. LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/evaluate.h"
#include "lyrnn/score.h"
#include "model_check.h"

enum { V = 11, H = 6, N = 260 };

/* Lengths 1, 2, 20, 7, 50, 1, 31, 60 and 88. */
static const size_t songs[] = {0, 1, 3, 23, 30, 80, 81, 112, 172};
enum { NUM_SONGS = sizeof songs / sizeof *songs };

static const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};

static void open_model(model_check *check, lyrnn_cell cell, int num_layers, int32_t *ids)
{
    const lyrnn_rnn_config config = {
        .cell = cell, .input_size = V, .hidden_size = H, .num_layers = num_layers};
    model_check_open_config(check, &config, 1);
    double *params = test_memory((size_t)check->count, sizeof *params);
    for (int i = 0; i < check->count; i++)
        params[i] = (double)(float)random_number(7, (uint64_t)i, 0.5);
    model_check_upload(check, params);
    free(params);
    for (size_t i = 0; i < N; i++)
        ids[i] = random_id(3, i, V);
}

/* Nats of num characters that begin a text, each after those before it. */
static double nats_of(const model_check *check, const int32_t *ids, size_t num)
{
    lyrnn_scored_text text = {ids, num, NAN};
    assert_int_equal(lyrnn_score(&check->model, 64, 1, &text, 1, NULL), LYRNN_OK);
    return text.nats;
}

/* The sum over songs; with `beyond` each song but the last also predicts what follows it. */
static double nats_of_songs(const model_check *check, const int32_t *ids, size_t beyond)
{
    double nats = 0;
    for (size_t i = 0; i < NUM_SONGS; i++) {
        bool is_last = i + 1 == NUM_SONGS;
        size_t end = is_last ? N : songs[i + 1] + beyond;
        nats += nats_of(check, ids + songs[i], end - songs[i]);
    }
    return nats;
}

static double evaluate(const model_check *check, const lyrnn_evaluation_text *text, int B, int T,
                       const lyrnn_trainer *carried)
{
    lyrnn_evaluator evaluator;
    double nats_per_char, again;
    assert_int_equal(lyrnn_evaluator_init(&evaluator, &check->model, text, B, T), LYRNN_OK);
    assert_in_range(evaluator.batches.B, 1, B);
    assert_int_equal(lyrnn_evaluate(&evaluator, carried, NULL, &nats_per_char), LYRNN_OK);
    assert_int_equal(lyrnn_evaluate(&evaluator, carried, NULL, &again), LYRNN_OK);
    assert_memory_equal(&nats_per_char, &again, sizeof again);
    lyrnn_evaluator_free(&evaluator);
    return nats_per_char;
}

static void songs_are_scored_each_from_the_zero_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        int32_t ids[N];
        model_check check;
        open_model(&check, cells[i], 2, ids);
        const lyrnn_evaluation_text text = {
            .ids = ids, .N = N, .songs = songs, .num_songs = NUM_SONGS};
        double expected = nats_of_songs(&check, ids, 0) / (N - NUM_SONGS);
        for (int T = 5; T <= 90; T = 4 * T + 3)
            assert_number_near("nats", evaluate(&check, &text, 4, T, NULL), expected, 1e-6);
        model_check_close(&check);
    }
}

/* One stream that begins in the zero state reads its context as the start of the text. */
static void running_text_is_read_after_its_context(void **state)
{
    (void)state;
    enum { T = 9, CONTEXT = 135, REST = 160 }; /* 128 rounded up to chunks */
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        int32_t ids[N];
        model_check check;
        open_model(&check, cells[i], 1, ids);
        lyrnn_evaluation_text text = {.ids = ids + REST, .N = 10 * T + 1, .num_context = REST};
        const int32_t *begin = text.ids - CONTEXT;
        double expected =
            (nats_of(&check, begin, CONTEXT + 10 * T + 1) - nats_of(&check, begin, CONTEXT + 1)) /
            (10 * T);
        assert_number_near("nats", evaluate(&check, &text, 1, T, NULL), expected, 1e-6);
        /* Less context than a chunk is none. */
        text.num_context = T - 1;
        expected = nats_of(&check, text.ids, 10 * T + 1) / (10 * T);
        assert_number_near("nats", evaluate(&check, &text, 1, T, NULL), expected, 1e-6);
        /* Each stream reads the text before its own part. */
        text.num_context = REST;
        text.N = 2 * (5 * T + 1);
        double halves = 0;
        for (size_t b = 0; b < 2; b++) {
            const int32_t *half = text.ids + b * (5 * T + 1) - CONTEXT;
            halves +=
                nats_of(&check, half, CONTEXT + 5 * T + 1) - nats_of(&check, half, CONTEXT + 1);
        }
        assert_number_near("nats", evaluate(&check, &text, 2, T, NULL), halves / (10 * T), 1e-6);
        model_check_close(&check);
    }
}

/* A training that has read a text hands its state on: the evaluation of what follows is the score
 * of that part in one piece. */
static void check_carried_state(int num_shards)
{
    enum { T = 10, B = 2, READ = 3 * T, REST = 4 * T + 1 };
    const lyrnn_optimizer_config optimizer = {.learning_rate = 0, .num_shards = num_shards};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        int32_t ids[N];
        model_check check;
        model_check_training training;
        open_model(&check, cells[i], 2, ids);
        /* The last stream reads up to the end of the text, but for its last target. */
        size_t text_chars = B * (READ + 1);
        model_check_train_open(&check, &training, ids, text_chars, B, T, optimizer);
        for (int k = 0; k < 3; k++)
            model_check_train_step(&training);
        const int32_t *stream = ids + READ + 1;
        const lyrnn_evaluation_text text = {.ids = stream + READ, .N = REST};
        double expected =
            (nats_of(&check, stream, READ + REST) - nats_of(&check, stream, READ + 1)) / (REST - 1);
        double actual = evaluate(&check, &text, 1, T, &training.trainer);
        assert_number_near("nats", actual, expected, 1e-6);
        assert_true(fabs(evaluate(&check, &text, 1, T, NULL) - expected) > 1e-4);
        /* In that state it reads its context, here two chunks that the training has read too. */
        enum { CONTEXT = 2 * T };
        int32_t joined[READ + CONTEXT + REST];
        const lyrnn_evaluation_text after = {
            .ids = text.ids, .N = REST, .num_context = CONTEXT + T - 1};
        memcpy(joined, stream, READ * sizeof *joined);
        memcpy(joined + READ, text.ids - CONTEXT, (CONTEXT + REST) * sizeof *joined);
        expected = (nats_of(&check, joined, READ + CONTEXT + REST) -
                    nats_of(&check, joined, READ + CONTEXT + 1)) /
                   (REST - 1);
        actual = evaluate(&check, &after, 1, T, &training.trainer);
        assert_number_near("nats", actual, expected, 1e-6);
        model_check_train_close(&training);
        model_check_close(&check);
    }
}

static void running_text_begins_in_the_carried_state(void **state)
{
    (void)state;
    check_carried_state(1);
    check_carried_state(2);
}

/* Trains `epochs` epochs of songs, and returns the sum of the losses of the last one. */
static double train_songs(model_check *check, const int32_t *ids, int B, int T, int epochs,
                          float learning_rate)
{
    const lyrnn_optimizer_config optimizer = {.learning_rate = learning_rate, .clip_norm = 1};
    const lyrnn_batch_options options = {.N = N,
                                         .B = B,
                                         .T = T,
                                         .sampling = LYRNN_SAMPLING_SONGS,
                                         .seed = 4,
                                         .songs = songs,
                                         .num_songs = NUM_SONGS};
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_init(&trainer, &check->model, &batches, ids, &optimizer),
                     LYRNN_OK);
    lyrnn_counters counters = {0};
    for (int epoch = 1; epoch <= epochs; epoch++) {
        assert_int_equal(lyrnn_trainer_begin_epoch(&trainer, (uint64_t)epoch), LYRNN_OK);
        for (size_t k = 0; k < batches.K; k++)
            lyrnn_trainer_step(&trainer);
        counters = lyrnn_trainer_counters(&trainer);
        assert_int_equal(counters.loss_count, N - 1);
    }
    lyrnn_trainer_free(&trainer);
    lyrnn_batches_free(&batches);
    return counters.loss_sum;
}

/* All songs fit into one chunk, so no later chunk begins at the zero state. */
static void an_epoch_costs_what_its_songs_cost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        int32_t ids[N];
        model_check check;
        open_model(&check, cells[i], 2, ids);
        double expected = nats_of_songs(&check, ids, 1);
        assert_number_near("nats", train_songs(&check, ids, 4, 88, 2, 0), expected, 1e-6);
        assert_number_near("nats", train_songs(&check, ids, 1, 90, 1, 0), expected, 1e-6);
        model_check_close(&check);
    }
}

/* The same songs with more padding train the same model, up to rounding. */
static void padding_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        int32_t ids[N];
        double *params[2];
        for (int run = 0; run < 2; run++) {
            model_check check;
            open_model(&check, cells[i], 2, ids);
            train_songs(&check, ids, NUM_SONGS, run == 0 ? 88 : 120, 2, 1e-2f);
            params[run] = test_memory((size_t)check.count, sizeof(double));
            model_check_download(&check, check.model.params, params[run]);
            if (run == 1)
                for (int p = 0; p < check.count; p++)
                    if (!(fabs(params[1][p] - params[0][p]) <= 1e-4))
                        fail_msg("parameter %d: %g and %g", p, params[0][p], params[1][p]);
            model_check_close(&check);
        }
        free(params[0]);
        free(params[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(songs_are_scored_each_from_the_zero_state),
        cmocka_unit_test(running_text_is_read_after_its_context),
        cmocka_unit_test(running_text_begins_in_the_carried_state),
        cmocka_unit_test(an_epoch_costs_what_its_songs_cost),
        cmocka_unit_test(padding_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
