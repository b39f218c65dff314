/* The library in a program whose locale has a decimal comma: files, logs and errors are the same,
 * and files go from one locale to the other. The test makes the locale with localedef. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "files/trainer_state.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/device.h"
#include "lyrnn/safetensors.h"
#include "lyrnn/train.h"
#include "run/metrics.h"
#include "temp_dir.h"

enum { B = 2 };
static const lyrnn_rnn_config config = {
    .cell = LYRNN_GRU, .input_size = 3, .hidden_size = 2, .num_layers = 2, .dropout = 0.25f};

static void set_locale(bool has_comma)
{
    char text[16];
    assert_non_null(setlocale(LC_ALL, has_comma ? "comma.UTF-8" : "C"));
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, has_comma ? "0,5" : "0.5");
}

static void assert_ok(lyrnn_status status)
{
    if (status != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

static void assert_same_files(const char *a, const char *b)
{
    size_t a_bytes, b_bytes;
    unsigned char *a_content = read_file(a, &a_bytes), *b_content = read_file(b, &b_bytes);
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(a_content, b_content, a_bytes);
    free(a_content), free(b_content);
}

static void write_state(const char *path)
{
    lyrnn_trainer_state state = {.seed = 7, .best_nats_per_char = 0.1};
    assert_ok(lyrnn_trainer_snapshot_init(&state.snapshot, &config, B, false));
    state.snapshot.counters.loss_sum = 1.2345;
    state.snapshot.counters.loss_count = 3;
    strcpy(state.corpus_xxh128, "0123456789abcdef0123456789abcdef");
    assert_ok(lyrnn_trainer_state_write(path, &config, &state));
    lyrnn_trainer_snapshot_free(&state.snapshot);
}

static void assert_state(const char *path)
{
    lyrnn_trainer_state state;
    assert_ok(lyrnn_trainer_state_read(&state, path, &config));
    assert_true(state.snapshot.counters.loss_sum == 1.2345);
    assert_true(state.best_nats_per_char == 0.1);
    lyrnn_trainer_snapshot_free(&state.snapshot);
}

static void a_trainers_state_has_decimal_points(void **unused)
{
    (void)unused;
    set_locale(true);
    write_state("comma");
    set_locale(false);
    write_state("point");
    assert_same_files("comma", "point");
    assert_state("comma");
    set_locale(true);
    assert_state("point");
    set_locale(false);
}

static void a_model_has_decimal_points(void **unused)
{
    (void)unused;
    static const uint32_t chars[] = {'a', 'b', 'c'};
    lyrnn_parameters parameters;
    lyrnn_vocab vocab;
    lyrnn_checkpoint checkpoint;
    lyrnn_parameters_of_model(&parameters, &config);
    float *params = calloc(parameters.count, sizeof *params);
    assert_non_null(params);
    assert_ok(lyrnn_vocab_from_chars(&vocab, chars, 3));
    set_locale(true);
    assert_ok(lyrnn_checkpoint_write("model_comma", &config, &vocab, params, NULL));
    set_locale(false);
    assert_ok(lyrnn_checkpoint_write("model_point", &config, &vocab, params, NULL));
    assert_same_files("model_comma", "model_point");
    set_locale(true);
    assert_ok(lyrnn_checkpoint_read(&checkpoint, "model_point"));
    set_locale(false);
    assert_true(checkpoint.config.dropout == 0.25f);
    lyrnn_checkpoint_free(&checkpoint);
    lyrnn_vocab_free(&vocab);
    free(params);
}

/* Trains one epoch; returns what it printed, for the caller to free. */
static char *train(const char *run)
{
    const char *const paths[] = {"corpus.txt"};
    const lyrnn_train_options options = {
        .model = {.cell = LYRNN_RNN_TANH, .hidden_size = 4, .num_layers = 1},
        .optimizer = {.learning_rate = 1e-3f, .clip_norm = 1e-2f},
        .corpus_paths = paths,
        .num_corpus_paths = 1,
        .num_epochs = 1,
        .batch_size = 2,
        .num_steps = 5,
        .val_fraction = 0.25f,
        .pred_period = 1,
        .checkpoint_every = 1,
        .seed = 1,
        .out_path = run,
    };
    lyrnn_backend backend;
    char *text = NULL;
    size_t num_bytes;
    FILE *stream = open_memstream(&text, &num_bytes);
    assert_non_null(stream);
    assert_ok(lyrnn_backend_open("cpu", 1, LYRNN_FP32, &backend));
    assert_ok(lyrnn_train(&options, &backend, stream, stream));
    lyrnn_backend_close(&backend);
    fclose(stream);
    return text;
}

static void a_training_prints_decimal_points(void **unused)
{
    (void)unused;
    static const char line[] = "一夜听雨到天明\n";
    char text[16 * sizeof line] = "", *printed;
    double perplexity, validation, seconds;
    for (int i = 0; i < 16; i++)
        strcat(text, line);
    assert_true(write_file("corpus.txt", text, strlen(text)));
    set_locale(true);
    printed = train("run_comma");
    assert_true(localeconv()->decimal_point[0] == ',');
    set_locale(false);
    free(train("run_point"));
    const char *epoch = strstr(printed, "epoch 1, ");
    assert_non_null(epoch);
    assert_int_equal(sscanf(epoch, "epoch 1, perplexity %lf, validation %lf, time %lf sec",
                            &perplexity, &validation, &seconds),
                     3);
    assert_true(perplexity > 1 && validation > 1);
    assert_non_null(strstr(printed, "parameters 0.0"));
    free(printed);
    assert_same_files("run_comma/latest/model.safetensors", "run_point/latest/model.safetensors");
    assert_same_files("run_comma/latest/trainer.safetensors",
                      "run_point/latest/trainer.safetensors");
    json_t *last, *best;
    set_locale(true);
    assert_ok(lyrnn_metrics_read("run_comma", &last, &best, NULL));
    set_locale(false);
    assert_true(fabs(json_real_value(json_object_get(last, "perplexity")) - perplexity) < 1e-4);
    json_decref(last), json_decref(best);
}

static void an_error_has_decimal_points(void **unused)
{
    (void)unused;
    set_locale(true);
    lyrnn_fail(LYRNN_ERR_USAGE, "--dropout %g: out of range; use 0 to 1", 1.5);
    set_locale(false);
    assert_string_equal(lyrnn_error_text(), "--dropout 1.5: out of range; use 0 to 1");
}

/* Makes the locale in the test's folder. localedef warns of what the locale lacks. */
static int make_locale(void **state)
{
    if (temp_dir_enter(state) != 0)
        return -1;
    if (system("localedef -c -f UTF-8 -i de_DE ./comma.UTF-8 >localedef.log 2>&1") != 0)
        puts("localedef has warnings or is missing");
    return setenv("LOCPATH", ".", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trainers_state_has_decimal_points),
        cmocka_unit_test(a_model_has_decimal_points),
        cmocka_unit_test(a_training_prints_decimal_points),
        cmocka_unit_test(an_error_has_decimal_points),
    };
    void *state = NULL;
    if (make_locale(&state) != 0)
        return 1;
    bool has_locale = setlocale(LC_ALL, "comma.UTF-8") != NULL;
    setlocale(LC_ALL, "C");
    if (!has_locale)
        puts("skipped: localedef cannot make de_DE here");
    int result = has_locale ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
    return temp_dir_leave(&state) == 0 ? result : 1;
}
