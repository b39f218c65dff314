/* How often each character is drawn, compared with the oracle's probabilities, for each sampler:
 * 100,000 draws each, in the simulator too. LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "oracle.h"
#include "sample_check.h"

/* Compares how often each character was drawn with how often it should be, in standard deviations:
 * the sum of (count - n p)^2 / (n p) has mean df and variance 2 df. */
static double excess_of_chi_square(int V, const int *counts, const double *probabilities, int n)
{
    double sum = 0;
    int df = -1;
    for (int v = 0; v < V; v++) {
        double expected = n * probabilities[v];
        if (expected == 0) {
            assert_int_equal(counts[v], 0);
            continue;
        }
        sum += (counts[v] - expected) * (counts[v] - expected) / expected;
        df++;
    }
    return df == 0 ? 0 : (sum - df) / sqrt(2 * df);
}

/* Draws from one row of logits, for enough samples and places to make a statistic. */
static void check_frequencies(void **state, const char *what, lyrnn_sampler sampler)
{
    enum { B = 1000, V = 14, ROUNDS = 100, PLACE = 30, MAX_LENGTH = 33 };
    int counts[V] = {0};
    op_check *check = op_check_begin(state);
    double *probabilities = op_check_doubles(check, V);
    lyrnn_text_cursor cursor = {.position = PLACE, .prefix_length = PLACE};
    lyrnn_sample_token_args args = {
        .B = B,
        .V = V,
        .max_length = MAX_LENGTH,
        .sampler = sampler,
        .lines = {.newline = -1},
        .cursor = &cursor,
        .texts = sample_random_texts(check, B, MAX_LENGTH, V, 1),
        .states = sample_new_states(check, B, PLACE),
    };
    for (int b = 1; b < B; b++)
        memcpy(args.texts + b * MAX_LENGTH, args.texts, MAX_LENGTH * sizeof *args.texts);
    float *logits = op_check_floats(check, B * V);
    for (int i = 0; i < B * V; i++)
        logits[i] = (float)random_number(4, (uint64_t)(i % V), 1.5);
    assert_true(oracle_sampler(&sampler, V, logits, args.texts, PLACE, probabilities));
    lyrnn_sample_token_args device = sample_place(check, &args);
    const int32_t *seen = sample_seen(check, &args);
    lyrnn_backend *backend = &check->backend;
    for (int i = 0; i < ROUNDS; i++) {
        cursor.first_sample = (uint64_t)(i * B);
        backend->upload(backend, device.cursor, &cursor, sizeof cursor);
        if (seen != NULL)
            backend->upload(backend, device.seen, seen, (size_t)B * V * sizeof *seen);
        const int32_t *tokens = sample_step(check, &device, logits);
        for (int b = 0; b < B; b++)
            counts[tokens[b]]++;
    }
    double excess = excess_of_chi_square(V, counts, probabilities, B * ROUNDS);
    print_message("    %-44s %+.2f deviations\n", what, excess);
    assert_true(fabs(excess) < 4);
}

static void characters_come_as_often_as_they_should(void **state)
{
    const lyrnn_sampler plain = {.repeat_penalty = 1, .top_p = 1, .temperature = 0.8f};
    lyrnn_sampler s = plain, all = {1.5f, 5, 9, 0.9f, 0.1f, 1.2f, 11};
    check_frequencies(state, "temperature", s);
    s.top_k = 6;
    check_frequencies(state, "top-k", s);
    s = plain;
    s.top_p = 0.7f;
    check_frequencies(state, "top-p", s);
    s = plain;
    s.min_p = 0.3f;
    check_frequencies(state, "min-p", s);
    s = plain;
    s.repeat_penalty = 1.8f;
    s.repeat_last_n = 7;
    check_frequencies(state, "repeat penalty", s);
    check_frequencies(state, "all together", all);
}

/* The places of one sample are as independent as different samples are. */
static void places_draw_numbers_of_their_own(void **state)
{
    enum { B = 8, V = 5, PLACES = 60 };
    int counts[V] = {0};
    op_check *check = op_check_begin(state);
    double *probabilities = op_check_doubles(check, V);
    lyrnn_text_cursor cursor = {.position = 1, .prefix_length = 1};
    lyrnn_sampler sampler = {.repeat_penalty = 1, .top_p = 1, .temperature = 1, .seed = 2};
    lyrnn_sample_token_args args = {
        .B = B,
        .V = V,
        .max_length = PLACES + 1,
        .sampler = sampler,
        .lines = {.newline = -1},
        .cursor = &cursor,
        .texts = sample_random_texts(check, B, PLACES + 1, V, 1),
        .states = sample_new_states(check, B, 1),
    };
    lyrnn_sample_token_args device = sample_place(check, &args);
    float *logits = op_check_floats(check, B * V);
    for (int i = 0; i < B * V; i++)
        logits[i] = (float)(i % V) / 4;
    oracle_sampler(&sampler, V, logits, args.texts, 1, probabilities);
    for (int place = 1; place <= PLACES; place++) {
        const int32_t *tokens = sample_step(check, &device, logits);
        for (int b = 0; b < B; b++) {
            counts[tokens[b]]++;
            int expected = oracle_draw(V, probabilities, sample_uniform(&args, b, place));
            assert_int_equal(tokens[b], expected);
        }
    }
    double excess = excess_of_chi_square(V, counts, probabilities, B * PLACES);
    assert_true(fabs(excess) < 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_come_as_often_as_they_should),
        cmocka_unit_test(places_draw_numbers_of_their_own),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
