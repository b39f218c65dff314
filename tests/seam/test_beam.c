/* Beam search compared with an exhaustive search over all texts, with the oracle's
 * probabilities. */
#include "lyrnn/beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/copies.h"
#include "model_check.h"

enum { V = 4, PREFIX = 2, LENGTH = 4, TOTAL = PREFIX + LENGTH, ALL = 256 };

typedef struct {
    int32_t text[TOTAL];
    size_t length, num_told;
    lyrnn_sample_end end;
} found;

static lyrnn_status hear_character(void *context, uint64_t sample, int32_t id)
{
    found *f = context;
    assert_int_equal(sample, 0);
    f->text[f->num_told++] = id;
    return LYRNN_OK;
}

static lyrnn_status hear_sample(void *context, const lyrnn_sample *sample)
{
    found *f = context;
    assert_int_equal(sample->length, f->num_told);
    assert_memory_equal(sample->ids, f->text, sample->length * sizeof *f->text);
    f->length = sample->length;
    f->end = sample->end;
    return LYRNN_OK;
}

static found search(const model_check *check, const lyrnn_generate_options *options, int num_beams)
{
    const int32_t prefix[PREFIX] = {1, 3};
    found f = {0};
    const lyrnn_listener listener = {
        .character = hear_character, .sample = hear_sample, .context = &f};
    lyrnn_prompt prompt;
    assert_int_equal(lyrnn_prompt_from_ids(&prompt, prefix, PREFIX), LYRNN_OK);
    assert_int_equal(
        lyrnn_beam_search(&check->model, options, num_beams, &prompt, LENGTH, &listener), LYRNN_OK);
    lyrnn_prompt_free(&prompt);
    return f;
}

/* The weights are large enough for texts to differ in probability. */
static double *open_model(model_check *check, lyrnn_cell cell, uint64_t seed)
{
    const lyrnn_rnn_config config = {
        .cell = cell, .input_size = V, .hidden_size = 5, .num_layers = 2};
    model_check_open_config(check, &config, 0);
    double *params = test_memory((size_t)check->count, sizeof *params);
    for (int i = 0; i < check->count; i++)
        params[i] = random_number(seed, (uint64_t)i, 1.5);
    model_check_upload(check, params);
    return params;
}

/* Returns the log-probability of the text's characters from PREFIX to length. */
static double log_probability(const model_check *check, const double *params, const int32_t *text,
                              size_t length)
{
    double sums[2];
    for (int i = 0; i < 2; i++) {
        int T = (int)(i == 0 ? length : PREFIX) - 1;
        const oracle_batch batch = {T, 1, text, text + 1, NULL, NULL, {0}};
        const oracle_results results = {0};
        sums[i] = -oracle_model_loss(&check->shape, params, &batch, &results) * T;
    }
    return sums[0] - sums[1];
}

/* Writes text number `code` of all possible texts: its digits are the characters after the
 * prefix. */
static void spell(int code, int32_t text[TOTAL])
{
    text[0] = 1;
    text[1] = 3;
    for (int i = PREFIX; i < TOTAL; i++, code /= V)
        text[i] = code % V;
}

static void enough_beams_find_the_likeliest_text(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        model_check check;
        double *params = open_model(&check, seed % 2 ? LYRNN_LSTM : LYRNN_GRU, seed);
        int32_t text[TOTAL], best[TOTAL];
        double greatest = -INFINITY;
        for (int code = 0; code < ALL; code++) {
            spell(code, text);
            double value = log_probability(&check, params, text, TOTAL);
            if (value > greatest) {
                greatest = value;
                memcpy(best, text, sizeof text);
            }
        }
        const lyrnn_generate_options options = lyrnn_greedy_options();
        found f = search(&check, &options, 64);
        assert_int_equal(f.end, LYRNN_END_LENGTH);
        assert_int_equal(f.length, TOTAL);
        assert_memory_equal(f.text, best, sizeof best);
        free(params);
        model_check_close(&check);
    }
}

