/* The generation loop (lyrnn/generate.h). One step on the device generates one character of every
 * text: the model reads the latest character, and sample_token writes the next one. At a place
 * inside the prefix, sample_token writes the character of the prefix. The host queues steps, and
 * every few characters it downloads what is new and reports it to the listener. */
#include "lyrnn/generate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "model/device_memory.h"

enum { BATCH_MAX = 256 };

lyrnn_generate_options lyrnn_greedy_options(void)
{
    return (lyrnn_generate_options){
        .sampler = {.repeat_penalty = 1.0f, .top_p = 1.0f},
        .lines = {.newline = -1},
        .num_samples = 1,
        .poll_every = 32,
    };
}

const char *lyrnn_sample_end_name(lyrnn_sample_end end)
{
    static const char *const names[] = {"length", "lines", "stop", "stuck"};
    return names[end];
}

/* Characters of the corpus that the device holds for the copy guard. */
static size_t num_guarded(const lyrnn_copy_guard *copies)
{
    return copies->length > 0 ? copies->corpus->N : 0;
}

static bool has_penalty(const lyrnn_sampler *sampler)
{
    return sampler->repeat_penalty != 1.0f && sampler->repeat_last_n > 0;
}

static size_t num_steps(const lyrnn_clusters *clusters)
{
    return (size_t)clusters->num_states * (size_t)clusters->num_classes;
}

static void lay_out_generator(lyrnn_generator *g, int V, lyrnn_arena *arena)
{
    size_t B = (size_t)g->B, N = num_guarded(&g->options.copies);
    g->cursor = (lyrnn_text_cursor *)lyrnn_arena_take(arena, 1, sizeof *g->cursor);
    g->states = (lyrnn_text_state *)lyrnn_arena_take(arena, B, sizeof *g->states);
    g->texts = (int32_t *)lyrnn_arena_take(arena, B * g->max_length, sizeof *g->texts);
    if (has_penalty(&g->options.sampler))
        g->seen = (int32_t *)lyrnn_arena_take(arena, B * (size_t)V, sizeof *g->seen);
    g->news =
        (int32_t *)lyrnn_arena_take(arena, B * (size_t)g->options.poll_every, sizeof *g->news);
    g->acrostic = (int32_t *)lyrnn_arena_take(arena, (size_t)g->options.lines.num_acrostic,
                                              sizeof *g->acrostic);
    const lyrnn_clusters *clusters = g->options.lines.clusters;
    if (clusters != NULL) {
        g->classes = (int32_t *)lyrnn_arena_take(arena, (size_t)clusters->V, sizeof *g->classes);
        g->steps = (int32_t *)lyrnn_arena_take(arena, num_steps(clusters), sizeof *g->steps);
    }
    g->corpus = (int32_t *)lyrnn_arena_take(arena, N, sizeof *g->corpus);
    g->suffixes = (int32_t *)lyrnn_arena_take(arena, N, sizeof *g->suffixes);
}

/* Number of samples per batch, for as few batches of equal size as possible. */
static int batch_size(size_t num_samples)
{
    size_t num_batches = (num_samples + BATCH_MAX - 1) / BATCH_MAX;
    return (int)((num_samples + num_batches - 1) / num_batches);
}

size_t lyrnn_generator_bytes(const lyrnn_backend *backend, const lyrnn_rnn_config *config,
                             const lyrnn_generate_options *options, size_t max_length)
{
    lyrnn_generator g = {
        .options = *options, .B = batch_size(options->num_samples), .max_length = max_length};
    lyrnn_arena arena = {NULL, 0};
    lyrnn_parameters parameters;
    lay_out_generator(&g, config->input_size, &arena);
    lyrnn_parameters_of_model(&parameters, config);
    return arena.num_bytes + lyrnn_activations_bytes(backend, config, 1, g.B, false) +
           lyrnn_packed_model_bytes(&parameters);
}

