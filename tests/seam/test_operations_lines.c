/* Which characters are allowed: line rules and the guard against copies, for texts that a backend
 * generates from random logits. Before each character, the test finds the allowed characters by
 * brute force from the texts, and the expected one with the oracle. LYRNN_TEST_DEVICE names the
 * device. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "oracle.h"
#include "sample_check.h"

enum { B = 9, V = 6, MAX_V = 80, NEWLINE = 4, MAX_LENGTH = 60, CORPUS = 150 };

/* A setting, and the expected texts. */
typedef struct {
    const char *name;
    int prefix_length;
    int32_t newline;
    int min_line, max_line, num_lines, num_acrostic, guard_length;
    float temperature;
    /* The minimum number of texts that must end in each of these ways. */
    int ended, stuck;
    /* Characters beyond V, which are never chosen. */
    int num_impossible;
    bool has_clusters; /* MARK joins the character before it, and so does every second FLAG */
} setting;

/* The table of clusters that the rule above makes. */
enum { MARK = 3, FLAG = 5, PLAIN_CLASS = 0, MARK_CLASS, FLAG_CLASS, NUM_CLASSES };
enum { START, AFTER_PLAIN, AFTER_FLAG, AFTER_FLAGS, NUM_STATES };
static const int32_t steps[NUM_STATES * NUM_CLASSES] = {
    [NUM_CLASSES * START] = 2 * AFTER_PLAIN + 1,       2 * AFTER_PLAIN + 1, 2 * AFTER_FLAG + 1,
    [NUM_CLASSES * AFTER_PLAIN] = 2 * AFTER_PLAIN + 1, 2 * AFTER_PLAIN,     2 * AFTER_FLAG + 1,
    [NUM_CLASSES * AFTER_FLAG] = 2 * AFTER_PLAIN + 1,  2 * AFTER_PLAIN,     2 * AFTER_FLAGS,
    [NUM_CLASSES * AFTER_FLAGS] = 2 * AFTER_PLAIN + 1, 2 * AFTER_PLAIN,     2 * AFTER_FLAG + 1,
};

typedef struct {
    lyrnn_sample_token_args args;
    lyrnn_text_cursor cursor;
    lyrnn_text_state states[B];
} expected_texts;

/* Returns whether the suffix of the corpus at i sorts before the one at j. */
static bool comes_before(const int32_t *ids, int i, int j)
{
    while (i < CORPUS && j < CORPUS && ids[i] == ids[j]) {
        i++;
        j++;
    }
    return i == CORPUS || (j < CORPUS && ids[i] < ids[j]);
}

/* Some of the corpus's characters are not in the vocabulary. */
static lyrnn_device_copy_guard new_guard(op_check *check, int length)
{
    int32_t *ids = op_check_ids(check, CORPUS, V + 1, 21);
    int32_t *suffixes = op_check_ids(check, CORPUS, 1, 1);
    for (int i = 0; i < CORPUS; i++) {
        ids[i] -= 1;
        if (ids[i] < 0 && i % 3 != 0)
            ids[i] = 1;
    }
    for (int i = 0; i < CORPUS; i++) {
        int rank = 0;
        for (int j = 0; j < CORPUS; j++)
            rank += j != i && comes_before(ids, j, i);
        suffixes[rank] = i;
    }
    return (lyrnn_device_copy_guard){length, CORPUS, ids, suffixes};
}

/* Whether text[i] begins a cluster, by brute force. */
static bool begins_cluster(const int32_t *text, int i, int32_t newline)
{
    int num_flags = 0;
    if (i == 0 || text[i - 1] == newline)
        return true;
    while (num_flags < i && text[i - 1 - num_flags] == FLAG)
        num_flags++;
    return text[i] != MARK && !(text[i] == FLAG && num_flags % 2 == 1);
}

static lyrnn_text_state state_of(const lyrnn_device_line_rules *rules, const int32_t *text,
                                 int length)
{
    lyrnn_text_state state = {.length = length};
    for (int i = 0; i < length; i++) {
        bool is_newline = rules->newline >= 0 && text[i] == rules->newline;
        bool begins = rules->classes == NULL || begins_cluster(text, i, rules->newline);
        state.line += is_newline;
        state.column = is_newline ? 0 : state.column + begins;
    }
    return state;
}

