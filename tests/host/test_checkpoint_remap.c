/* Weights moved to another vocabulary, for every cell, with one and two layers and directions, with
 * and without an embedding, a tie and a projection. Each
 * character that is kept brings exactly its own weights, a new one has those of a new model, and
 * the model's outputs for kept characters do not change. Tensors are compared in PyTorch's shapes,
 * which the code under test does not use. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/checkpoint.h"
#include "lyrnn/device.h"
#include "lyrnn/model.h"
#include "model_check.h"
#include "op_check.h"

/* In an arbitrary order, as in a PyTorch model. The text's characters are in code-point order. */
static const uint32_t model_chars[] = {0x732B, 'z', 0x5206, 'a', 0x1F600, '\n', 'm'};
static const uint32_t text_chars[] = {'\n', 'a', 'b', 'm', 0x5206, 0x5F00, 0x732B, 0x20BB7};
enum { V_MODEL = 7, V_TEXT = 8, NUM_KEPT = 5, H = 5, SEED = 7, T = 6, B = 2 };
/* The model's id of each of the text's characters; -1: none. */
static const int known_id[V_TEXT] = {5, 3, -1, 6, 2, -1, 0, -1};

typedef struct {
    lyrnn_rnn_config config;
    lyrnn_parameters parameters;
    lyrnn_backend backend;
    lyrnn_model model;
    float *params; /* flat, on the host */
} side;

static void side_open(side *side, lyrnn_rnn_config config, int V, uint64_t seed)
{
    config.input_size = V;
    side->config = config;
    lyrnn_parameters_of_model(&side->parameters, &config);
    open_test_backend(&side->backend, 1);
    assert_int_equal(lyrnn_model_init(&side->model, &config, &side->backend), LYRNN_OK);
    side->params = test_memory(side->parameters.count, sizeof *side->params);
    lyrnn_model_randomize(&side->model, seed);
    lyrnn_model_download(&side->model, side->params);
}

static void side_close(side *side)
{
    free(side->params);
    lyrnn_model_free(&side->model);
    lyrnn_backend_close(&side->backend);
}

/* Calls test for every cell, 1 and 2 layers, 1 and 2 directions, and for one-hot characters, an
 * embedding, a tied one of the output's size, and a tied one with a projection. */
static void for_all_networks(void (*test)(lyrnn_rnn_config config))
{
    for (int i = 0; i < 64; i++) {
        int ends = i / 16, num_directions = 1 + i % 2;
        test((lyrnn_rnn_config){.cell = (lyrnn_cell)(i / 4 % 4),
                                .hidden_size = H,
                                .num_layers = 1 + i / 2 % 2,
                                .bidirectional = num_directions == 2,
                                .embedding_size = ends == 0   ? 0
                                                  : ends == 2 ? H * num_directions
                                                              : 3,
                                .tied = ends >= 2});
    }
}

/* The checkpoint borrows the side's weights. */
static void remap(const side *from, const uint32_t *to_chars, int V, float *params)
{
    lyrnn_vocab vocab;
    lyrnn_checkpoint checkpoint = {.config = from->config, .params = from->params};
    assert_int_equal(lyrnn_vocab_from_chars(&checkpoint.vocab, model_chars, V_MODEL), LYRNN_OK);
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, to_chars, (size_t)V), LYRNN_OK);
    lyrnn_checkpoint_remap(&checkpoint, &vocab, params);
    lyrnn_vocab_free(&vocab);
    lyrnn_vocab_free(&checkpoint.vocab);
}

static float *unpack(const lyrnn_parameter *parameter, const float *flat)
{
    float *values = test_memory(lyrnn_parameter_count(parameter), sizeof *values);
    lyrnn_parameter_unpack(parameter, flat, values);
    return values;
}

static void assert_same_value(const char *name, float value, float expected)
{
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s: %a where %a is expected", name, (double)value, (double)expected);
}

/* Checks one tensor: `after` is from `before`, or from `fresh` where the character is new. */
static void check_tensor(const lyrnn_parameter *old, const lyrnn_parameter *new,
                         const float *before, const float *fresh, const float *after)
{
    assert_string_equal(new->name, old->name);
    /* An embedding's layer 0 has the same inputs for every vocabulary. */
    bool by_col = strncmp(new->name, "rnn.weight_ih_l0", 16) == 0 && new->cols == V_TEXT;
    bool by_row =
        strncmp(new->name, "dense.", 6) == 0 || strcmp(new->name, "embedding.weight") == 0;
    int cols = new->cols == 0 ? 1 : new->cols, old_cols = old->cols == 0 ? 1 : old->cols;
    for (int row = 0; row < new->rows; row++) {
        for (int col = 0; col < cols; col++) {
            int old_row = by_row ? known_id[row] : row;
            int old_col = by_col ? known_id[col] : col;
            int at = row * cols + col;
            bool is_new = old_row < 0 || old_col < 0;
            assert_same_value(new->name, after[at],
                              is_new ? fresh[at] : before[old_row * old_cols + old_col]);
        }
    }
}

