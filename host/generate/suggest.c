/* Candidates are sampled in rounds until there are enough different lines (generate/suggest.h). The
 * number of candidates per round depends only on the number of lines, so that a seed always gives
 * the same lines. A model that knows its text by heart needs a higher temperature for other
 * lines. */
#include "generate/suggest.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "lyrnn/score.h"

enum { EACH = 8, ROUND_MIN = 64, NUM_ROUNDS = 8 };

/* A sampled line. */
typedef struct {
    uint64_t number; /* of the sample */
    bool is_prompt;  /* a line of the prompt, which is no candidate but must not be repeated */
    int32_t *ids;    /* (num)  the line as sampled; owned, NULL for a line of the prompt */
    size_t num;
    const int32_t *line; /* (length)  without white space at its ends */
    size_t length;
    double score;
} candidate;

typedef struct {
    const lyrnn_suggest_args *args;
    candidate *candidates; /* (num) */
    size_t num, capacity;
} candidates;

static lyrnn_status suggest_out_of_memory(size_t num_bytes)
{
    return lyrnn_out_of_memory("--suggest", num_bytes, "ask for fewer lines");
}

static bool is_space(const lyrnn_vocab *vocab, int32_t id)
{
    uint32_t c = vocab->chars[id];
    return c == '\t' || utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ZS;
}

static void trim(const lyrnn_vocab *vocab, candidate *c, const int32_t *ids, size_t num)
{
    while (num > 0 && is_space(vocab, ids[num - 1]))
        num--;
    for (; num > 0 && is_space(vocab, ids[0]); num--)
        ids++;
    c->line = ids;
    c->length = num;
}

static lyrnn_status add_candidate(candidates *all, const candidate *c)
{
    if (all->num == all->capacity) {
        size_t capacity = all->capacity > 0 ? 2 * all->capacity : 256;
        candidate *grown = realloc(all->candidates, capacity * sizeof *grown);
        if (grown == NULL)
            return suggest_out_of_memory(capacity * sizeof *grown);
        all->candidates = grown;
        all->capacity = capacity;
    }
    all->candidates[all->num++] = *c;
    return LYRNN_OK;
}

/* The lines of the prompt are candidates that no other may repeat. */
static lyrnn_status add_prompt_lines(candidates *all)
{
    const lyrnn_prompt *prompt = all->args->prompt;
    int32_t newline = all->args->options->lines.newline;
    size_t first = 0;
    for (size_t i = 0; i < prompt->length; i++) {
        if (prompt->ids[i] != newline)
            continue;
        candidate c = {.is_prompt = true};
        trim(all->args->vocab, &c, prompt->ids + first, i - first);
        LYRNN_TRY(add_candidate(all, &c));
        first = i + 1;
    }
    return LYRNN_OK;
}