/* Returns whether the corpus contains the last `length` characters of the text followed by id. */
static bool is_copy(const lyrnn_device_copy_guard *guard, const int32_t *text, int place, int id)
{
    if (guard->length == 0 || place < guard->length)
        return false;
    for (int from = 0; from + guard->length < CORPUS; from++) {
        bool same = guard->ids[from + guard->length] == id;
        for (int i = 0; i < guard->length; i++)
            same = same && guard->ids[from + i] == text[place - guard->length + i];
        if (same)
            return true;
    }
    return false;
}

static bool is_end(const lyrnn_device_line_rules *rules, const lyrnn_text_state *state, int id)
{
    return rules->newline >= 0 && id == rules->newline && rules->num_lines > 0 &&
           state->line + 1 >= rules->num_lines;
}

static bool is_allowed(const lyrnn_sample_token_args *args, const int32_t *text, int place, int id)
{
    const lyrnn_device_line_rules *rules = &args->lines;
    lyrnn_text_state state = state_of(rules, text, place);
    int32_t with_id[MAX_LENGTH + 1];
    memcpy(with_id, text, (size_t)place * sizeof *text);
    with_id[place] = id;
    bool begins = rules->classes == NULL || begins_cluster(with_id, place, rules->newline);
    if (!is_end(rules, &state, id) && is_copy(&args->copies, text, place, id))
        return false;
    if (rules->newline < 0)
        return true;
    if (id == rules->newline && state.column < rules->min_line)
        return false;
    if (id != rules->newline && begins && rules->max_line > 0 && state.column >= rules->max_line)
        return false;
    return state.column > 0 || state.line >= rules->num_acrostic ||
           id == rules->acrostic[state.line];
}

/* Advances the expected text, and returns the token that must be chosen. */
static int32_t expect_token(expected_texts *expected, int b, int place, const float *logits)
{
    lyrnn_sample_token_args *args = &expected->args;
    lyrnn_text_state *state = &expected->states[b];
    int32_t *text = args->texts + b * args->max_length;
    if (state->end != LYRNN_TEXT_RUNNING || place >= args->max_length)
        return 0;
    if (place >= args->cursor->prefix_length) {
        float masked[MAX_V];
        double probabilities[MAX_V];
        for (int v = 0; v < args->V; v++)
            masked[v] = is_allowed(args, text, place, v) ? logits[b * args->V + v] : -INFINITY;
        if (!oracle_sampler(&args->sampler, args->V, masked, text, place, probabilities)) {
            state->end = LYRNN_TEXT_STUCK;
            return 0;
        }
        int token = oracle_draw(args->V, probabilities, sample_uniform(args, b, place));
        if (is_end(&args->lines, state, token)) {
            state->end = LYRNN_TEXT_ENDED;
            return 0;
        }
        text[place] = token;
    }
    *state = state_of(&args->lines, text, place + 1);
    return text[place];
}

static void assert_states_equal(const lyrnn_text_state *actual, const lyrnn_text_state *expected)
{
    for (int b = 0; b < B; b++) {
        assert_int_equal(actual[b].end, expected[b].end);
        assert_int_equal(actual[b].length, expected[b].length);
        assert_int_equal(actual[b].line, expected[b].line);
        assert_int_equal(actual[b].column, expected[b].column);
    }
}

/* Makes the texts and returns them on the device. */
static lyrnn_sample_token_args begin_texts(op_check *check, const setting *s,
                                           expected_texts *expected)
{
    int32_t *acrostic = op_check_ids(check, 3, NEWLINE, 5);
    *expected = (expected_texts){.cursor = {.prefix_length = s->prefix_length, .first_sample = 3}};
    expected->args = (lyrnn_sample_token_args){
        .B = B,
        .V = V + s->num_impossible,
        .max_length = MAX_LENGTH,
        .sampler = {1.2f, 4, 0, 0.95f, 0.01f, s->temperature, 17},
        .lines = {.newline = s->newline,
                  .min_line = s->min_line,
                  .max_line = s->max_line,
                  .num_lines = s->num_lines,
                  .num_acrostic = s->num_acrostic,
                  .acrostic = s->num_acrostic > 0 ? acrostic : NULL},
        .cursor = &expected->cursor,
        .texts = sample_random_texts(check, B, MAX_LENGTH, V, 6),
        .states = expected->states,
    };
    if (s->has_clusters) {
        int32_t *classes = op_check_ids(check, V + s->num_impossible, 1, 1);
        classes[MARK] = MARK_CLASS;
        classes[FLAG] = FLAG_CLASS;
        expected->args.lines.num_classes = NUM_CLASSES;
        expected->args.lines.classes = classes;
        expected->args.lines.steps = steps;
    }
    if (s->guard_length > 0)
        expected->args.copies = new_guard(check, s->guard_length);
    return sample_place(check, &expected->args);
}

