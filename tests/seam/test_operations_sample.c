/* The samplers. A backend's choices are compared with the oracle's for random logits and settings,
 * including ties, forbidden characters and NaN. The CPU's choices are compared with the device's. A
 * sample must not depend on the other samples in the batch. LYRNN_TEST_DEVICE names the device. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/device.h"
#include "oracle.h"
#include "sample_check.h"

enum { PLACE = 30, MAX_LENGTH = 33 };

/* Makes B texts on the host whose next character is at PLACE. */
static lyrnn_sample_token_args new_case(op_check *check, int B, int V, lyrnn_sampler sampler,
                                        lyrnn_text_cursor *cursor)
{
    *cursor = (lyrnn_text_cursor){.position = PLACE, .prefix_length = PLACE};
    return (lyrnn_sample_token_args){
        .B = B,
        .V = V,
        .max_length = MAX_LENGTH,
        .sampler = sampler,
        .lines = {.newline = -1},
        .cursor = cursor,
        .texts = sample_random_texts(check, B, MAX_LENGTH, V, 1),
        .states = sample_new_states(check, B, PLACE),
    };
}

/* Returns one of a few values, a different one for each position and setting. */
static float pick_float(const float *values, int count, uint64_t seed, uint64_t setting)
{
    return values[random_id(seed, setting, count)];
}
#define PICK(seed, ...)                                                                            \
    pick_float((const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float), \
               seed, setting)

static lyrnn_sampler random_sampler(uint64_t setting, int V)
{
    return (lyrnn_sampler){
        .repeat_penalty = PICK(1, 1, 1.3f, 0.7f),
        .repeat_last_n = (int)PICK(2, 0, 3, PLACE, 64),
        .top_k = (int)PICK(3, 0, 0, 1, 2, 5, 40, (float)V, (float)V + 3),
        .top_p = PICK(4, 1, 1, 0.9f, 0.5f, 0.1f, 0),
        .min_p = PICK(5, 0, 0, 0.05f, 0.5f, 1),
        .temperature = PICK(6, 0, 0.5f, 1, 2, 100),
        .seed = setting + (setting << 33),
    };
}

/* Fills each row with a different kind of logits. */
static void fill_logits(int B, int V, float *logits, uint64_t setting)
{
    for (int b = 0; b < B; b++) {
        for (int v = 0; v < V; v++) {
            uint64_t at = (uint64_t)(b * V + v);
            double x = random_number(setting + 10, at, 4);
            switch (b % 8) {
            case 1: /* ties */
                x = round(x);
                break;
            case 2: /* impossible characters */
                x = random_id(7, at, 3) == 0 ? x : -INFINITY;
                break;
            case 3: /* some NaN */
                x = random_id(8, at, 4) == 0 ? NAN : x;
                break;
            case 4: /* zeros of both signs */
                x = random_id(9, at, 2) == 0 ? -0.0 : 0.0;
                break;
            case 5: /* large, and far apart */
                x = round(x) * 1e30;
                break;
            case 6: /* all equal */
                x = -2;
                break;
            case 7: /* ties among tiny differences */
                x = 1 + round(x) * 0x1p-23;
                break;
            default:
                break;
            }
            logits[b * V + v] = (float)x;
        }
    }
}

static int expected_token(op_check *check, const lyrnn_sample_token_args *args, int b,
                          const float *logits)
{
    double *probabilities = op_check_doubles(check, args->V);
    const int32_t *text = args->texts + b * args->max_length;
    if (!oracle_sampler(&args->sampler, args->V, logits + b * args->V, text, PLACE, probabilities))
        return -1;
    return oracle_draw(args->V, probabilities, sample_uniform(args, b, PLACE));
}

static void check_one_character(op_check *check, const lyrnn_sample_token_args *device,
                                const int32_t *tokens, int b, int expected)
{
    lyrnn_text_state state = sample_states(check, device)[b];
    const int32_t *text = sample_texts(check, device) + b * MAX_LENGTH;
    assert_int_equal(tokens[b], expected < 0 ? 0 : expected);
    assert_int_equal(state.end, expected < 0 ? LYRNN_TEXT_STUCK : LYRNN_TEXT_RUNNING);
    assert_int_equal(state.length, expected < 0 ? PLACE : PLACE + 1);
    if (expected >= 0)
        assert_int_equal(text[PLACE], expected);
}