static lyrnn_status allocate_generator(lyrnn_generator *g)
{
    lyrnn_backend *backend = g->model->backend;
    lyrnn_arena arena = {NULL, 0};
    size_t B = (size_t)g->B;
    lay_out_generator(g, g->model->config.input_size, &arena);
    size_t num_bytes = arena.num_bytes;
    char purpose[80];
    snprintf(purpose, sizeof purpose, "%d texts of %zu characters in parallel", g->B,
             g->max_length);
    LYRNN_TRY(lyrnn_device_alloc(backend, num_bytes, purpose, "lower --num-samples or --length",
                                 &g->memory));
    arena = (lyrnn_arena){(char *)g->memory, 0};
    lay_out_generator(g, g->model->config.input_size, &arena);
    g->states_host = (lyrnn_text_state *)malloc(B * sizeof *g->states_host);
    g->texts_host = (int32_t *)malloc(B * g->max_length * sizeof *g->texts_host);
    g->news_host = (int32_t *)malloc(B * (size_t)g->options.poll_every * sizeof *g->news_host);
    if (g->states_host == NULL || g->texts_host == NULL || g->news_host == NULL)
        return lyrnn_out_of_memory("generated texts", num_bytes, "lower --num-samples or --length");
    return LYRNN_OK;
}

/* Copies the host's line rules and copy guard to the device and makes the device views. */
static void upload_rules(lyrnn_generator *g)
{
    lyrnn_backend *backend = g->model->backend;
    lyrnn_line_rules *lines = &g->options.lines;
    lyrnn_copy_guard *copies = &g->options.copies;
    size_t N = num_guarded(copies);
    if (lines->num_acrostic > 0)
        backend->upload(backend, g->acrostic, lines->acrostic,
                        (size_t)lines->num_acrostic * sizeof(int32_t));
    if (lines->clusters != NULL) {
        backend->upload(backend, g->classes, lines->clusters->classes,
                        (size_t)lines->clusters->V * sizeof(int32_t));
        backend->upload(backend, g->steps, lines->clusters->steps,
                        num_steps(lines->clusters) * sizeof(int32_t));
    }
    if (N > 0) {
        backend->upload(backend, g->corpus, copies->corpus->ids, N * sizeof(int32_t));
        backend->upload(backend, g->suffixes, copies->corpus->suffixes, N * sizeof(int32_t));
    }
    g->lines = (lyrnn_device_line_rules){
        .newline = lines->newline,
        .min_line = lines->min_line,
        .max_line = lines->max_line,
        .num_lines = lines->num_lines,
        .num_acrostic = lines->num_acrostic,
        .acrostic = g->acrostic,
        .num_classes = lines->clusters != NULL ? lines->clusters->num_classes : 0,
        .classes = g->classes,
        .steps = g->steps,
    };
    g->copies = (lyrnn_device_copy_guard){
        .length = copies->length,
        .N = N,
        .ids = g->corpus,
        .suffixes = g->suffixes,
    };
    lines->acrostic = NULL;
    lines->clusters = NULL;
    copies->corpus = NULL;
}

static lyrnn_status make_buffers(lyrnn_generator *g)
{
    if (g->max_length > INT_MAX)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--length: a text of %zu characters, prefix included, is too long; use "
                          "at most %d",
                          g->max_length, INT_MAX);
    LYRNN_TRY(lyrnn_activations_init(&g->activations, g->model, 1, g->B, false));
    LYRNN_TRY(lyrnn_packed_model_init(&g->packed, g->model));
    LYRNN_TRY(allocate_generator(g));
    upload_rules(g);
    return LYRNN_OK;
}

lyrnn_status lyrnn_generator_init(lyrnn_generator *generator, const lyrnn_model *model,
                                  const lyrnn_generate_options *options, size_t max_length)
{
    LYRNN_CHECK(options->num_samples >= 1 && options->poll_every >= 1);
    *generator = (lyrnn_generator){
        .model = model,
        .options = *options,
        .B = batch_size(options->num_samples),
        .max_length = max_length,
    };
    lyrnn_status status = make_buffers(generator);
    if (status != LYRNN_OK)
        lyrnn_generator_free(generator);
    return status;
}

void lyrnn_generator_free(lyrnn_generator *generator)
{
    if (generator->model != NULL)
        generator->model->backend->memory_free(generator->model->backend, generator->memory);
    lyrnn_activations_free(&generator->activations);
    lyrnn_packed_model_free(&generator->packed);
    free(generator->states_host);
    free(generator->texts_host);
    free(generator->news_host);
    memset(generator, 0, sizeof *generator);
}