/* Keeps a line that ended and is not empty. */
static lyrnn_status take_sample(void *context, const lyrnn_sample *sample)
{
    candidates *all = context;
    size_t num = sample->length - sample->prefix_length;
    if (sample->end != LYRNN_END_LINES || num == 0)
        return LYRNN_OK;
    candidate c = {.number = sample->number, .num = num};
    c.ids = malloc(num * sizeof *c.ids);
    if (c.ids == NULL)
        return suggest_out_of_memory(num * sizeof *c.ids);
    memcpy(c.ids, sample->ids + sample->prefix_length, num * sizeof *c.ids);
    trim(all->args->vocab, &c, c.ids, num);
    /* The list owns c.ids then. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    lyrnn_status status = c.length > 0 ? add_candidate(all, &c) : LYRNN_OK;
    if (c.length == 0 || status != LYRNN_OK)
        free(c.ids);
    return status;
}

static int compare_lines(const candidate *a, const candidate *b)
{
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return memcmp(a->line, b->line, a->length * sizeof *a->line);
}

/* Equal lines come together, the one to keep first. */
static int compare_to_keep(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    int order = compare_lines(a, b);
    if (order != 0)
        return order;
    if (a->is_prompt != b->is_prompt)
        return a->is_prompt ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* Drops each line that repeats another. Returns the number of lines that are left and that the
 * prompt does not have. */
static size_t drop_repeats(candidates *all)
{
    size_t num = 0, num_new = 0;
    if (all->num > 0)
        qsort(all->candidates, all->num, sizeof *all->candidates, compare_to_keep);
    for (size_t i = 0; i < all->num; i++) {
        candidate *c = &all->candidates[i];
        if (num > 0 && compare_lines(&all->candidates[num - 1], c) == 0) {
            free(c->ids);
            continue;
        }
        num_new += !c->is_prompt;
        all->candidates[num++] = *c;
    }
    all->num = num;
    return num_new;
}

static void drop_prompt_lines(candidates *all)
{
    size_t num = 0;
    for (size_t i = 0; i < all->num; i++)
        if (!all->candidates[i].is_prompt)
            all->candidates[num++] = all->candidates[i];
    all->num = num;
}

static lyrnn_status sample_round(candidates *all, const lyrnn_generate_options *options)
{
    const lyrnn_suggest_args *args = all->args;
    const lyrnn_listener listener = {.sample = take_sample, .context = all};
    lyrnn_generator generator;
    LYRNN_TRY(lyrnn_generator_init(&generator, args->model, options,
                                   args->prompt->length + args->length));
    lyrnn_status status = lyrnn_generate(&generator, args->prompt, args->length, &listener);
    lyrnn_generator_free(&generator);
    return status;
}

static lyrnn_status sample_lines(candidates *all, size_t *num_sampled)
{
    const lyrnn_suggest_args *args = all->args;
    lyrnn_generate_options options = *args->options;
    size_t each = EACH * args->num_lines, num_new = 0;
    options.num_samples = each > ROUND_MIN ? each : ROUND_MIN;
    options.lines.num_lines = 1;
    for (size_t i = 0; i < args->prompt->length; i++)
        options.lines.num_lines += args->prompt->ids[i] == options.lines.newline;
    for (int i = 0; i < NUM_ROUNDS && num_new < args->num_lines; i++) {
        LYRNN_TRY(sample_round(all, &options));
        options.first_sample += options.num_samples;
        *num_sampled += options.num_samples;
        if (args->warms_up)
            options.sampler.temperature += args->options->sampler.temperature / 2;
        num_new = drop_repeats(all);
    }
    return LYRNN_OK;
}

/* Scores the prompt with each line, and the prompt itself, which is the last text. */
static lyrnn_status score_texts(candidates *all, lyrnn_scored_text *texts, int32_t *ids)
{
    const lyrnn_prompt *prompt = all->args->prompt;
    size_t bytes = prompt->length * sizeof *ids;
    for (size_t i = 0; i < all->num; i++) {
        const candidate *c = &all->candidates[i];
        texts[i] = (lyrnn_scored_text){.ids = ids, .N = prompt->length + c->num + 1};
        memcpy(ids, prompt->ids, bytes);
        memcpy(ids + prompt->length, c->ids, c->num * sizeof *ids);
        ids[texts[i].N - 1] = all->args->options->lines.newline;
        ids += texts[i].N;
    }
    texts[all->num] = (lyrnn_scored_text){.ids = prompt->ids, .N = prompt->length};
    LYRNN_TRY(lyrnn_score(all->args->model, LYRNN_SCORE_STEPS, LYRNN_SCORE_STREAMS, texts,
                          all->num + 1, NULL));
    for (size_t i = 0; i < all->num; i++)
        all->candidates[i].score =
            (texts[all->num].nats - texts[i].nats) / (double)(all->candidates[i].num + 1);
    return LYRNN_OK;
}

static lyrnn_status score_candidates(candidates *all)
{
    size_t num_ids = 0;
    for (size_t i = 0; i < all->num; i++)
        num_ids += all->args->prompt->length + all->candidates[i].num + 1;
    lyrnn_scored_text *texts = malloc((all->num + 1) * sizeof *texts);
    int32_t *ids = malloc((num_ids + 1) * sizeof *ids);
    lyrnn_status status = texts != NULL && ids != NULL
                              ? score_texts(all, texts, ids)
                              : suggest_out_of_memory(num_ids * sizeof *ids);
    free(texts);
    free(ids);
    return status;
}

static int compare_scores(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static lyrnn_status report_best(const candidates *all,
                                lyrnn_status (*suggest)(void *context, const lyrnn_suggestion *),
                                void *context, size_t num)
{
    const lyrnn_prompt *prompt = all->args->prompt;
    int32_t *ids = malloc((prompt->length + all->args->length) * sizeof *ids);
    if (ids == NULL)
        return suggest_out_of_memory((prompt->length + all->args->length) * sizeof *ids);
    memcpy(ids, prompt->ids, prompt->length * sizeof *ids);
    lyrnn_status status = LYRNN_OK;
    for (size_t i = 0; i < num && status == LYRNN_OK; i++) {
        const candidate *c = &all->candidates[i];
        memcpy(ids + prompt->length, c->ids, c->num * sizeof *ids);
        const lyrnn_suggestion suggestion = {
            .sample = {.number = c->number,
                       .ids = ids,
                       .length = prompt->length + c->num,
                       .prefix_length = prompt->length,
                       .end = LYRNN_END_LINES},
            .line = c->line,
            .length = c->length,
            .score = c->score,
        };
        status = suggest(context, &suggestion);
    }
    free(ids);
    return status;
}

lyrnn_status lyrnn_suggest(const lyrnn_suggest_args *args,
                           lyrnn_status (*suggest)(void *context, const lyrnn_suggestion *),
                           void *context, size_t *num_suggested, size_t *num_sampled)
{
    candidates all = {.args = args};
    *num_suggested = *num_sampled = 0;
    lyrnn_status status = add_prompt_lines(&all);
    if (status == LYRNN_OK)
        status = sample_lines(&all, num_sampled);
    drop_prompt_lines(&all);
    if (status == LYRNN_OK && all.num > 0)
        status = score_candidates(&all);
    if (status == LYRNN_OK && all.num > 0) {
        qsort(all.candidates, all.num, sizeof *all.candidates, compare_scores);
        *num_suggested = all.num < args->num_lines ? all.num : args->num_lines;
        status = report_best(&all, suggest, context, *num_suggested);
    }
    for (size_t i = 0; i < all.num; i++)
        free(all.candidates[i].ids);
    free(all.candidates);
    return status;
}
