/* The generation loop. A sample does not depend on the other samples in its batch nor on how often
 * the host polls. The listener receives everything once and in order, and a stop text removes
 * nothing. LYRNN_TEST_DEVICE names the device. */
#include "lyrnn/generate.h"

#include <stdlib.h>
#include <string.h>

#include "bench/watched_backend.h"
#include "compare.h"
#include "model_check.h"
#include "sample_check.h"

enum { V = 11, MAX_LENGTH = 90, PREFIX = 3, MAX_SAMPLES = 301 };

/* Characters of a text after its prefix. Texts are short in the simulator, which is slow. */
static size_t text_length(void)
{
    return is_simulated() ? 30 : MAX_LENGTH;
}

static size_t total_length(void)
{
    return PREFIX + text_length();
}

/* What the listener has received. */
typedef struct {
    uint64_t first;
    size_t num;
    int32_t texts[MAX_SAMPLES][PREFIX + MAX_LENGTH];
    size_t lengths[MAX_SAMPLES];
    lyrnn_sample_end ends[MAX_SAMPLES];
    /* Number of characters of sample number num. */
    size_t num_told;
    int32_t told[PREFIX + MAX_LENGTH];
    /* The listener refuses this sample. 0: it accepts all. */
    size_t fail_at;
} heard;

static lyrnn_status hear_character(void *context, uint64_t sample, int32_t id)
{
    heard *h = context;
    assert_int_equal(sample, h->first + h->num);
    assert_true(h->num_told < total_length());
    h->told[h->num_told++] = id;
    return LYRNN_OK;
}

static lyrnn_status hear_sample(void *context, const lyrnn_sample *sample)
{
    heard *h = context;
    if (h->fail_at != 0 && h->num == h->fail_at)
        return lyrnn_fail(LYRNN_ERR_IO, "nobody listens");
    assert_true(h->num < MAX_SAMPLES);
    assert_int_equal(sample->number, h->first + h->num);
    assert_int_equal(sample->prefix_length, PREFIX);
    assert_int_equal(sample->length, h->num_told);
    assert_memory_equal(sample->ids, h->told, sample->length * sizeof *h->told);
    memcpy(h->texts[h->num], sample->ids, sample->length * sizeof *sample->ids);
    h->lengths[h->num] = sample->length;
    h->ends[h->num++] = sample->end;
    h->num_told = 0;
    return LYRNN_OK;
}

static lyrnn_generate_options chance(size_t num_samples)
{
    lyrnn_generate_options options = lyrnn_greedy_options();
    options.sampler.temperature = 3.0f;
    options.sampler.seed = 5;
    options.num_samples = num_samples;
    return options;
}

static lyrnn_status write_samples(const model_check *check, const lyrnn_generate_options *options,
                                  heard *h)
{
    const int32_t prefix[PREFIX] = {4, 0, 9};
    const lyrnn_listener listener = {
        .character = hear_character, .sample = hear_sample, .context = h};
    lyrnn_generator generator;
    lyrnn_prompt prompt;
    size_t fail_at = h->fail_at;
    memset(h, 0, sizeof *h);
    h->first = options->first_sample;
    h->fail_at = fail_at;
    assert_int_equal(lyrnn_generator_init(&generator, &check->model, options, total_length()),
                     LYRNN_OK);
    assert_int_equal(lyrnn_prompt_from_ids(&prompt, prefix, PREFIX), LYRNN_OK);
    lyrnn_status status = lyrnn_generate(&generator, &prompt, text_length(), &listener);
    lyrnn_prompt_free(&prompt);
    lyrnn_generator_free(&generator);
    return status;
}

/* Makes weights so large that a difference in the last bit grows with every character. */
static void draw_weights(model_check *check, uint64_t seed)
{
    double *params = test_memory((size_t)check->count, sizeof *params);
    for (int i = 0; i < check->count; i++)
        params[i] = random_number(seed, (uint64_t)i, 1.5);
    model_check_upload(check, params);
    free(params);
}

static void open_random(model_check *check, lyrnn_cell cell, int num_layers)
{
    const lyrnn_rnn_config config = {
        .cell = cell, .input_size = V, .hidden_size = 40, .num_layers = num_layers};
    model_check_open_config(check, &config, 0);
    draw_weights(check, 2);
}

/* Every batch size, including two that need two batches, compared with each sample generated on its
 * own. */