static void queue_sampling(lyrnn_generator *g)
{
    const lyrnn_sample_token_args args = {
        .B = g->B,
        .V = g->model->config.input_size,
        .logits_stride = g->activations.logits_stride,
        .max_length = (int)g->max_length,
        .sampler = g->options.sampler,
        .lines = g->lines,
        .copies = g->copies,
        .cursor = g->cursor,
        .logits = g->activations.logits,
        .texts = g->texts,
        .states = g->states,
        .seen = g->seen,
        .tokens = g->activations.inputs,
    };
    g->model->backend->sample_token(g->model->backend, &args);
}

/* One step. It is the same for all batches and prompts, so the device records it once. */
static void queue_character(void *context)
{
    lyrnn_generator *g = (lyrnn_generator *)context;
    lyrnn_packed_model_forward(&g->packed, &g->activations);
    queue_sampling(g);
    lyrnn_activations_carry_state(&g->activations);
}

/* What the host knows about a text. */
typedef struct {
    size_t length;  /* characters; final if is_over */
    size_t certain; /* characters at the front that no stop text can remove any more */
    bool is_over;
    lyrnn_sample_end end;
} text_view;

/* A batch that is being generated. */
typedef struct {
    lyrnn_generator *generator;
    const lyrnn_prompt *prompt;
    const lyrnn_listener *listener;
    uint64_t first_sample;
    size_t num;       /* requested samples; the texts of further streams are ignored */
    size_t total;     /* maximum characters of a text */
    size_t position;  /* places of the texts that the queued steps fill */
    size_t reporting; /* the sample that is being reported */
    size_t reported;  /* its characters that the listener has received */
    text_view views[BATCH_MAX];
} batch;

static int32_t *text_of(const batch *run, size_t b)
{
    return run->generator->texts_host + b * run->generator->max_length;
}

/* Starts all texts with the prompt. */
static void start_texts(batch *run)
{
    lyrnn_generator *g = run->generator;
    lyrnn_backend *backend = g->model->backend;
    size_t num_bytes = run->prompt->length * sizeof(int32_t);
    const lyrnn_text_cursor cursor = {.prefix_length = (int64_t)run->prompt->length,
                                      .first_sample = run->first_sample};
    backend->upload(backend, g->cursor, &cursor, sizeof cursor);
    backend->upload(backend, g->texts, run->prompt->ids, num_bytes);
    for (size_t b = 0; b < (size_t)g->B; b++) {
        if (b > 0)
            backend->copy_rows(backend, g->texts + b * g->max_length, num_bytes, g->texts,
                               num_bytes, num_bytes, 1);
        memcpy(text_of(run, b), run->prompt->ids, num_bytes);
        run->views[b] = (text_view){.length = run->prompt->length, .certain = run->prompt->length};
    }
    backend->zero(backend, g->states, (size_t)g->B * sizeof *g->states);
    if (g->seen != NULL)
        backend->zero(backend, g->seen,
                      (size_t)g->B * (size_t)g->model->config.input_size * sizeof *g->seen);
    lyrnn_activations_reset_state(&g->activations);
    /* Writes the first character of the prefix and does not use the logits. */
    queue_sampling(g);
    run->position = 1;
}

/* Generates up to a place of the texts and downloads the characters from place `from` on. */
static lyrnn_status generate_to(batch *run, size_t place, size_t from)
{
    lyrnn_generator *g = run->generator;
    lyrnn_backend *backend = g->model->backend;
    size_t B = (size_t)g->B, num = place - from, row_bytes = num * sizeof(int32_t);
    for (; run->position < place; run->position++) {
        backend->run_step(backend, queue_character, g);
        if (run->position % (size_t)g->options.poll_every == 0 && run->listener->poll != NULL)
            LYRNN_TRY(run->listener->poll(run->listener->context));
    }
    if (num == 0)
        return LYRNN_OK;
    backend->copy_rows(backend, g->news, row_bytes, g->texts + from,
                       g->max_length * sizeof(int32_t), row_bytes, B);
    backend->download(backend, g->news_host, g->news, B * row_bytes);
    backend->download(backend, g->states_host, g->states, B * sizeof *g->states);
    for (size_t b = 0; b < B; b++)
        memcpy(text_of(run, b) + from, g->news_host + b * num, row_bytes);
    return LYRNN_OK;
}