static void check_all_tensors(lyrnn_rnn_config config)
{
    side from, to;
    side_open(&from, config, V_MODEL, 3);
    side_open(&to, config, V_TEXT, SEED);
    from.params[lyrnn_parameters_of_layer(&from.parameters, &from.config, 0, 0, LYRNN_WEIGHT_HH)
                    ->offset] = -0.0f;
    float *params = test_memory(to.parameters.count, sizeof *params);
    memcpy(params, to.params, to.parameters.count * sizeof *params);
    remap(&from, text_chars, V_TEXT, params);
    for (int i = 0; i < to.parameters.num; i++) {
        const lyrnn_parameter *old = &from.parameters.items[i], *new = &to.parameters.items[i];
        float *before = unpack(old, from.params), *fresh = unpack(new, to.params),
              *after = unpack(new, params);
        check_tensor(old, new, before, fresh, after);
        free(after), free(fresh), free(before);
    }
    free(params);
    side_close(&to);
    side_close(&from);
}

static void each_character_keeps_its_own_weights_and_new_ones_are_fresh(void **state)
{
    (void)state;
    for_all_networks(check_all_tensors);
}

static void check_same_vocab(lyrnn_rnn_config config)
{
    side from, to;
    side_open(&from, config, V_MODEL, 3);
    side_open(&to, config, V_MODEL, SEED);
    remap(&from, model_chars, V_MODEL, to.params);
    assert_memory_equal(to.params, from.params, from.parameters.count * sizeof(float));
    side_close(&to);
    side_close(&from);
}

static void the_same_vocabulary_copies_every_bit_and_the_padding(void **state)
{
    (void)state;
    for_all_networks(check_same_vocab);
}

/* logits (T,B,V) */
static float *run(side *side, const int32_t ids[T * B])
{
    lyrnn_activations activations;
    size_t count = (size_t)(T * B * side->config.input_size);
    float *logits = test_memory(count, sizeof *logits);
    lyrnn_model_upload(&side->model, side->params);
    assert_int_equal(lyrnn_activations_init(&activations, &side->model, T, B, false), LYRNN_OK);
    side->backend.upload(&side->backend, activations.inputs, ids, T * B * sizeof *ids);
    lyrnn_model_forward(&side->model, &activations);
    side->backend.download(&side->backend, logits, activations.logits, count * sizeof *logits);
    lyrnn_activations_free(&activations);
    return logits;
}

static void check_logits(lyrnn_rnn_config config)
{
    static const int32_t text[T * B] = {0, 6, 1, 4, 3, 3, 6, 0, 4, 1, 1, 3}; /* kept characters */
    int32_t old_text[T * B];
    side from, to;
    side_open(&from, config, V_MODEL, 3);
    side_open(&to, config, V_TEXT, SEED);
    remap(&from, text_chars, V_TEXT, to.params);
    for (int i = 0; i < T * B; i++)
        old_text[i] = known_id[text[i]];
    float *before = run(&from, old_text), *after = run(&to, text);
    int num_compared = 0;
    for (int i = 0; i < T * B; i++) {
        for (int id = 0; id < V_TEXT; id++) {
            if (known_id[id] < 0)
                continue;
            float expected = before[i * V_MODEL + known_id[id]], logit = after[i * V_TEXT + id];
            if (!(fabsf(logit - expected) <= 1e-6f))
                fail_msg("%s: logit %g where the model had %g", lyrnn_cell_name(config.cell),
                         (double)logit, (double)expected);
            num_compared++;
        }
    }
    assert_int_equal(num_compared, T * B * NUM_KEPT);
    free(after), free(before);
    side_close(&to);
    side_close(&from);
}

static void logits_of_kept_characters_stay(void **state)
{
    (void)state;
    for_all_networks(check_logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_character_keeps_its_own_weights_and_new_ones_are_fresh),
        cmocka_unit_test(the_same_vocabulary_copies_every_bit_and_the_padding),
        cmocka_unit_test(logits_of_kept_characters_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
