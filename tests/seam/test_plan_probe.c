/* What plans are tried on: the input projections of the beginning of the corpus, with the weights
 * of the training. LYRNN_TEST_DEVICE names the device. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "model/plan_probe.h"
#include "model_check.h"

enum { V = 11, H = 6, E = 3, B = 4, T = 5, N = B * (T + 1) + 17, MAX_STEPS = 3 };

typedef struct {
    model_check check;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    int32_t ids[N];
} run;

static void run_open(run *r, const lyrnn_rnn_config *config, int num_shards)
{
    const lyrnn_batch_options options = {.N = N, .B = B, .T = T, .seed = 5};
    const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-2f, .num_shards = num_shards};
    for (int i = 0; i < N; i++)
        r->ids[i] = (int32_t)(lyrnn_philox_bits(3, 99, (uint64_t)i) % V);
    model_check_open_config(&r->check, config, 1);
    lyrnn_model_randomize(&r->check.model, 1);
    assert_int_equal(lyrnn_batches_init(&r->batches, &options), LYRNN_OK);
    assert_int_equal(
        lyrnn_trainer_init(&r->trainer, &r->check.model, &r->batches, r->ids, &optimizer),
        LYRNN_OK);
}

static void run_close(run *r)
{
    lyrnn_trainer_free(&r->trainer);
    lyrnn_batches_free(&r->batches);
    model_check_close(&r->check);
}

static const float *tensor(const run *r, const float *params, lyrnn_parameter_kind kind)
{
    const lyrnn_model *model = &r->check.model;
    return params +
           lyrnn_parameters_of_layer(&model->parameters, &model->config, 0, 0, kind)->offset;
}

/* Element i of the input of the first layer for a character: one-hot, or its embedding. */
static double input(const run *r, const float *params, int32_t id, int i)
{
    const lyrnn_model *model = &r->check.model;
    if (model->config.embedding_size == 0)
        return i == id;
    const lyrnn_parameter *embedding = lyrnn_parameters_embedding(&model->parameters);
    return (double)params[embedding->offset + (size_t)(id * E + i)];
}

/* The character that a stream reads: places are spread evenly over the corpus. */
static int32_t character(const run *r, int num_streams, int t, int stream)
{
    return r->ids[stream * ((N - MAX_STEPS + 1) / num_streams) + t];
}

/* The projection of a step, (G*H), by plain loops. The lookup has its table transposed. */
static void project(const run *r, const float *params, int32_t id, double *gates)
{
    const lyrnn_rnn_config *config = &r->check.model.config;
    bool is_lookup = config->embedding_size == 0;
    int width = lyrnn_num_gates(config->cell) * H, in = is_lookup ? V : E;
    const float *weight = tensor(r, params, LYRNN_WEIGHT_IH);
    for (int j = 0; j < width; j++) {
        gates[j] = (double)tensor(r, params, LYRNN_BIAS_IH)[j];
        for (int i = 0; i < in; i++)
            gates[j] += input(r, params, id, i) *
                        (double)(is_lookup ? weight[i * width + j] : weight[j * in + i]);
    }
}

