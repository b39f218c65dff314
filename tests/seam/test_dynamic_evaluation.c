/* Dynamic evaluation compared with the oracle: each segment is scored before the weights learn from
 * it, and what was learned stays from text to text. LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/score.h"
#include "model_check.h"
#include "sample_check.h"

enum { V = 11, H = 6, T = 5, NUM_TEXTS = 7, N = 73 };

/* Shorter than a segment, as long as one, without a score, and with tails of 1 to 4 characters. */
static const size_t lengths[NUM_TEXTS] = {4, T + 1, 1, 2 * T + 2, 0, 4 * T + 5, 25};

static const lyrnn_cell cells[] = {LYRNN_LSTM, LYRNN_GRU, LYRNN_RNN_TANH, LYRNN_RNN_RELU};

/* The simulator is slow, and all cells train in test_training.c there. */
static size_t num_cells(void)
{
    return is_simulated() ? 1 : sizeof cells / sizeof *cells;
}

typedef struct {
    model_check check;
    double *params; /* (check.count) */
    int32_t ids[N];
    lyrnn_scored_text texts[NUM_TEXTS];
} fixture;

/* Dropout must not matter. */
static lyrnn_rnn_config config_of(lyrnn_cell cell)
{
    return (lyrnn_rnn_config){.cell = cell,
                              .input_size = V,
                              .hidden_size = H,
                              .num_layers = 2,
                              .dropout = 0.5f,
                              .dropout_weight = 0.25f};
}

static void open_fixture(fixture *f, const lyrnn_rnn_config *config, int num_threads)
{
    model_check_open_config(&f->check, config, num_threads);
    f->params = test_memory((size_t)f->check.count, sizeof *f->params);
    for (int i = 0; i < f->check.count; i++)
        f->params[i] = (double)(float)random_number(7, (uint64_t)i, 0.7);
    model_check_upload(&f->check, f->params);
    size_t at = 0;
    for (size_t i = 0; i < N; i++)
        f->ids[i] = random_id(3, i, V);
    for (size_t i = 0; i < NUM_TEXTS; at += lengths[i++])
        f->texts[i] = (lyrnn_scored_text){f->ids + at, lengths[i], NAN};
    assert_int_equal(at, N);
}

static void close_fixture(fixture *f)
{
    model_check_close(&f->check);
    free(f->params);
}

static void score(fixture *f, float rate, int steps)
{
    const lyrnn_dynamic_options options = {.rate = rate, .T = steps};
    assert_int_equal(lyrnn_score_dynamic(&f->check.model, &options, f->texts, NUM_TEXTS, NULL),
                     LYRNN_OK);
}

static double sum_of(const fixture *f)
{
    double nats = 0;
    for (size_t i = 0; i < NUM_TEXTS; i++)
        nats += f->texts[i].nats;
    return nats;
}

/* What the oracle learns with. */
typedef struct {
    double *params, *grads, *m, *v; /* (count) */
    double *state;                  /* (2,L*D,1,H) */
    int state_count;
    oracle_adam adam;
} learner;

static double oracle_score(const fixture *f, learner *l, const lyrnn_scored_text *text)
{
    double nats = 0;
    memset(l->state, 0, 2 * (size_t)l->state_count * sizeof *l->state);
    for (size_t first = 0; first + 1 < text->N; first += T) {
        size_t left = text->N - 1 - first;
        int steps = left < T ? (int)left : T;
        double *h = l->state;
        double *c = f->check.shape.cell == LYRNN_LSTM ? h + l->state_count : NULL;
        const oracle_batch batch = {.T = steps,
                                    .B = 1,
                                    .inputs = text->ids + first,
                                    .targets = text->ids + first + 1,
                                    .h_0 = h,
                                    .c_0 = c};
        const oracle_results results = {.h_n = h, .c_n = c, .grads = l->grads};
        nats += steps * oracle_model_loss(&f->check.shape, l->params, &batch, &results);
        l->adam.step++;
        oracle_clip_and_adam(&l->adam, (size_t)f->check.count, l->params, l->grads, l->m, l->v);
    }
    return nats;
}

static void a_segment_is_scored_before_it_is_learned(void **state)
{
    (void)state;
    for (size_t i = 0; i < num_cells(); i++) {
        fixture f;
        lyrnn_rnn_config config = config_of(cells[i]);
        open_fixture(&f, &config, 1);
        size_t count = (size_t)f.check.count;
        learner l = {.params = f.params,
                     .grads = test_memory(count, sizeof(double)),
                     .m = test_memory(count, sizeof(double)),
                     .v = test_memory(count, sizeof(double)),
                     .state_count = oracle_state_count(&f.check.shape, 1),
                     .adam = {.learning_rate = (double)0.02f,
                              .clip_norm = 1,
                              .beta1 = 0,
                              .beta2 = 0.999,
                              .epsilon = 1e-8}};
        l.state = test_memory(2 * (size_t)l.state_count, sizeof(double));
        score(&f, 0.02f, T);
        for (size_t k = 0; k < NUM_TEXTS; k++) {
            if (lengths[k] < 2)
                assert_true(f.texts[k].nats == 0);
            else
                assert_number_near("nats", f.texts[k].nats, oracle_score(&f, &l, &f.texts[k]),
                                   1e-4);
        }
        free(l.grads);
        free(l.m);
        free(l.v);
        free(l.state);
        close_fixture(&f);
    }
}

