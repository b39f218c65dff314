/* See sample_check.h. */
#include "sample_check.h"

#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"

static const int32_t *place_ids(op_check *check, const int32_t *ids, size_t count)
{
    return ids == NULL ? NULL : op_check_input(check, ids, count * sizeof *ids);
}

int32_t *sample_seen(op_check *check, const lyrnn_sample_token_args *host)
{
    if (host->sampler.repeat_penalty == 1.0f)
        return NULL;
    int32_t *seen = op_check_ids(check, host->B * host->V, 1, 1);
    for (int b = 0; b < host->B; b++)
        for (int i = 0; i < (int)host->cursor->position; i++)
            seen[b * host->V + host->texts[b * host->max_length + i]] = i + 1;
    return seen;
}

lyrnn_sample_token_args sample_place(op_check *check, const lyrnn_sample_token_args *host)
{
    lyrnn_sample_token_args device = *host;
    size_t B = (size_t)host->B;
    device.cursor = op_check_in_out(check, host->cursor, sizeof *host->cursor);
    device.logits_stride = host->V + 3;
    device.logits = op_check_in_out_rows(check, NULL, host->B, host->V, device.logits_stride);
    device.texts =
        op_check_in_out(check, host->texts, B * (size_t)host->max_length * sizeof(int32_t));
    device.states = op_check_in_out(check, host->states, B * sizeof *host->states);
    int32_t *seen = sample_seen(check, host);
    device.seen = NULL;
    if (seen != NULL)
        device.seen = op_check_in_out(check, seen, B * (size_t)host->V * sizeof *seen);
    device.tokens = op_check_output(check, B * sizeof(int32_t));
    device.lines.acrostic =
        place_ids(check, host->lines.acrostic, (size_t)host->lines.num_acrostic);
    const lyrnn_device_line_rules *lines = &host->lines;
    device.lines.classes = place_ids(check, lines->classes, (size_t)host->V);
    size_t num_steps = (size_t)lines->num_classes;
    for (size_t i = 0; i < num_steps; i++)
        if (((size_t)lines->steps[i] / 2 + 1) * (size_t)lines->num_classes > num_steps)
            num_steps = ((size_t)lines->steps[i] / 2 + 1) * (size_t)lines->num_classes;
    device.lines.steps = place_ids(check, lines->steps, num_steps);
    device.copies.ids = place_ids(check, host->copies.ids, host->copies.N);
    device.copies.suffixes = place_ids(check, host->copies.suffixes, host->copies.N);
    return device;
}

void sample_upload_logits(op_check *check, const lyrnn_sample_token_args *device,
                          const float *logits)
{
    for (size_t b = 0; b < (size_t)device->B; b++)
        check->backend.upload(&check->backend, device->logits + b * (size_t)device->logits_stride,
                              logits + b * (size_t)device->V, (size_t)device->V * sizeof *logits);
}

int32_t *sample_step(op_check *check, const lyrnn_sample_token_args *device, const float *logits)
{
    lyrnn_backend *backend = &check->backend;
    lyrnn_text_cursor expected, after;
    size_t B = (size_t)device->B;
    backend->download(backend, &expected, device->cursor, sizeof expected);
    expected.position++;
    sample_upload_logits(check, device, logits);
    backend->sample_token(backend, device);
    backend->download(backend, &after, device->cursor, sizeof after);
    assert_memory_equal(&after, &expected, sizeof after);
    assert_true(op_check_intact(check));
    int32_t *tokens = op_check_ids(check, device->B, 1, 1);
    backend->download(backend, tokens, device->tokens, B * sizeof *tokens);
    return tokens;
}

int32_t *sample_texts(op_check *check, const lyrnn_sample_token_args *device)
{
    int32_t *texts = op_check_ids(check, device->B * device->max_length, 1, 1);
    check->backend.download(&check->backend, texts, device->texts,
                            (size_t)device->B * (size_t)device->max_length * sizeof *texts);
    return texts;
}

lyrnn_text_state *sample_states(op_check *check, const lyrnn_sample_token_args *device)
{
    lyrnn_text_state *states = sample_new_states(check, device->B, 0);
    check->backend.download(&check->backend, states, device->states,
                            (size_t)device->B * sizeof *states);
    return states;
}

int32_t *sample_random_texts(op_check *check, int B, int max_length, int V, uint64_t seed)
{
    return op_check_ids(check, B * max_length, V, seed);
}

lyrnn_text_state *sample_new_states(op_check *check, int B, int length)
{
    _Static_assert(sizeof(lyrnn_text_state) == 5 * sizeof(int32_t), "a state is five integers");
    lyrnn_text_state *states = (lyrnn_text_state *)(void *)op_check_ids(check, 5 * B, 1, 1);
    for (int b = 0; b < B; b++)
        states[b] = (lyrnn_text_state){.column = length, .length = length};
    return states;
}

double sample_uniform(const lyrnn_sample_token_args *args, int b, int place)
{
    uint64_t purpose = LYRNN_PURPOSE_SAMPLE + args->cursor->first_sample + (uint64_t)b;
    return (double)lyrnn_philox_uniform(args->sampler.seed, purpose, (uint64_t)place);
}

bool is_simulated(void)
{
    return getenv("LYRNN_SIM_SEED") != NULL;
}