static void a_sample_does_not_depend_on_the_others(void **state)
{
    static heard many, alone;
    const size_t sizes[] = {2, 3, 7, 64, MAX_SAMPLES};
    const lyrnn_cell cells[] = {LYRNN_RNN_TANH, LYRNN_LSTM, LYRNN_GRU};
    (void)state;
    for (int c = 0; c < 3; c++) {
        model_check check;
        open_random(&check, cells[c], 1 + c % 2);
        for (int i = 0; i < (c == 0 && !is_simulated() ? 5 : 3); i++) {
            lyrnn_generate_options options = chance(sizes[i]);
            assert_int_equal(write_samples(&check, &options, &many), LYRNN_OK);
            assert_int_equal(many.num, sizes[i]);
            for (size_t sample = sizes[i] - 1; sample > 0; sample /= 2) {
                options.num_samples = 1;
                options.first_sample = sample;
                assert_int_equal(write_samples(&check, &options, &alone), LYRNN_OK);
                assert_memory_equal(alone.texts[0], many.texts[sample], sizeof alone.texts[0]);
            }
        }
        assert_memory_not_equal(many.texts[0], many.texts[1], sizeof many.texts[0]);
        model_check_close(&check);
    }
}

static void polling_more_often_changes_nothing(void **state)
{
    static heard often, seldom;
    const int looks[] = {1, 5, (int)text_length(), 1000};
    (void)state;
    model_check check;
    open_random(&check, LYRNN_LSTM, 1);
    lyrnn_generate_options options = chance(3);
    assert_int_equal(write_samples(&check, &options, &seldom), LYRNN_OK);
    for (int i = 0; i < 4; i++) {
        options.poll_every = looks[i];
        assert_int_equal(write_samples(&check, &options, &often), LYRNN_OK);
        assert_memory_equal(&often, &seldom, sizeof often);
    }
    model_check_close(&check);
}

/* Returns where the text contains `stop` after the prefix, or its end. */
static size_t find(const int32_t *text, const int32_t *stop, size_t num_stop)
{
    for (size_t i = PREFIX; i + num_stop <= total_length(); i++)
        if (memcmp(text + i, stop, num_stop * sizeof *stop) == 0)
            return i;
    return total_length();
}

static void a_stop_ends_a_text_before_it(void **state)
{
    static heard whole, stopped;
    (void)state;
    model_check check;
    open_random(&check, LYRNN_GRU, 1);
    lyrnn_generate_options options = chance(is_simulated() ? 9 : 40);
    assert_int_equal(write_samples(&check, &options, &whole), LYRNN_OK);
    for (size_t num_stop = 1; num_stop <= 3; num_stop++) {
        int num_stopped = 0;
        /* A stop text that certainly appears, and that spans two polls. */
        options.stop = whole.texts[7] + PREFIX + 6;
        options.num_stop = num_stop;
        options.poll_every = 7;
        assert_int_equal(write_samples(&check, &options, &stopped), LYRNN_OK);
        for (size_t i = 0; i < stopped.num; i++) {
            size_t length = find(whole.texts[i], options.stop, num_stop);
            assert_int_equal(stopped.lengths[i], length);
            assert_int_equal(stopped.ends[i],
                             length < total_length() ? LYRNN_END_STOP : LYRNN_END_LENGTH);
            assert_memory_equal(stopped.texts[i], whole.texts[i], length * sizeof(int32_t));
            num_stopped += length < total_length();
        }
        assert_true(num_stopped > 0);
    }
    model_check_close(&check);
}

static void a_listener_that_fails_ends_the_generation(void **state)
{
    static heard h;
    (void)state;
    model_check check;
    open_random(&check, LYRNN_RNN_TANH, 1);
    const lyrnn_generate_options options = chance(5);
    h.fail_at = 2;
    assert_int_equal(write_samples(&check, &options, &h), LYRNN_ERR_IO);
    assert_int_equal(h.num, 2);
    assert_string_equal(lyrnn_error_text(), "nobody listens");
    h.fail_at = 0;
    model_check_close(&check);
}