static void check_probe(const lyrnn_rnn_config *config, int num_shards)
{
    run r;
    run_open(&r, config, num_shards);
    lyrnn_backend *backend = &r.check.backend;
    int width = lyrnn_num_gates(config->cell) * H, streams = B / num_shards;
    const lyrnn_plan_probe probe = lyrnn_trainer_probe(&r.trainer, true, MAX_STEPS);
    assert_int_equal(probe.shape.cell, config->cell);
    assert_true(probe.shape.is_backward);
    assert_int_equal(probe.shape.T, MAX_STEPS);
    assert_int_equal(probe.shape.B, streams);
    assert_int_equal(probe.shape.H, H);
    assert_int_equal(lyrnn_trainer_probe(&r.trainer, false, 1000).shape.T, T);

    size_t count = (size_t)(MAX_STEPS * streams * width);
    size_t num_params = r.check.model.parameters.count;
    float *gates = test_memory(count, sizeof *gates);
    float *params = test_memory(num_params, sizeof *params);
    double *expected = test_memory(count, sizeof *expected);
    const lyrnn_plan_probe again = lyrnn_trainer_probe(&r.trainer, false, MAX_STEPS);
    backend->download(backend, gates, again.gates, count * sizeof *gates);
    lyrnn_model_download(&r.check.model, params);
    for (int t = 0; t < MAX_STEPS; t++)
        for (int b = 0; b < streams; b++)
            project(&r, params, character(&r, streams, t, b), expected + (t * streams + b) * width);
    assert_near("gates", gates, expected, count, 1e-6);

    float w_hh;
    backend->download(backend, &w_hh, again.w_hh, sizeof w_hh);
    assert_true(w_hh == tensor(&r, params, LYRNN_WEIGHT_HH)[0]);
    backend->download(backend, &w_hh, again.b_hh, sizeof w_hh);
    assert_true(w_hh == tensor(&r, params, LYRNN_BIAS_HH)[0]);
    free(gates);
    free(params);
    free(expected);
    run_close(&r);
}

static void probe_is_the_projection(void **state)
{
    (void)state;
    static const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_LSTM, LYRNN_GRU};
    for (int i = 0; i < 3; i++)
        for (int embedding = 0; embedding <= E; embedding += E) {
            lyrnn_rnn_config config = {.cell = cells[i],
                                       .input_size = V,
                                       .hidden_size = H,
                                       .num_layers = 1,
                                       .embedding_size = embedding};
            check_probe(&config, 1);
            config.num_layers = 3;
            check_probe(&config, 2);
            config.bidirectional = true;
            check_probe(&config, 4);
        }
}

/* The weights after some steps. */
static void train(const lyrnn_rnn_config *config, bool has_probe, float *params)
{
    run r;
    run_open(&r, config, 1);
    if (has_probe)
        lyrnn_trainer_probe(&r.trainer, false, MAX_STEPS);
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
    lyrnn_trainer_step(&r.trainer);
    lyrnn_model_download(&r.check.model, params);
    run_close(&r);
}

static void probe_does_not_change_the_training(void **state)
{
    (void)state;
    const lyrnn_rnn_config config = {.cell = LYRNN_LSTM,
                                     .input_size = V,
                                     .hidden_size = H,
                                     .num_layers = 2,
                                     .embedding_size = E,
                                     .dropout = 0.5f,
                                     .dropout_input = 0.5f,
                                     .dropout_weight = 0.5f};
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &config);
    float *without = test_memory(parameters.count, sizeof *without);
    float *with = test_memory(parameters.count, sizeof *with);
    train(&config, false, without);
    train(&config, true, with);
    assert_same_bits("parameters", with, without, parameters.count * sizeof *with);
    free(without);
    free(with);
}

/* A corpus of one short song has fewer characters than there are places to read. */
static void probe_of_a_tiny_corpus(void **state)
{
    (void)state;
    const lyrnn_rnn_config config = {
        .cell = LYRNN_GRU, .input_size = V, .hidden_size = H, .num_layers = 1};
    const size_t songs[] = {0};
    const lyrnn_batch_options options = {
        .N = 3, .B = 1, .T = 8, .sampling = LYRNN_SAMPLING_SONGS, .songs = songs, .num_songs = 1};
    const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-2f};
    const int32_t ids[] = {1, 2, 3};
    run r;
    model_check_open_config(&r.check, &config, 1);
    assert_int_equal(lyrnn_batches_init(&r.batches, &options), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_init(&r.trainer, &r.check.model, &r.batches, ids, &optimizer),
                     LYRNN_OK);
    assert_int_equal(lyrnn_trainer_probe(&r.trainer, false, 100).shape.T, 3);
    r.check.backend.synchronize(&r.check.backend);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_is_the_projection),
        cmocka_unit_test(probe_does_not_change_the_training),
        cmocka_unit_test(probe_of_a_tiny_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