static void without_a_rate_it_is_the_score(void **state)
{
    (void)state;
    for (size_t i = 0; i < num_cells(); i++) {
        fixture f;
        lyrnn_rnn_config config = config_of(cells[i]);
        open_fixture(&f, &config, 1);
        lyrnn_scored_text expected[NUM_TEXTS];
        memcpy(expected, f.texts, sizeof expected);
        assert_int_equal(lyrnn_score(&f.check.model, T, 1, expected, NUM_TEXTS, NULL), LYRNN_OK);
        score(&f, 0, T);
        for (size_t k = 0; k < NUM_TEXTS; k++)
            assert_number_near("nats", f.texts[k].nats, expected[k].nats, 1e-6);
        close_fixture(&f);
    }
}

static void assert_model_is_as_it_was(fixture *f)
{
    double *now = test_memory((size_t)f->check.count, sizeof *now);
    model_check_download(&f->check, f->check.model.params, now);
    assert_memory_equal(now, f->params, (size_t)f->check.count * sizeof *now);
    free(now);
}

/* The weights stay as they are, so that a second call has the same bits. */
static void the_model_stays_as_it_is(void **state)
{
    (void)state;
    fixture f;
    lyrnn_rnn_config config = config_of(LYRNN_GRU);
    open_fixture(&f, &config, 1);
    score(&f, 0.01f, T);
    lyrnn_scored_text first[NUM_TEXTS];
    memcpy(first, f.texts, sizeof first);
    assert_model_is_as_it_was(&f);
    score(&f, 0.01f, T);
    assert_memory_equal(first, f.texts, sizeof first);
    close_fixture(&f);
}

/* The texts are the same, so the later ones are predicted better. */
static void a_repeated_text_is_predicted_better(void **state)
{
    (void)state;
    const lyrnn_rnn_config config = {.cell = LYRNN_GRU,
                                     .input_size = V,
                                     .hidden_size = H,
                                     .num_layers = 1,
                                     .embedding_size = 4,
                                     .tied = true,
                                     .dropout_input = 0.5f,
                                     .dropout_output = 0.5f};
    fixture f;
    open_fixture(&f, &config, 1);
    for (size_t i = 0; i < NUM_TEXTS; i++)
        f.texts[i] = (lyrnn_scored_text){f.ids, 20, NAN};
    score(&f, 0, T);
    double plain = sum_of(&f);
    score(&f, 0.01f, T);
    assert_number_near("the first text begins as without learning", f.texts[0].nats,
                       plain / NUM_TEXTS, 0.2 * plain);
    assert_true(sum_of(&f) < 0.9 * plain);
    assert_true(f.texts[NUM_TEXTS - 1].nats < 0.9 * f.texts[0].nats);
    close_fixture(&f);
}

static void a_rate_that_diverges_is_refused(void **state)
{
    (void)state;
    fixture f;
    lyrnn_rnn_config config = config_of(LYRNN_RNN_RELU);
    open_fixture(&f, &config, 1);
    const lyrnn_dynamic_options options = {.rate = 1e30f, .T = T};
    assert_int_equal(lyrnn_score_dynamic(&f.check.model, &options, f.texts, NUM_TEXTS, NULL),
                     LYRNN_ERR_DIVERGED);
    assert_non_null(strstr(lyrnn_error_text(), "--dynamic 1e+30: the loss is not finite after "));
    close_fixture(&f);
}

static lyrnn_status note_done(void *context, size_t done, size_t total)
{
    size_t *last = context;
    assert_true(done > *last && done <= total);
    assert_int_equal(total, N - 6); /* no text predicts its first character */
    *last = done;
    return done > total / 2 ? LYRNN_INTERRUPTED : LYRNN_OK;
}

static void a_watcher_sees_each_segment_and_may_stop(void **state)
{
    (void)state;
    fixture f;
    lyrnn_rnn_config config = config_of(LYRNN_LSTM);
    open_fixture(&f, &config, 1);
    size_t done = 0;
    const lyrnn_watcher watcher = {note_done, &done};
    const lyrnn_dynamic_options options = {.rate = 0.01f, .T = T};
    assert_int_equal(lyrnn_score_dynamic(&f.check.model, &options, f.texts, NUM_TEXTS, &watcher),
                     LYRNN_INTERRUPTED);
    assert_in_range(done, (N - 6) / 2, (N - 6) / 2 + T);
    assert_int_equal(lyrnn_score_dynamic(&f.check.model, &options, f.texts, 0, &watcher), LYRNN_OK);
    assert_model_is_as_it_was(&f);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_scored_before_it_is_learned),
        cmocka_unit_test(without_a_rate_it_is_the_score),
        cmocka_unit_test(the_model_stays_as_it_is),
        cmocka_unit_test(a_repeated_text_is_predicted_better),
        cmocka_unit_test(a_rate_that_diverges_is_refused),
        cmocka_unit_test(a_watcher_sees_each_segment_and_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
