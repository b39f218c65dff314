/* What the tests of run_dir.h share: a small model to save, and checks of its files. */
#ifndef RUN_DIR_CHECK_H
#define RUN_DIR_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/run_dir.h"
#include "temp_dir.h"

enum { V = 2, MAX_PARAMS = 1024 };

static const lyrnn_rnn_config config = {
    .cell = LYRNN_LSTM, .input_size = V, .hidden_size = 2, .num_layers = 1};

/* Saves a model whose weights all equal `value`, after `epoch` epochs and `batch` batches of the
 * next one. */
static inline lyrnn_status save_model(lyrnn_run_dir *run, int epoch, int64_t batch, float value)
{
    static const uint32_t chars[V] = {'a', 'b'};
    float params[MAX_PARAMS] = {0};
    lyrnn_parameters parameters;
    lyrnn_vocab vocab;
    lyrnn_parameters_of_model(&parameters, &config);
    assert_true(parameters.count <= MAX_PARAMS);
    for (int i = 0; i < parameters.num; i++)
        for (size_t k = 0; k < lyrnn_parameter_count(&parameters.items[i]); k++)
            params[parameters.items[i].offset + k] = value;
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, chars, V), LYRNN_OK);
    lyrnn_trainer_state training = {0};
    assert_int_equal(lyrnn_trainer_snapshot_init(&training.snapshot, &config, 1, false), LYRNN_OK);
    training.snapshot.epoch = epoch;
    training.snapshot.counters.batch = batch;
    snprintf(training.corpus_xxh128, sizeof training.corpus_xxh128, "%032d", 7);
    lyrnn_status status = lyrnn_run_dir_save(run, &config, &vocab, params, &training);
    lyrnn_trainer_snapshot_free(&training.snapshot);
    lyrnn_vocab_free(&vocab);
    return status;
}

static inline json_t *parse_config(const char *text)
{
    json_t *config = json_loads(text, 0, NULL);
    assert_non_null(config);
    return config;
}

/* lyrnn_run_dir_create and lyrnn_run_dir_resume with a config.json given as text. */
static inline lyrnn_status create_run(lyrnn_run_dir *run, const char *path, bool overwrite,
                                      const char *config_text)
{
    json_t *json = parse_config(config_text);
    lyrnn_status status = lyrnn_run_dir_create(run, path, overwrite, json);
    json_decref(json);
    return status;
}

static inline lyrnn_status resume_run_within(lyrnn_run_dir *run, int epoch, int64_t batch,
                                             const char *config_text)
{
    json_t *json = parse_config(config_text);
    const lyrnn_metrics_position position = {.epoch = epoch, .batch = batch};
    lyrnn_status status = lyrnn_run_dir_resume(run, &position, json);
    json_decref(json);
    return status;
}

static inline lyrnn_status resume_run(lyrnn_run_dir *run, int epoch, const char *config_text)
{
    return resume_run_within(run, epoch, 0, config_text);
}

/* Appends the line of an epoch, whose other numbers are zero: METRICS_LINE("1") for epoch 1. */
static inline lyrnn_status append_epoch(lyrnn_run_dir *run, int epoch)
{
    const lyrnn_metrics metrics = {.epoch = epoch};
    return lyrnn_run_dir_append_metrics(run, &metrics);
}

#define METRICS_LINE(epoch)                                                                        \
    "{\"epoch\": " epoch ", \"step\": 0, \"loss\": 0.0, \"perplexity\": 0.0, "                     \
    "\"chars_per_second\": 0.0, \"seconds\": 0.0, \"lr\": 0.0, \"gradient_norm\": 0.0}\n"

static inline void assert_ok(lyrnn_status status)
{
    if (status != LYRNN_OK)
        fail_msg("%s", lyrnn_error_text());
}

static inline void assert_failure(lyrnn_status status, lyrnn_status kind, const char *text)
{
    assert_int_equal(status, kind);
    if (strncmp(lyrnn_error_text(), text, strlen(text)) != 0)
        fail_msg("'%s' does not begin with '%s'", lyrnn_error_text(), text);
}

static inline void assert_error(lyrnn_status status, const char *text)
{
    assert_failure(status, LYRNN_ERR_IO, text);
}

static inline void assert_content(const char *path, const char *content)
{
    size_t num_bytes;
    unsigned char *bytes = read_file(path, &num_bytes);
    assert_non_null(bytes);
    if (num_bytes != strlen(content) || memcmp(bytes, content, num_bytes) != 0)
        fail_msg("%s holds '%.*s', not '%s'", path, (int)num_bytes, (const char *)bytes, content);
    free(bytes);
}

static inline void assert_link(const char *path, const char *target)
{
    char text[PATH_MAX] = {0};
    assert_true(readlink(path, text, sizeof text - 1) > 0);
    assert_string_equal(text, target);
}

#endif