static void fill_logits(int num, int place, float *logits)
{
    for (int b = 0; b < B; b++)
        for (int v = 0; v < num; v++)
            logits[b * num + v] =
                v < V ? (float)random_number((uint64_t)place, (uint64_t)(b * V + v), 2) : -INFINITY;
}

static void check_setting(void **state, const setting *s)
{
    op_check *check = op_check_begin(state);
    expected_texts expected;
    lyrnn_sample_token_args device = begin_texts(check, s, &expected);
    float logits[B * MAX_V];
    /* Continues two places past the end of the texts: nothing may happen there. */
    for (int place = 0; place < MAX_LENGTH + 2; place++) {
        fill_logits(device.V, place, logits);
        const int32_t *tokens = sample_step(check, &device, logits);
        for (int b = 0; b < B; b++)
            assert_int_equal(tokens[b], expect_token(&expected, b, place, logits));
    }
    assert_states_equal(sample_states(check, &device), expected.states);
    assert_memory_equal(sample_texts(check, &device), expected.args.texts,
                        B * MAX_LENGTH * sizeof(int32_t));
    int ended = 0, stuck = 0;
    for (int b = 0; b < B; b++) {
        ended += expected.states[b].end == LYRNN_TEXT_ENDED;
        stuck += expected.states[b].end == LYRNN_TEXT_STUCK;
    }
    print_message("    %-44s %d ended, %d stuck\n", s->name, ended, stuck);
    assert_true(ended >= s->ended && stuck >= s->stuck);
}

