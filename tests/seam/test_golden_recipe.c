/* PyTorch as the judge of the recipe. golden/recipe_*.json, written by
 * scripts/golden_recipe.py, are trainings of ten steps over two epochs with embeddings, tied
 * outputs, dropout of every kind, AdamW, an average, schedules and shards. The oracle and a backend
 * are compared with them. plateau.json has the rates of ReduceLROnPlateau, and dynamic_*.json the
 * scores of dynamic evaluation. LYRNN_TEST_DEVICE names the device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "golden_file.h"
#include "lyrnn/score.h"
#include "model_check.h"

static const double loss_tolerance = 1e-5, weights_tolerance = 1e-5, gradient_tolerance = 1e-4;

enum { STEPS = 10 };

static const char *const names[] = {
    "embedding_lstm",
    "tied_lstm",
    "tied_gru",
    "tied_rnn_tanh",
    "projected_lstm",
    "projected_gru",
    "projected_rnn_tanh",
    "dropout_input",
    "dropout_output",
    "dropout_weight",
    "dropout_all",
    "adamw",
    "beta2",
    "no_momentum",
    "average",
    "warmup",
    "cosine",
    "warmup_cosine",
    "accumulation",
    "everything",
};

typedef struct {
    json_t *json, *training;
    lyrnn_rnn_config config;
    lyrnn_optimizer_config optimizer;
    int B, T;
    size_t N;
    int32_t *corpus;
    double *weights, *losses, *norms, *rates, *first_gradients, *last, *average;
} recipe;

static lyrnn_optimizer_config optimizer_of(json_t *json)
{
    const char *schedule = json_string_value(golden_member(json, "schedule"));
    bool is_cosine = strcmp(schedule, "cosine") == 0;
    assert_true(is_cosine || strcmp(schedule, "constant") == 0);
    return (lyrnn_optimizer_config){
        .learning_rate = (float)golden_number(json, "learning_rate"),
        .clip_norm = (float)golden_number(json, "clip_norm"),
        .schedule = is_cosine ? LYRNN_SCHEDULE_COSINE : LYRNN_SCHEDULE_CONSTANT,
        .warmup_steps = golden_integer(json, "warmup_steps"),
        .num_steps = STEPS,
        .weight_decay = (float)golden_number(json, "weight_decay"),
        .no_momentum = json_is_true(golden_member(json, "no_momentum")),
        .beta2 = golden_number(json, "beta2"),
        .average_decay = golden_number(json, "average_decay"),
        .num_shards = golden_integer(json, "num_shards"),
    };
}

static recipe recipe_open(const char *name)
{
    recipe r;
    char path[4096];
    snprintf(path, sizeof path, "%s/recipe_%s.json", LYRNN_GOLDEN_DIR, name);
    print_message("    %s\n", name);
    r.json = golden_open_json(path);
    r.training = golden_member(r.json, "training");
    r.config = golden_config(r.json);
    r.optimizer = optimizer_of(r.json);
    r.B = golden_integer(r.json, "B");
    r.T = golden_integer(r.json, "T");
    r.N = json_array_size(golden_member(r.json, "corpus"));
    r.corpus = golden_ids(r.json, "corpus", r.N);
    r.weights = golden_tensors(r.json, "weights", &r.config);
    r.losses = golden_numbers(r.training, "losses", STEPS);
    r.norms = golden_numbers(r.training, "norms", STEPS);
    r.rates = golden_numbers(r.training, "rates", STEPS);
    r.first_gradients = golden_tensors(r.training, "first_gradients", &r.config);
    r.last = golden_tensors(r.training, "weights_after_10_steps", &r.config);
    r.average = r.optimizer.average_decay > 0
                    ? golden_tensors(r.training, "average_after_10_steps", &r.config)
                    : NULL;
    return r;
}

static void recipe_close(recipe *r)
{
    void *const owned[] = {r->corpus, r->weights,         r->losses, r->norms,
                           r->rates,  r->first_gradients, r->last,   r->average};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    json_decref(r->json);
}

static void check_oracle(recipe *r)
{
    oracle_training training;
    double losses[STEPS], norms[STEPS], rates[STEPS];
    oracle_train_open(&training, &r->config, r->weights, r->corpus, r->N, r->B, r->T, r->optimizer);
    for (int step = 0; step < STEPS; step++) {
        losses[step] = oracle_train_step(&training, &norms[step]);
        rates[step] = training.adam.learning_rate;
        if (step == 0)
            golden_assert_tensors(&r->config, training.grads, r->first_gradients,
                                  gradient_tolerance);
    }
    assert_doubles_near("rates", rates, r->rates, STEPS, 1e-6);
    assert_doubles_near("losses", losses, r->losses, STEPS, loss_tolerance);
    assert_doubles_near("norms", norms, r->norms, STEPS, gradient_tolerance);
    golden_assert_tensors(&r->config, training.params, r->last, weights_tolerance);
    if (r->average != NULL)
        golden_assert_tensors(&r->config, training.adam.average, r->average, weights_tolerance);
    oracle_train_close(&training);
}

static void check_backend(recipe *r)
{
    model_check check;
    model_check_training training;
    double losses[STEPS];
    model_check_open_config(&check, &r->config, 0);
    double *values = test_memory((size_t)check.count, sizeof *values);
    model_check_upload(&check, r->weights);
    model_check_train_open(&check, &training, r->corpus, r->N, r->B, r->T, r->optimizer);
    assert_int_equal(training.trainer.batches.K * 2, STEPS);
    for (int step = 0; step < STEPS; step++) {
        losses[step] = model_check_train_step(&training);
        if (step > 0)
            continue;
        model_check_download(&check, training.trainer.grads[0], values);
        golden_assert_tensors(&r->config, values, r->first_gradients, gradient_tolerance);
    }
    assert_doubles_near("losses", losses, r->losses, STEPS, loss_tolerance);
    model_check_download(&check, check.model.params, values);
    golden_assert_tensors(&r->config, values, r->last, weights_tolerance);
    model_check_download(&check, lyrnn_trainer_result(&training.trainer)->params, values);
    golden_assert_tensors(&r->config, values, r->average != NULL ? r->average : r->last,
                          weights_tolerance);
    model_check_train_close(&training);
    model_check_close(&check);
    free(values);
}

static void for_each_recipe(void (*check)(recipe *r))
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        recipe r = recipe_open(names[i]);
        check(&r);
        recipe_close(&r);
    }
}

static void oracle_follows_pytorch(void **state)
{
    (void)state;
    for_each_recipe(check_oracle);
}

static void backend_follows_pytorch(void **state)
{
    (void)state;
    for_each_recipe(check_backend);
}

static void plateau_follows_pytorch(void **state)
{
    (void)state;
    enum { EPOCHS = 40 };
    json_t *json = golden_open_json(LYRNN_GOLDEN_DIR "/plateau.json");
    double *losses = golden_numbers(json, "losses", EPOCHS), rates[EPOCHS];
    double *expected = golden_numbers(json, "rates", EPOCHS);
    const lyrnn_optimizer_config optimizer = {.learning_rate =
                                                  (float)golden_number(json, "learning_rate"),
                                              .schedule = LYRNN_SCHEDULE_PLATEAU};
    int best = 0, halved = 0, num_halvings = 0;
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        if (best == 0 || losses[epoch - 1] < losses[best - 1])
            best = epoch;
        if (lyrnn_is_plateau(epoch, best, halved)) {
            halved = epoch;
            num_halvings++;
        }
        rates[epoch - 1] = lyrnn_learning_rate(&optimizer, num_halvings, epoch);
    }
    assert_in_range(num_halvings, 3, EPOCHS); /* the file tries something */
    assert_doubles_near("rates", rates, expected, EPOCHS, 1e-7);
    free(losses);
    free(expected);
    json_decref(json);
}