/* Returns the first place from `from` on where the text contains the stop text, or length if there
 * is none. */
static size_t find_stop(const lyrnn_generate_options *options, const int32_t *text, size_t length,
                        size_t from)
{
    size_t num = options->num_stop;
    for (size_t i = from; num > 0 && i + num <= length; i++)
        if (memcmp(text + i, options->stop, num * sizeof *text) == 0)
            return i;
    return length;
}

/* Updates what the host knows about text b. */
static void view_text(batch *run, size_t b)
{
    const lyrnn_generate_options *options = &run->generator->options;
    const lyrnn_text_state *state = &run->generator->states_host[b];
    text_view *view = &run->views[b];
    size_t length = (size_t)state->length, prefix = run->prompt->length,
           num_stop = options->num_stop;
    size_t stop = find_stop(options, text_of(run, b), length, view->certain);
    view->length = stop;
    view->is_over = true;
    if (stop < length)
        view->end = LYRNN_END_STOP;
    else if (state->end == LYRNN_TEXT_ENDED)
        view->end = LYRNN_END_LINES;
    else if (state->end == LYRNN_TEXT_STUCK)
        view->end = LYRNN_END_STUCK;
    else if (length == run->total)
        view->end = LYRNN_END_LENGTH;
    else
        view->is_over = false;
    view->certain = stop;
    /* The last characters may be the beginning of a stop text. */
    if (!view->is_over && num_stop > 1)
        view->certain = length >= prefix + num_stop - 1 ? length - (num_stop - 1) : prefix;
}

/* Reports to the listener what is new and certain, one sample after the other. */
static lyrnn_status report_news(batch *run)
{
    const lyrnn_listener *listener = run->listener;
    uint64_t first = run->first_sample;
    for (; run->reporting < run->num; run->reporting++, run->reported = 0) {
        const text_view *view = &run->views[run->reporting];
        const int32_t *text = text_of(run, run->reporting);
        for (; run->reported < view->certain; run->reported++)
            if (listener->character != NULL)
                LYRNN_TRY(listener->character(listener->context, first + run->reporting,
                                              text[run->reported]));
        if (!view->is_over)
            break;
        const lyrnn_sample sample = {.number = first + run->reporting,
                                     .ids = text,
                                     .length = view->length,
                                     .prefix_length = run->prompt->length,
                                     .end = view->end};
        if (listener->sample != NULL)
            LYRNN_TRY(listener->sample(listener->context, &sample));
    }
    return LYRNN_OK;
}

static lyrnn_status run_batch(batch *run)
{
    size_t poll_every = (size_t)run->generator->options.poll_every, prefix = run->prompt->length;
    start_texts(run);
    LYRNN_TRY(generate_to(run, prefix, prefix));
    for (size_t b = 0; b < run->num; b++) {
        run->views[b].is_over = run->total == prefix;
        run->views[b].end = LYRNN_END_LENGTH;
    }
    LYRNN_TRY(report_news(run));
    while (run->reporting < run->num) {
        size_t from = run->position, left = run->total - from;
        LYRNN_TRY(generate_to(run, from + (left < poll_every ? left : poll_every), from));
        for (size_t b = 0; b < run->num; b++)
            if (!run->views[b].is_over)
                view_text(run, b);
        LYRNN_TRY(report_news(run));
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_generate(lyrnn_generator *generator, const lyrnn_prompt *prompt, size_t length,
                            const lyrnn_listener *listener)
{
    size_t B = (size_t)generator->B, num_samples = generator->options.num_samples;
    LYRNN_CHECK(prompt->length >= 1 && prompt->length + length <= generator->max_length);
    lyrnn_packed_model_update(&generator->packed);
    for (size_t done = 0; done < num_samples; done += B) {
        batch run = {
            .generator = generator,
            .prompt = prompt,
            .listener = listener,
            .first_sample = generator->options.first_sample + done,
            .num = num_samples - done < B ? num_samples - done : B,
            .total = prompt->length + length,
        };
        LYRNN_TRY(run_batch(&run));
    }
    return LYRNN_OK;
}