static void texts_keep_to_the_rules(void **state)
{
    const setting settings[] = {
        {"no rules", 3, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, false},
        {"rules without lines are none", 3, -1, 5, 2, 1, 3, 0, 1, 0, 0, 0, false},
        {"lines of 3 to 5", 1, NEWLINE, 3, 5, 0, 0, 0, 1, 0, 0, 0, false},
        {"lines of 4", 2, NEWLINE, 4, 4, 3, 0, 0, 1, 9, 0, 0, false},
        {"greedy lines of 4", 2, NEWLINE, 4, 4, 3, 0, 0, 0, 9, 0, 0, false},
        {"a long prefix, few lines", 20, NEWLINE, 0, 3, 2, 0, 0, 1, 9, 0, 0, false},
        {"acrostic", 1, NEWLINE, 2, 6, 5, 3, 0, 1, 9, 0, 0, false},
        {"guard of 1", 1, -1, 0, 0, 0, 0, 1, 1, 0, 2, 0, false},
        {"guard of 2", 4, -1, 0, 0, 0, 0, 2, 1, 0, 0, 0, false},
        {"guard of 3", 4, -1, 0, 0, 0, 0, 3, 0, 0, 0, 0, false},
        {"guard of 1 and more warps", 1, -1, 0, 0, 0, 0, 1, 1, 0, 2, MAX_V - V, false},
        {"guard longer than the corpus", 4, -1, 0, 0, 0, 0, CORPUS + 1, 1, 0, 0, 0, false},
        {"guard and lines", 2, NEWLINE, 2, 4, 6, 2, 2, 1, 1, 1, 0, false},
        {"contradiction", 1, NEWLINE, 5, 3, 0, 0, 0, 1, 0, 9, 0, false},
        {"clusters in lines of 2", 2, NEWLINE, 2, 2, 6, 0, 0, 1, 9, 0, 0, true},
        {"clusters, acrostic and guard", 3, NEWLINE, 1, 4, 6, 3, 2, 1, 1, 0, 0, true},
        {"clusters and more warps", 1, NEWLINE, 3, 3, 3, 0, 0, 1, 9, 0, MAX_V - V, true},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        check_setting(state, &settings[i]);
}

/* The guard applies to the whole text: after the prefix it has no run of length + 1 characters of
 * the corpus. */
static void a_guarded_text_copies_no_run(void **state)
{
    const setting s = {"guard of 2", 3, -1, 0, 0, 0, 0, 2, 1, 0, 0, 0, false};
    op_check *check = op_check_begin(state);
    expected_texts expected;
    lyrnn_sample_token_args device = begin_texts(check, &s, &expected);
    float logits[B * V] = {0};
    for (int place = 0; place < MAX_LENGTH; place++)
        sample_step(check, &device, logits);
    const int32_t *texts = sample_texts(check, &device);
    const lyrnn_text_state *states = sample_states(check, &device);
    int written = 0;
    for (int b = 0; b < B; b++)
        for (int place = s.prefix_length; place < states[b].length; place++, written++)
            assert_false(is_copy(&expected.args.copies, texts + b * MAX_LENGTH, place,
                                 texts[b * MAX_LENGTH + place]));
    assert_true(written > B);
}

/* A text may end, on its last line, where a line of the corpus ends. */
static void the_end_of_a_text_copies_nothing(void **state)
{
    enum { N = 3 };
    op_check *check = op_check_begin(state);
    int32_t ids[N] = {1, NEWLINE, 2}, suffixes[N] = {0, 2, 1}, text[3] = {1, 0, 0};
    lyrnn_text_state states[1] = {{.column = 1, .length = 1}};
    lyrnn_text_cursor cursor = {.position = 1, .prefix_length = 1};
    for (int num_lines = 1; num_lines <= 2; num_lines++) {
        lyrnn_sample_token_args host = {
            .B = 1,
            .V = V,
            .max_length = 3,
            .sampler = {.repeat_penalty = 1, .top_p = 1},
            .lines = {.newline = NEWLINE, .max_line = 1, .num_lines = num_lines},
            .copies = {1, N, ids, suffixes},
            .cursor = &cursor,
            .texts = text,
            .states = states,
        };
        lyrnn_sample_token_args device = sample_place(check, &host);
        sample_step(check, &device, (const float[V]){0});
        assert_int_equal(sample_states(check, &device)[0].end,
                         num_lines == 1 ? LYRNN_TEXT_ENDED : LYRNN_TEXT_STUCK);
    }
}

typedef struct {
    lyrnn_backend *backend;
    const lyrnn_sample_token_args *args;
} sampling_step;

static void sample_once(void *context)
{
    sampling_step *step = context;
    step->backend->sample_token(step->backend, step->args);
}

/* The place is stored on the device: the same call, recorded and replayed, advances through the
 * text. */
static void a_replayed_step_writes_the_next_character(void **state)
{
    const setting s = {"lines of 4", 2, NEWLINE, 4, 4, 3, 0, 2, 1, 0, 0, 0, false};
    op_check *check = op_check_begin(state);
    lyrnn_backend *backend = &check->backend;
    expected_texts expected;
    lyrnn_sample_token_args device = begin_texts(check, &s, &expected);
    sampling_step step = {backend, &device};
    float logits[B * V];
    for (int place = 0; place < MAX_LENGTH; place++) {
        fill_logits(device.V, place, logits);
        sample_upload_logits(check, &device, logits);
        backend->run_step(backend, sample_once, &step);
        for (int b = 0; b < B; b++)
            expect_token(&expected, b, place, logits);
    }
    assert_states_equal(sample_states(check, &device), expected.states);
    assert_memory_equal(sample_texts(check, &device), expected.args.texts,
                        B * MAX_LENGTH * sizeof(int32_t));
    assert_true(op_check_intact(check));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_keep_to_the_rules),
        cmocka_unit_test(a_guarded_text_copies_no_run),
        cmocka_unit_test(the_end_of_a_text_copies_nothing),
        cmocka_unit_test(a_replayed_step_writes_the_next_character),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
