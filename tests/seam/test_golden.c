/* PyTorch as the judge. Its results for the tutorial's RNNModel, stored in golden/ by
 * scripts/make_golden.py, are compared with the oracle and with a backend: forward pass, gradients,
 * ten optimizer steps with clipping, fifty steps of consecutive sampling with carried state, and
 * the text of the prediction loop. LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "golden_file.h"
#include "lyrnn/generate.h"
#include "model_check.h"

static const double forward_tolerance = 1e-5;
static const double gradient_tolerance = 1e-4;
static const double weights_tolerance = 1e-5;
static const double trajectory_tolerance = 1e-5;
/* For two correct computations, one in float and one in double. */
static const double oracle_tolerance = 1e-5;

enum { SNAPSHOT_STEP = 10, MAX_STEPS = 50 };

typedef struct {
    json_t *json;
    lyrnn_rnn_config config;
    oracle_model shape;
    int B, T, count;
    lyrnn_optimizer_config optimizer;
    /* Results of the one batch. c: lstm only. */
    double *weights, *h_0, *c_0, *logits, *h_n, *c_n, *grads;
    int32_t *inputs, *targets;
    double loss;
    int32_t *corpus;
    size_t N;
    /* Results of the training. */
    double *losses, *norms, *snapshot;
    int num_steps;
} golden;

static void read_batch(golden *g)
{
    json_t *batch = golden_member(g->json, "batch");
    int M = g->T * g->B, num_state = oracle_state_count(&g->shape, g->B);
    bool is_lstm = g->shape.cell == LYRNN_LSTM;
    g->inputs = golden_ids(batch, "inputs", (size_t)M);
    g->targets = golden_ids(batch, "targets", (size_t)M);
    g->h_0 = golden_numbers(batch, "h_0", num_state);
    g->h_n = golden_numbers(batch, "h_n", num_state);
    g->c_0 = is_lstm ? golden_numbers(batch, "c_0", num_state) : NULL;
    g->c_n = is_lstm ? golden_numbers(batch, "c_n", num_state) : NULL;
    g->logits = golden_numbers(batch, "logits", M * g->shape.V);
    g->loss = golden_number(batch, "loss");
    g->grads = golden_tensors(batch, "grads", &g->config);
}

static void read_training(golden *g)
{
    json_t *training = golden_member(g->json, "training");
    g->N = json_array_size(golden_member(g->json, "corpus"));
    g->corpus = golden_ids(g->json, "corpus", g->N);
    g->num_steps = (int)json_array_size(golden_member(training, "losses"));
    assert_in_range(g->num_steps, SNAPSHOT_STEP, MAX_STEPS);
    g->losses = golden_numbers(training, "losses", g->num_steps);
    g->norms = golden_numbers(training, "norms", g->num_steps);
    g->snapshot = golden_tensors(training, "weights_after_10_steps", &g->config);
}

static golden open_golden(const char *name)
{
    golden g = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", LYRNN_GOLDEN_DIR, name);
    g.json = golden_open_json(path);
    g.config = golden_config(g.json);
    g.shape = model_check_shape(&g.config);
    g.count = (int)oracle_model_count(&g.shape);
    g.B = golden_integer(g.json, "B");
    g.T = golden_integer(g.json, "T");
    g.optimizer.learning_rate = (float)golden_number(g.json, "learning_rate");
    g.optimizer.clip_norm = (float)golden_number(g.json, "clip_norm");
    g.weights = golden_tensors(g.json, "weights", &g.config);
    read_batch(&g);
    read_training(&g);
    return g;
}

static void golden_close(golden *g)
{
    void *const owned[] = {g->weights, g->h_0,   g->logits,  g->h_n,     g->grads,
                           g->inputs,  g->c_0,   g->c_n,     g->targets, g->corpus,
                           g->losses,  g->norms, g->snapshot};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    json_decref(g->json);
}

