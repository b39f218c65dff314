/* Greedy generation, the article's predict_rnn_pytorch: the prefix is fed character by character to warm
 * the state up, then each prediction is fed back. Nothing returns to the host before the text is whole. */
#include "lyrnn/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/corpus.h"

static lyrnn_status make_room(lyrnn_prompt *prompt, size_t prefix_length, size_t length)
{
    *prompt = (lyrnn_prompt){.prefix_length = prefix_length, .length = length};
    prompt->ids = (int32_t *)calloc(prefix_length + length, sizeof(int32_t));
    if (prompt->ids == NULL)
        return lyrnn_fail(LYRNN_ERR_MEMORY,
                          "memory: a text of %zu characters does not fit; ask for "
                          "fewer",
                          length);
    return LYRNN_OK;
}

lyrnn_status lyrnn_prompt_init(lyrnn_prompt *prompt, const lyrnn_vocab *vocab, const char *prefix,
                               lyrnn_newlines newlines, size_t length)
{
    char object[256];
    lyrnn_corpus text = {0};
    memset(prompt, 0, sizeof *prompt);
    snprintf(object, sizeof object, "--prefix %s", prefix);
    lyrnn_status status = lyrnn_corpus_append_text(&text, object, prefix, strlen(prefix), newlines);
    if (status == LYRNN_OK && text.N == 0)
        status = lyrnn_fail(LYRNN_ERR_USAGE, "--prefix: is empty; give at least one character");
    if (status == LYRNN_OK)
        status = make_room(prompt, text.N, length);
    if (status == LYRNN_OK)
        status = lyrnn_vocab_encode(vocab, object, text.chars, text.N, prompt->ids);
    lyrnn_corpus_free(&text);
    if (status != LYRNN_OK)
        lyrnn_prompt_free(prompt);
    return status;
}

lyrnn_status lyrnn_prompt_from_ids(lyrnn_prompt *prompt, const int32_t *ids, size_t prefix_length,
                                   size_t length)
{
    LYRNN_TRY(make_room(prompt, prefix_length, length));
    memcpy(prompt->ids, ids, prefix_length * sizeof *ids);
    return LYRNN_OK;
}

void lyrnn_prompt_free(lyrnn_prompt *prompt)
{
    free(prompt->ids);
    memset(prompt, 0, sizeof *prompt);
}

lyrnn_status lyrnn_generator_init(lyrnn_generator *generator, const lyrnn_model *model,
                                  size_t max_length)
{
    memset(generator, 0, sizeof *generator);
    generator->model = model;
    generator->max_length = max_length;
    LYRNN_TRY(lyrnn_activations_init(&generator->activations, model, 1, 1, false));
    lyrnn_backend *backend = model->backend;
    void *memory;
    if (backend->memory_alloc(backend, max_length * sizeof(int32_t), &memory) != LYRNN_OK) {
        lyrnn_generator_free(generator);
        return lyrnn_fail(LYRNN_ERR_MEMORY, "%s for the text; lower its length",
                          lyrnn_error_text());
    }
    generator->tokens = (int32_t *)memory;
    return LYRNN_OK;
}

void lyrnn_generator_free(lyrnn_generator *generator)
{
    if (generator->model != NULL)
        generator->model->backend->memory_free(generator->model->backend, generator->tokens);
    lyrnn_activations_free(&generator->activations);
    memset(generator, 0, sizeof *generator);
}

void lyrnn_generate(lyrnn_generator *generator, lyrnn_prompt *prompt)
{
    const lyrnn_model *model = generator->model;
    lyrnn_backend *backend = model->backend;
    lyrnn_activations *a = &generator->activations;
    size_t total = prompt->prefix_length + prompt->length;
    LYRNN_CHECK(prompt->prefix_length >= 1 && total <= generator->max_length);

    backend->upload(backend, generator->tokens, prompt->ids,
                    prompt->prefix_length * sizeof(int32_t));
    lyrnn_activations_reset_state(a);
    for (size_t i = 0; i + 1 < total; i++) {
        backend->copy_rows(backend, a->inputs, sizeof(int32_t), generator->tokens + i,
                           sizeof(int32_t), sizeof(int32_t), 1);
        lyrnn_model_forward(model, a);
        if (i + 1 >= prompt->prefix_length) {
            lyrnn_sample_token_args choice = {
                .B = 1,
                .V = model->config.input_size,
                .logits = a->logits,
                .tokens = generator->tokens + i + 1,
            };
            backend->sample_token(backend, &choice);
        }
        lyrnn_activations_carry_state(a);
    }
    backend->download(backend, prompt->ids, generator->tokens, total * sizeof(int32_t));
}