/* The CPU's choice for the same logits: the devices must agree on every one. */
static void check_against_cpu(op_check *check, const lyrnn_sample_token_args *args,
                              const float *logits, const int32_t *tokens)
{
    lyrnn_backend cpu;
    lyrnn_text_cursor cursor = *args->cursor;
    int32_t on_cpu[8];
    size_t num_floats = (size_t)args->B * (size_t)args->V;
    lyrnn_sample_token_args again = *args;
    assert_int_equal(lyrnn_cpu_backend_open(0, &cpu), LYRNN_OK);
    again.cursor = &cursor;
    again.tokens = on_cpu;
    again.seen = sample_seen(check, args);
    again.logits_stride = args->V;
    again.logits = op_check_floats(check, (int)num_floats);
    memcpy(again.logits, logits, num_floats * sizeof *logits);
    cpu.sample_token(&cpu, &again);
    assert_memory_equal(on_cpu, tokens, (size_t)args->B * sizeof *tokens);
    lyrnn_backend_close(&cpu);
}

static void tokens_equal_the_oracles(void **state)
{
    const int vocabularies[] = {1, 2, 7, 16, 33, 64, 100, 255, 1027, 2500};
    int num_settings = is_simulated() ? 24 : 300;
    for (int i = 0; i < (int)(sizeof vocabularies / sizeof *vocabularies) * num_settings; i++) {
        enum { B = 8 };
        int V = vocabularies[i / num_settings];
        op_check *check = op_check_begin(state);
        lyrnn_text_cursor cursor;
        uint64_t setting = (uint64_t)i;
        lyrnn_sample_token_args args = new_case(check, B, V, random_sampler(setting, V), &cursor);
        cursor.first_sample = (uint64_t)i * 1000;
        float *logits = op_check_floats(check, B * V);
        fill_logits(B, V, logits, setting);
        lyrnn_sample_token_args device = sample_place(check, &args);
        const int32_t *tokens = sample_step(check, &device, logits);
        for (int b = 0; b < B; b++)
            check_one_character(check, &device, tokens, b, expected_token(check, &args, b, logits));
        check_against_cpu(check, &args, logits, tokens);
    }
}

/* More characters than any script has. */
static void a_huge_vocabulary_is_no_exception(void **state)
{
    enum { V = 100003 };
    const lyrnn_sampler samplers[] = {
        {.repeat_penalty = 1.1f, .repeat_last_n = 64, .top_p = 1},
        {.repeat_penalty = 1, .top_k = 1000, .top_p = 0.9f, .min_p = 0.01f, .temperature = 0.8f},
        {.repeat_penalty = 1, .top_p = 0.99f, .temperature = 1.5f, .seed = 3},
        {.repeat_penalty = 1, .top_p = 1, .temperature = 1, .seed = 4},
    };
    for (int i = is_simulated() ? 1 : 0; i < (is_simulated() ? 2 : 4); i++) {
        op_check *check = op_check_begin(state);
        lyrnn_text_cursor cursor;
        lyrnn_sample_token_args args = new_case(check, 1, V, samplers[i], &cursor);
        const float *logits = op_check_random(check, V, 12, (uint64_t)i);
        lyrnn_sample_token_args device = sample_place(check, &args);
        const int32_t *tokens = sample_step(check, &device, logits);
        check_one_character(check, &device, tokens, 0, expected_token(check, &args, 0, logits));
    }
}

static void greedy_gives_ties_to_the_lowest_id(void **state)
{
    enum { B = 5, V = 1027 };
    op_check *check = op_check_begin(state);
    lyrnn_text_cursor cursor;
    lyrnn_sampler greedy = {.repeat_penalty = 1, .top_p = 1};
    lyrnn_sample_token_args args = new_case(check, B, V, greedy, &cursor);
    lyrnn_sample_token_args device = sample_place(check, &args);
    float *logits = op_check_floats(check, B * V);
    logits[0] = -0.0f;
    logits[V + 700] = logits[V + 33] = logits[V + 1026] = 2;
    for (int v = 0; v < V; v++) {
        logits[2 * V + v] = -3;
        logits[3 * V + v] = -INFINITY;
        logits[4 * V + v] = v == 20 ? -FLT_MAX : NAN;
    }
    logits[2 * V + 1026] = logits[2 * V + 1025] = -1;
    logits[3 * V + 1026] = -1e30f;
    const int expected[B] = {0, 33, 1025, 1026, 20};
    const int32_t *tokens = sample_step(check, &device, logits);
    for (int b = 0; b < B; b++)
        assert_int_equal(tokens[b], expected[b]);
}