/* Texts end at a newline (id 2). Each is ranked by its mean log-probability. */
static void texts_of_all_lengths_compete_by_their_mean(void **state)
{
    int num_short = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        model_check check;
        double *params = open_model(&check, LYRNN_RNN_TANH, seed);
        int32_t text[TOTAL], best[TOTAL];
        size_t best_length = 0;
        double greatest = -INFINITY;
        for (int code = 0; code < ALL; code++) {
            spell(code, text);
            size_t length = PREFIX;
            while (length < TOTAL && text[length] != 2)
                length++;
            size_t judged = length < TOTAL ? length + 1 : TOTAL;
            double value =
                log_probability(&check, params, text, judged) / (double)(judged - PREFIX);
            if (value > greatest) {
                greatest = value;
                best_length = length;
                memcpy(best, text, sizeof text);
            }
        }
        lyrnn_generate_options options = lyrnn_greedy_options();
        options.lines = (lyrnn_line_rules){.newline = 2, .num_lines = 1};
        found f = search(&check, &options, 200);
        assert_int_equal(f.length, best_length);
        assert_int_equal(f.end, best_length < TOTAL ? LYRNN_END_LINES : LYRNN_END_LENGTH);
        assert_memory_equal(f.text, best, best_length * sizeof *best);
        num_short += best_length < TOTAL;
        /* A stop text of that one character must have the same effect. */
        const int32_t stop = 2;
        options.lines.num_lines = 0;
        options.stop = &stop;
        options.num_stop = 1;
        f = search(&check, &options, 200);
        assert_int_equal(f.length, best_length);
        assert_int_equal(f.end, best_length < TOTAL ? LYRNN_END_STOP : LYRNN_END_LENGTH);
        free(params);
        model_check_close(&check);
    }
    assert_in_range(num_short, 1, 11);
}

static void one_beam_is_greedy(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        model_check check;
        free(open_model(&check, LYRNN_LSTM, seed));
        int32_t greedy[TOTAL] = {1, 3};
        greedy_text(&check.model, greedy, PREFIX, LENGTH);
        const lyrnn_generate_options options = lyrnn_greedy_options();
        found f = search(&check, &options, 1);
        assert_memory_equal(f.text, greedy, sizeof greedy);
        model_check_close(&check);
    }
}

static void rules_and_guard_hold(void **state)
{
    const int32_t ids[] = {1, 3, 0, 1, 2, 0}, suffixes[] = {5, 2, 0, 3, 4, 1},
                  acrostic[] = {1, 0, 0};
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        model_check check;
        free(open_model(&check, LYRNN_GRU, seed));
        lyrnn_generate_options options = lyrnn_greedy_options();
        options.lines = (lyrnn_line_rules){
            .newline = 2, .min_line = 2, .max_line = 2, .num_acrostic = 3, .acrostic = acrostic};
        found f = search(&check, &options, 3);
        assert_int_equal(f.text[PREFIX], 2);
        assert_int_equal(f.text[PREFIX + 1], 0);
        assert_int_not_equal(f.text[PREFIX + 2], 2);
        assert_int_equal(f.text[PREFIX + 3], 2);
        options.lines = (lyrnn_line_rules){.newline = -1};
        const lyrnn_copies copies = {(int32_t *)ids, (int32_t *)suffixes, 6};
        options.copies = (lyrnn_copy_guard){1, &copies};
        f = search(&check, &options, 3);
        for (size_t i = PREFIX; i < f.length; i++)
            assert_false(lyrnn_copies_has(&copies, f.text + i - 1, 2));
        /* Everything that may follow is a copy. */
        const int32_t one[] = {3, 0, 3, 1, 3, 2, 3, 3}, ordered[] = {1, 3, 5, 7, 0, 2, 4, 6};
        const lyrnn_copies all_copied = {(int32_t *)one, (int32_t *)ordered, 8};
        options.copies = (lyrnn_copy_guard){1, &all_copied};
        f = search(&check, &options, 3);
        assert_int_equal(f.end, LYRNN_END_STUCK);
        assert_int_equal(f.length, PREFIX);
        model_check_close(&check);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enough_beams_find_the_likeliest_text),
        cmocka_unit_test(texts_of_all_lengths_compete_by_their_mean),
        cmocka_unit_test(one_beam_is_greedy),
        cmocka_unit_test(rules_and_guard_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