/* Compares the results of both sides for the golden batch. */
static void assert_batch_near(golden *g, double loss, const oracle_results *actual,
                              double forward_bound, double gradient_bound)
{
    size_t M = (size_t)(g->T * g->B), num_state = (size_t)oracle_state_count(&g->shape, g->B);
    assert_doubles_near("logits", actual->logits, g->logits, M * (size_t)g->shape.V, forward_bound);
    assert_doubles_near("h_n", actual->h_n, g->h_n, num_state, forward_bound);
    if (g->c_n != NULL)
        assert_doubles_near("c_n", actual->c_n, g->c_n, num_state, forward_bound);
    assert_doubles_near("loss", &loss, &g->loss, 1, forward_bound);
    golden_assert_tensors(&g->config, actual->grads, g->grads, gradient_bound);
}

static oracle_results results_new(const golden *g)
{
    size_t M = (size_t)(g->T * g->B), num_state = (size_t)oracle_state_count(&g->shape, g->B);
    return (oracle_results){
        .logits = test_memory(M * (size_t)g->shape.V, sizeof(double)),
        .h_n = test_memory(num_state, sizeof(double)),
        .c_n = g->c_0 == NULL ? NULL : test_memory(num_state, sizeof(double)),
        .grads = test_memory((size_t)g->count, sizeof(double)),
    };
}

static void results_free(oracle_results *results)
{
    free(results->logits);
    free(results->h_n);
    free(results->c_n);
    free(results->grads);
}

static void check_oracle_batch(const char *name)
{
    golden g = open_golden(name);
    oracle_results actual = results_new(&g);
    oracle_batch batch = {g.T, g.B, g.inputs, g.targets, g.h_0, g.c_0, {0}};
    double loss = oracle_model_loss(&g.shape, g.weights, &batch, &actual);
    assert_batch_near(&g, loss, &actual, oracle_tolerance, oracle_tolerance);
    results_free(&actual);
    golden_close(&g);
}

static void check_oracle_training(const char *name)
{
    golden g = open_golden(name);
    oracle_training training;
    double losses[MAX_STEPS], norms[MAX_STEPS];
    oracle_train_open(&training, &g.config, g.weights, g.corpus, g.N, g.B, g.T, g.optimizer);
    for (int step = 0; step < g.num_steps; step++) {
        losses[step] = oracle_train_step(&training, &norms[step]);
        if (step + 1 == SNAPSHOT_STEP)
            golden_assert_tensors(&g.config, training.params, g.snapshot, weights_tolerance);
    }
    /* More than one epoch, so that the comparison includes a reset of the state. */
    assert_int_equal(training.K * golden_integer(g.json, "epochs"), g.num_steps);
    assert_doubles_near("norms", norms, g.norms, (size_t)g.num_steps, gradient_tolerance);
    assert_doubles_near("losses", losses, g.losses, (size_t)g.num_steps, trajectory_tolerance);
    oracle_train_close(&training);
    golden_close(&g);
}

static void check_backend_batch(const char *name)
{
    golden g = open_golden(name);
    model_check check;
    model_check_open_config(&check, &g.config, 0);
    model_check_upload(&check, g.weights);
    oracle_results actual = results_new(&g);
    oracle_batch batch = {g.T, g.B, g.inputs, g.targets, g.h_0, g.c_0, {0}};
    double loss = model_check_run(&check, &batch, &actual, (lyrnn_dropout){0});
    assert_batch_near(&g, loss, &actual, forward_tolerance, gradient_tolerance);
    results_free(&actual);
    model_check_close(&check);
    golden_close(&g);
}

static void check_backend_training(const char *name)
{
    golden g = open_golden(name);
    model_check check;
    model_check_training training;
    double losses[MAX_STEPS], *weights = test_memory((size_t)g.count, sizeof *weights);
    model_check_open_config(&check, &g.config, 0);
    model_check_upload(&check, g.weights);
    model_check_train_open(&check, &training, g.corpus, g.N, g.B, g.T, g.optimizer);
    for (int step = 0; step < g.num_steps; step++) {
        losses[step] = model_check_train_step(&training);
        if (step + 1 == SNAPSHOT_STEP) {
            model_check_download(&check, check.model.params, weights);
            golden_assert_tensors(&g.config, weights, g.snapshot, weights_tolerance);
        }
    }
    assert_doubles_near("losses", losses, g.losses, (size_t)g.num_steps, trajectory_tolerance);
    assert_int_equal(lyrnn_trainer_counters(&training.trainer).step, g.num_steps);
    assert_int_equal(lyrnn_trainer_counters(&training.trainer).bad_step, 0);
    model_check_train_close(&training);
    model_check_close(&check);
    free(weights);
    golden_close(&g);
}