static void check_dynamic(const char *name)
{
    enum { TEXTS = 4 };
    char path[4096];
    snprintf(path, sizeof path, "%s/dynamic_%s.json", LYRNN_GOLDEN_DIR, name);
    json_t *json = golden_open_json(path);
    lyrnn_rnn_config config = golden_config(json);
    size_t N = json_array_size(golden_member(json, "corpus")), at = 0;
    int32_t *corpus = golden_ids(json, "corpus", N);
    int32_t *lengths = golden_ids(json, "lengths", TEXTS);
    double *nats = golden_numbers(json, "nats", TEXTS), *weights, scores[TEXTS];
    weights = golden_tensors(json, "weights", &config);
    lyrnn_scored_text texts[TEXTS];
    for (size_t i = 0; i < TEXTS; at += (size_t)lengths[i++])
        texts[i] = (lyrnn_scored_text){.ids = corpus + at, .N = (size_t)lengths[i]};
    assert_int_equal(at, N);
    model_check check;
    model_check_open_config(&check, &config, 0);
    model_check_upload(&check, weights);
    const lyrnn_dynamic_options options = {.rate = (float)golden_number(json, "rate"),
                                           .T = golden_integer(json, "T")};
    assert_int_equal(lyrnn_score_dynamic(&check.model, &options, texts, TEXTS, NULL), LYRNN_OK);
    for (size_t i = 0; i < TEXTS; i++)
        scores[i] = texts[i].nats;
    assert_doubles_near(name, scores, nats, TEXTS, loss_tolerance);
    model_check_close(&check);
    free(corpus);
    free(lengths);
    free(nats);
    free(weights);
    json_decref(json);
}

static void dynamic_evaluation_follows_pytorch(void **state)
{
    (void)state;
    check_dynamic("gru");
    check_dynamic("lstm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle_follows_pytorch),
        cmocka_unit_test(backend_follows_pytorch),
        cmocka_unit_test(plateau_follows_pytorch),
        cmocka_unit_test(dynamic_evaluation_follows_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