/* An infinite logit wins, and the repeat penalty forbids nothing. */
static void infinities_and_penalties_stay_in_order(void **state)
{
    enum { B = 3, V = 40 };
    op_check *check = op_check_begin(state);
    lyrnn_text_cursor cursor;
    lyrnn_sampler sampler = {
        .repeat_penalty = 4, .repeat_last_n = 64, .top_k = 5, .top_p = 0.9f, .temperature = 1};
    lyrnn_sample_token_args args = new_case(check, B, V, sampler, &cursor);
    args.texts[MAX_LENGTH + PLACE - 1] = args.texts[MAX_LENGTH + PLACE - 4] = 7;
    lyrnn_sample_token_args device = sample_place(check, &args);
    float *logits = op_check_floats(check, B * V);
    for (int v = 0; v < V; v++) {
        logits[v] = v == 9 ? INFINITY : FLT_MAX / 8;
        logits[V + v] = v == 7 ? -FLT_MAX : -INFINITY;
        logits[2 * V + v] = v < 3 ? NAN : -INFINITY;
    }
    const int32_t *tokens = sample_step(check, &device, logits);
    assert_int_equal(tokens[0], 9);
    assert_int_equal(tokens[1], 7);
    assert_int_equal(sample_states(check, &device)[1].end, LYRNN_TEXT_RUNNING);
    assert_int_equal(sample_states(check, &device)[2].end, LYRNN_TEXT_STUCK);
}

/* The penalty covers the last N characters of the text as it grows, the prefix included: none,
 * some, as many as there are, and more. */
static void the_penalty_moves_with_the_text(void **state)
{
    enum { B = 4, V = 7, PREFIX = 5, LENGTH = 24 };
    const int last_n[] = {0, 1, 2, PREFIX, 9, LENGTH, 1000, INT32_MAX};
    for (int i = 0; i < (int)(sizeof last_n / sizeof *last_n); i++) {
        op_check *check = op_check_begin(state);
        lyrnn_text_cursor cursor = {.prefix_length = PREFIX};
        lyrnn_sampler sampler = {.repeat_penalty = 3,
                                 .repeat_last_n = last_n[i],
                                 .top_p = 1,
                                 .temperature = 0.5f,
                                 .seed = (uint64_t)i};
        lyrnn_sample_token_args args = new_case(check, B, V, sampler, &cursor);
        cursor = (lyrnn_text_cursor){.prefix_length = PREFIX};
        args.states = sample_new_states(check, B, 0);
        lyrnn_sample_token_args device = sample_place(check, &args);
        const float *logits = op_check_random(check, B * V, 3, (uint64_t)i);
        double *probabilities = op_check_doubles(check, V);
        for (int place = 0; place < LENGTH; place++) {
            const int32_t *tokens = sample_step(check, &device, logits);
            for (int b = 0; b < B; b++) {
                int32_t *text = args.texts + b * MAX_LENGTH;
                if (place >= PREFIX) {
                    oracle_sampler(&sampler, V, logits + b * V, text, place, probabilities);
                    text[place] = oracle_draw(V, probabilities, sample_uniform(&args, b, place));
                }
                assert_int_equal(tokens[b], text[place]);
            }
        }
    }
}

static void a_sample_does_not_depend_on_the_batch(void **state)
{
    enum { B = 65, V = 97 };
    for (int setting = 0; setting < (is_simulated() ? 2 : 20); setting++) {
        op_check *check = op_check_begin(state);
        lyrnn_text_cursor cursor;
        lyrnn_sample_token_args args =
            new_case(check, B, V, random_sampler((uint64_t)setting, V), &cursor);
        const float *logits = op_check_random(check, B * V, 3, (uint64_t)setting);
        int32_t together[B];
        lyrnn_sample_token_args device = sample_place(check, &args);
        memcpy(together, sample_step(check, &device, logits), sizeof together);
        for (int b = 0; b < B; b += is_simulated() ? 8 : 1) {
            check = op_check_begin(state);
            logits = op_check_random(check, B * V, 3, (uint64_t)setting);
            lyrnn_sample_token_args alone =
                new_case(check, 1, V, random_sampler((uint64_t)setting, V), &cursor);
            cursor.first_sample = (uint64_t)b;
            int32_t *texts = sample_random_texts(check, B, MAX_LENGTH, V, 1);
            memcpy(alone.texts, texts + b * MAX_LENGTH, MAX_LENGTH * sizeof *texts);
            device = sample_place(check, &alone);
            assert_int_equal(sample_step(check, &device, logits + b * V)[0], together[b]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_equal_the_oracles),
        cmocka_unit_test(a_huge_vocabulary_is_no_exception),
        cmocka_unit_test(greedy_gives_ties_to_the_lowest_id),
        cmocka_unit_test(infinities_and_penalties_stay_in_order),
        cmocka_unit_test(the_penalty_moves_with_the_text),
        cmocka_unit_test(a_sample_does_not_depend_on_the_batch),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