static lyrnn_status compare_text(void *context, const lyrnn_sample *sample)
{
    const json_t *expected = (const json_t *)context;
    assert_int_equal(sample->length, json_array_size(expected));
    for (size_t i = 0; i < sample->length; i++)
        assert_int_equal(sample->ids[i], json_integer_value(json_array_get(expected, i)));
    return LYRNN_OK;
}

static void check_backend_text(const char *name)
{
    golden g = open_golden(name);
    model_check check;
    json_t *text = golden_member(g.json, "text"), *ids = golden_member(text, "ids");
    size_t prefix_length = (size_t)golden_integer(text, "prefix_length"),
           length = json_array_size(ids);
    assert_in_range(prefix_length, 1, length - 10);
    int32_t *prefix = test_memory(prefix_length, sizeof *prefix);
    for (size_t i = 0; i < prefix_length; i++)
        prefix[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    model_check_open_config(&check, &g.config, 0);
    for (int i = 0; i < g.count; i++)
        g.snapshot[i] *= golden_number(text, "weight_scale");
    model_check_upload(&check, g.snapshot);
    const lyrnn_generate_options greedy = lyrnn_greedy_options();
    const lyrnn_listener listener = {.sample = compare_text, .context = ids};
    lyrnn_generator generator;
    lyrnn_prompt prompt;
    assert_int_equal(lyrnn_generator_init(&generator, &check.model, &greedy, length), LYRNN_OK);
    assert_int_equal(lyrnn_prompt_from_ids(&prompt, prefix, prefix_length), LYRNN_OK);
    assert_int_equal(lyrnn_generate(&generator, &prompt, length - prefix_length, &listener),
                     LYRNN_OK);
    lyrnn_prompt_free(&prompt);
    lyrnn_generator_free(&generator);
    model_check_close(&check);
    free(prefix);
    golden_close(&g);
}

/* Calls check for every file: every cell, one to three layers, one and two directions. */
static void for_each_golden(void (*check)(const char *name))
{
    const char *const cells[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};
    for (int i = 0; i < 24; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_%d_%s.json", cells[i / 6], 1 + i % 3,
                 i / 3 % 2 ? "bi" : "uni");
        print_message("    %s\n", name);
        check(name);
    }
}

static void oracle_agrees_with_pytorch_on_a_batch(void **state)
{
    (void)state;
    for_each_golden(check_oracle_batch);
}

static void oracle_follows_pytorch_through_training(void **state)
{
    (void)state;
    for_each_golden(check_oracle_training);
}

static void backend_agrees_with_pytorch_on_a_batch(void **state)
{
    (void)state;
    for_each_golden(check_backend_batch);
}

static void backend_follows_pytorch_through_training(void **state)
{
    (void)state;
    for_each_golden(check_backend_training);
}

static void greedy_text_is_that_of_pytorchs_loop(void **state)
{
    (void)state;
    for_each_golden(check_backend_text);
}

/* Otherwise the ten steps would test only one side of the condition. */
static void check_clipping(const char *name)
{
    golden g = open_golden(name);
    int clipped = 0;
    for (int step = 0; step < SNAPSHOT_STEP; step++)
        clipped += g.norms[step] > (double)g.optimizer.clip_norm;
    assert_in_range(clipped, 1, SNAPSHOT_STEP - 1);
    golden_close(&g);
}

static void golden_training_clips_some_steps_and_not_others(void **state)
{
    (void)state;
    for_each_golden(check_clipping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle_agrees_with_pytorch_on_a_batch),
        cmocka_unit_test(oracle_follows_pytorch_through_training),
        cmocka_unit_test(backend_agrees_with_pytorch_on_a_batch),
        cmocka_unit_test(backend_follows_pytorch_through_training),
        cmocka_unit_test(greedy_text_is_that_of_pytorchs_loop),
        cmocka_unit_test(golden_training_clips_some_steps_and_not_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