/* As in training: the prompts take turns, and the weights may have changed in between. */
static void one_generator_serves_prompts_again_and_again(void **state)
{
    static heard first, again;
    const int32_t prefix[PREFIX] = {4, 0, 9};
    (void)state;
    model_check check;
    open_random(&check, LYRNN_LSTM, 2);
    const lyrnn_generate_options options = chance(2);
    assert_int_equal(write_samples(&check, &options, &first), LYRNN_OK);
    lyrnn_generator generator;
    lyrnn_prompt prompts[2];
    assert_int_equal(lyrnn_generator_init(&generator, &check.model, &options, total_length()),
                     LYRNN_OK);
    assert_int_equal(lyrnn_prompt_from_ids(&prompts[0], prefix, 1), LYRNN_OK);
    assert_int_equal(lyrnn_prompt_from_ids(&prompts[1], prefix, PREFIX), LYRNN_OK);
    for (int round = 0; round < 4; round++) {
        const lyrnn_listener nobody = {0};
        const lyrnn_listener listener = {
            .character = hear_character, .sample = hear_sample, .context = &again};
        assert_int_equal(lyrnn_generate(&generator, &prompts[0], text_length(), &nobody), LYRNN_OK);
        draw_weights(&check, round % 2 == 0 ? 2 : 3);
        memset(&again, 0, sizeof again);
        assert_int_equal(lyrnn_generate(&generator, &prompts[1], text_length(), &listener),
                         LYRNN_OK);
        if (round % 2 == 0)
            assert_memory_equal(&again, &first, sizeof again);
        else
            assert_memory_not_equal(again.texts, first.texts, sizeof again.texts);
    }
    lyrnn_prompt_free(&prompts[0]);
    lyrnn_prompt_free(&prompts[1]);
    lyrnn_generator_free(&generator);
    model_check_close(&check);
}

static lyrnn_status count_down(void *context)
{
    int *left = context;
    return --*left > 0 ? LYRNN_OK : lyrnn_fail(LYRNN_INTERRUPTED, "enough");
}

/* The first poll comes while the model reads a long prefix, and the last before the text ends. */
static void a_poll_ends_the_generation(void **state)
{
    enum { LONG_PREFIX = 50, POLL_EVERY = 10 };
    const size_t length = LONG_PREFIX + text_length();
    const int num_polls = (int)length / POLL_EVERY;
    int32_t prefix[LONG_PREFIX] = {0};
    (void)state;
    model_check check;
    open_random(&check, LYRNN_LSTM, 1);
    lyrnn_generate_options options = chance(2);
    options.poll_every = POLL_EVERY;
    lyrnn_generator generator;
    lyrnn_prompt prompt;
    assert_int_equal(lyrnn_generator_init(&generator, &check.model, &options, length), LYRNN_OK);
    assert_int_equal(lyrnn_prompt_from_ids(&prompt, prefix, LONG_PREFIX), LYRNN_OK);
    for (int polls = 1; polls <= 2 * num_polls; polls++) {
        int left = polls;
        const lyrnn_listener listener = {.poll = count_down, .context = &left};
        lyrnn_status status = lyrnn_generate(&generator, &prompt, text_length(), &listener);
        assert_int_equal(status, polls < num_polls ? LYRNN_INTERRUPTED : LYRNN_OK);
        assert_int_equal(left, polls < num_polls ? 0 : polls - num_polls + 1);
    }
    lyrnn_prompt_free(&prompt);
    lyrnn_generator_free(&generator);
    model_check_close(&check);
}

static void a_length_of_zero_is_the_prefix(void **state)
{
    const int32_t prefix[PREFIX] = {4, 0, 9};
    (void)state;
    model_check check;
    open_random(&check, LYRNN_RNN_TANH, 1);
    int32_t text[PREFIX] = {4, 0, 9};
    greedy_text(&check.model, text, PREFIX, 0);
    assert_memory_equal(text, prefix, sizeof text);
    model_check_close(&check);
}

static void the_memory_is_known_beforehand(void **state)
{
    (void)state;
    model_check check;
    open_random(&check, LYRNN_LSTM, 2);
    lyrnn_backend *inner = check.model.backend;
    for (size_t num_samples = 1; num_samples <= 300; num_samples += 299) {
        const lyrnn_generate_options options = chance(num_samples);
        lyrnn_watched_backend watched;
        lyrnn_watch(&watched, inner, false);
        lyrnn_model model = check.model;
        model.backend = &watched.backend;
        lyrnn_generator generator;
        assert_int_equal(lyrnn_generator_init(&generator, &model, &options, total_length()),
                         LYRNN_OK);
        assert_int_equal(watched.num_bytes,
                         lyrnn_generator_bytes(inner, &model.config, &options, total_length()));
        lyrnn_generator_free(&generator);
    }
    model_check_close(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_does_not_depend_on_the_others),
        cmocka_unit_test(polling_more_often_changes_nothing),
        cmocka_unit_test(a_stop_ends_a_text_before_it),
        cmocka_unit_test(a_listener_that_fails_ends_the_generation),
        cmocka_unit_test(one_generator_serves_prompts_again_and_again),
        cmocka_unit_test(a_poll_ends_the_generation),
        cmocka_unit_test(a_length_of_zero_is_the_prefix),
        cmocka_unit_test(the_memory_is_known_beforehand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
