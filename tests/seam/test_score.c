/* Scores of texts compared with the oracle, which reads each text on its own in one piece. Chunks,
 * streams that run in parallel, and the available memory must not change a score. LYRNN_TEST_DEVICE
 * names the device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/score.h"
#include "model_check.h"

enum { T = 5, B = 3 };

/* Opens a model with random weights. */
static double *open_model(model_check *check, const lyrnn_rnn_config *config)
{
    model_check_open_config(check, config, 0);
    double *params = test_memory((size_t)check->count, sizeof *params);
    for (int i = 0; i < check->count; i++)
        params[i] = (double)(float)random_number(7, (uint64_t)i, 1);
    model_check_upload(check, params);
    return params;
}

static lyrnn_rnn_config config_of(lyrnn_cell cell, int num_layers, bool bidirectional)
{
    return (lyrnn_rnn_config){.cell = cell,
                              .input_size = 11,
                              .hidden_size = 6,
                              .num_layers = num_layers,
                              .bidirectional = bidirectional};
}

/* Makes random texts of the given lengths, one after the other in *ids. */
static lyrnn_scored_text *random_texts(const size_t *lengths, size_t num, int V, int32_t **ids)
{
    lyrnn_scored_text *texts = test_memory(num, sizeof *texts);
    size_t total = 0;
    for (size_t i = 0; i < num; i++)
        total += lengths[i];
    *ids = test_memory(total + 1, sizeof **ids);
    for (size_t i = 0; i < total; i++)
        (*ids)[i] = random_id(3, i, V);
    for (size_t i = 0, at = 0; i < num; at += lengths[i++])
        texts[i] = (lyrnn_scored_text){*ids + at, lengths[i], NAN};
    return texts;
}

static double oracle_nats(const model_check *check, const double *params,
                          const lyrnn_scored_text *text)
{
    if (text->N < 2)
        return 0;
    int steps = (int)text->N - 1;
    oracle_batch batch = {.T = steps, .B = 1, .inputs = text->ids, .targets = text->ids + 1};
    oracle_results results = {0};
    return steps * oracle_model_loss(&check->shape, params, &batch, &results);
}

static void check_texts(const lyrnn_rnn_config *config, const size_t *lengths, size_t num,
                        int max_T, int max_B)
{
    model_check check;
    int32_t *ids;
    double *params = open_model(&check, config);
    lyrnn_scored_text *texts = random_texts(lengths, num, config->input_size, &ids);
    assert_int_equal(lyrnn_score(&check.model, max_T, max_B, texts, num, NULL), LYRNN_OK);
    for (size_t i = 0; i < num; i++) {
        double expected = oracle_nats(&check, params, &texts[i]);
        if (lengths[i] < 2)
            assert_true(texts[i].nats == 0);
        else
            assert_number_near("nats", texts[i].nats, expected, 1e-5);
    }
    model_check_close(&check);
    free(params);
    free(texts);
    free(ids);
}

static void a_text_of_any_length_equals_the_oracle(void **state)
{
    (void)state;
    const size_t lengths[] = {2, 3, T, T + 1, T + 2, 2 * T, 2 * T + 1, 2 * T + 2, 5 * T + 3};
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_RNN_RELU, LYRNN_LSTM, LYRNN_GRU};
    for (size_t cell = 0; cell < 4; cell++) {
        lyrnn_rnn_config config = config_of(cells[cell], 1 + (int)cell % 2, false);
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            check_texts(&config, &lengths[i], 1, T, B);
    }
}

static const size_t mixed[] = {7, 1, 20, 6, 0, 8, 2, 7, 19, 7, 16, 1, 7, 3, 40, 7, 6, 15};
enum { NUM_MIXED = sizeof mixed / sizeof *mixed };

static void texts_side_by_side_each_equal_the_oracle(void **state)
{
    (void)state;
    lyrnn_rnn_config lstm = config_of(LYRNN_LSTM, 2, false), gru = config_of(LYRNN_GRU, 1, false);
    check_texts(&lstm, mixed, NUM_MIXED, T, B);
    check_texts(&gru, mixed, NUM_MIXED, 1, 1);
    check_texts(&gru, mixed, NUM_MIXED, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS);
}

/* A text that is read backwards must not start in the padding of another one. */
static void texts_read_in_both_directions_equal_the_oracle_within_a_chunk(void **state)
{
    (void)state;
    lyrnn_rnn_config config = config_of(LYRNN_LSTM, 2, true);
    check_texts(&config, mixed, NUM_MIXED, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS);
}

static void no_text_at_all_is_fine(void **state)
{
    (void)state;
    lyrnn_rnn_config config = config_of(LYRNN_RNN_TANH, 1, false);
    model_check check;
    double *params = open_model(&check, &config);
    assert_int_equal(lyrnn_score(&check.model, T, B, NULL, 0, NULL), LYRNN_OK);
    model_check_close(&check);
    free(params);
}

/* The CPU backend's memory_alloc, which the test replaces. */
static lyrnn_status (*real_alloc)(lyrnn_backend *, size_t, void **);
static size_t largest_request;

static lyrnn_status watched_alloc(lyrnn_backend *self, size_t bytes, void **memory)
{
    largest_request = bytes > largest_request ? bytes : largest_request;
    return real_alloc(self, bytes, memory);
}

static lyrnn_status refusing_alloc(lyrnn_backend *self, size_t bytes, void **memory)
{
    return bytes > 10000 ? lyrnn_fail(LYRNN_ERR_MEMORY, "device: no")
                         : real_alloc(self, bytes, memory);
}

/* For this vocabulary, 16 texts of 19 steps would need 243 MB of logits. */
static void a_large_vocabulary_is_read_in_smaller_pieces(void **state)
{
    (void)state;
    enum { NUM = 16, V = 200000 };
    lyrnn_rnn_config config = {
        .cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = 1, .num_layers = 1};
    size_t lengths[NUM];
    for (int i = 0; i < NUM; i++)
        lengths[i] = 20;
    model_check check;
    int32_t *ids;
    double *params = open_model(&check, &config);
    if (!check.backend.shares_host_memory) {
        model_check_close(&check);
        free(params);
        /* The host decides this, and the simulator would take minutes. */
        skip();
    }
    real_alloc = check.backend.memory_alloc;
    check.backend.memory_alloc = watched_alloc;
    lyrnn_scored_text *texts = random_texts(lengths, NUM, V, &ids);
    assert_int_equal(
        lyrnn_score(&check.model, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS, texts, NUM, NULL),
        LYRNN_OK);
    assert_in_range(largest_request, 1, 128 << 20);
    assert_number_near("nats", texts[NUM - 1].nats, oracle_nats(&check, params, &texts[NUM - 1]),
                       1e-5);

    check.backend.memory_alloc = refusing_alloc;
    assert_int_equal(
        lyrnn_score(&check.model, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS, texts, NUM, NULL),
        LYRNN_ERR_MEMORY);
    assert_non_null(strstr(lyrnn_error_text(), "bytes requested to score the texts"));
    model_check_close(&check);
    free(params);
    free(texts);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_of_any_length_equals_the_oracle),
        cmocka_unit_test(texts_side_by_side_each_equal_the_oracle),
        cmocka_unit_test(texts_read_in_both_directions_equal_the_oracle_within_a_chunk),
        cmocka_unit_test(no_text_at_all_is_fine),
        cmocka_unit_test(a_large_vocabulary_is_read_in_smaller_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
