/* Greedy generation, the article's predict_rnn_pytorch: the prefix is fed character by character to warm
 * the state up, then each prediction is fed back. Nothing returns to the host before the text is whole. */
#include "lyrnn/generate.h"

#include <string.h>

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

void lyrnn_generate(lyrnn_generator *generator, int32_t *text, size_t prefix_length, size_t length)
{
    const lyrnn_model *model = generator->model;
    lyrnn_backend *backend = model->backend;
    lyrnn_activations *a = &generator->activations;
    size_t total = prefix_length + length;
    LYRNN_CHECK(prefix_length >= 1 && total <= generator->max_length);

    backend->upload(backend, generator->tokens, text, prefix_length * sizeof(int32_t));
    lyrnn_activations_reset_state(a, model);
    for (size_t i = 0; i + 1 < total; i++) {
        backend->copy(backend, a->inputs, generator->tokens + i, sizeof(int32_t));
        lyrnn_model_forward(model, a);
        if (i + 1 >= prefix_length) {
            lyrnn_sample_token_args choice = {
                .B = 1,
                .V = model->config.input_size,
                .logits = a->logits,
                .tokens = generator->tokens + i + 1,
            };
            backend->sample_token(backend, &choice);
        }
        lyrnn_activations_carry_state(a, model);
    }
    backend->download(backend, text, generator->tokens, total * sizeof(int32_t));
}
