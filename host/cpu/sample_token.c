/* The next character of each text. It is the prefix's own, or the samplers choose one that the line
 * rules and the copy guard allow. Texts do not depend on each other. */
#include "cpu/cpu.h"

#include <math.h>
#include <stdbool.h>

#include "cpu/sampler.h"
#include "lyrnn/philox.h"

static void forbid_all_but(int32_t id, int V, float *logits)
{
    float kept = logits[id];
    for (int v = 0; v < V; v++)
        logits[v] = -INFINITY;
    logits[id] = kept;
}

/* What the character id does in this state: twice the next state of the table of clusters, plus 1
 * if it begins a cluster. */
static int32_t cluster_step(const lyrnn_device_line_rules *rules, const lyrnn_text_state *state,
                            int32_t id)
{
    return rules->classes == NULL
               ? 1
               : rules->steps[state->cluster * rules->num_classes + rules->classes[id]];
}

/* A full line may end, or its last cluster may continue. */
static void forbid_new_clusters(const lyrnn_device_line_rules *rules, const lyrnn_text_state *state,
                                int V, float *logits)
{
    for (int v = 0; v < V; v++)
        if (v != rules->newline && cluster_step(rules, state, v) % 2 == 1)
            logits[v] = -INFINITY;
}

static void apply_line_rules(const lyrnn_device_line_rules *rules, const lyrnn_text_state *state,
                             int V, float *logits)
{
    if (rules->newline < 0)
        return;
    if (state->column < rules->min_line)
        logits[rules->newline] = -INFINITY;
    if (rules->max_line > 0 && state->column >= rules->max_line)
        forbid_new_clusters(rules, state, V, logits);
    if (state->column == 0 && state->line < rules->num_acrostic)
        forbid_all_but(rules->acrostic[state->line], V, logits);
}

/* Whether a newline would end the text. */
static bool is_last_line(const lyrnn_device_line_rules *rules, const lyrnn_text_state *state)
{
    return rules->newline >= 0 && rules->num_lines > 0 && state->line + 1 >= rules->num_lines;
}

/* Negative: the suffix at `from` comes before the pattern. 0: it begins with it. Positive: after
 * it. */
static int compare_guarded_suffix(const lyrnn_device_copy_guard *guard, size_t from,
                                  const int32_t *pattern)
{
    for (size_t i = 0; i < (size_t)guard->length; i++) {
        if (from + i == guard->N || guard->ids[from + i] < pattern[i])
            return -1;
        if (guard->ids[from + i] > pattern[i])
            return 1;
    }
    return 0;
}

/* How many suffixes come before the pattern; equals_too: or begin with it. */
static size_t count_before(const lyrnn_device_copy_guard *guard, const int32_t *pattern,
                           bool equals_too)
{
    size_t low = 0, high = guard->N;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_guarded_suffix(guard, (size_t)guard->suffixes[middle], pattern);
        if (order < 0 || (order == 0 && equals_too))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Forbids each character that follows the text's last ones anywhere in the corpus, except
 * `spared`. */
static void apply_copy_guard(const lyrnn_device_copy_guard *guard, const int32_t *text, int length,
                             int32_t spared, float *logits)
{
    if (guard->length == 0 || length < guard->length)
        return;
    const int32_t *pattern = text + length - guard->length;
    size_t end = count_before(guard, pattern, true);
    for (size_t i = count_before(guard, pattern, false); i < end; i++) {
        size_t next = (size_t)guard->suffixes[i] + (size_t)guard->length;
        if (next < guard->N && guard->ids[next] >= 0 && guard->ids[next] != spared)
            logits[guard->ids[next]] = -INFINITY;
    }
}

/* The chosen id; -1 where none is allowed. */
static int32_t choose_allowed(const lyrnn_sample_token_args *args, int b, int place)
{
    const int32_t *text = args->texts + (size_t)b * (size_t)args->max_length;
    const lyrnn_text_state *state = &args->states[b];
    float *logits = args->logits + (size_t)b * (size_t)args->logits_stride;
    apply_line_rules(&args->lines, state, args->V, logits);
    /* A newline that ends the text is not written, so it copies nothing. */
    int32_t spared = is_last_line(&args->lines, state) ? args->lines.newline : -1;
    apply_copy_guard(&args->copies, text, place, spared, logits);
    if (args->seen != NULL)
        lyrnn_cpu_penalize(&args->sampler, args->seen + (size_t)b * (size_t)args->V, place, args->V,
                           logits);
    float u = lyrnn_philox_uniform(args->sampler.seed,
                                   LYRNN_PURPOSE_SAMPLE + args->cursor->first_sample + (uint64_t)b,
                                   (uint64_t)place);
    return lyrnn_cpu_choose(&args->sampler, args->V, logits, u);
}

/* Appends the character at the cursor to one text and returns it; 0: none is written. */
static int32_t step_text(const lyrnn_sample_token_args *args, int b)
{
    int64_t place = args->cursor->position;
    lyrnn_text_state *state = &args->states[b];
    int32_t *text = args->texts + (size_t)b * (size_t)args->max_length;
    if (state->end != LYRNN_TEXT_RUNNING || place >= args->max_length)
        return 0;
    bool is_forced = place < args->cursor->prefix_length;
    int32_t token = is_forced ? text[place] : choose_allowed(args, b, (int)place);
    bool is_newline = args->lines.newline >= 0 && token == args->lines.newline;
    if (token < 0) {
        state->end = LYRNN_TEXT_STUCK;
        return 0;
    }
    if (!is_forced && is_newline && is_last_line(&args->lines, state)) {
        state->end = LYRNN_TEXT_ENDED;
        return 0;
    }
    text[place] = token;
    if (args->seen != NULL)
        args->seen[(size_t)b * (size_t)args->V + (size_t)token] = (int32_t)place + 1;
    state->line += is_newline;
    int32_t step = is_newline ? 0 : cluster_step(&args->lines, state, token);
    state->column = is_newline ? 0 : state->column + step % 2;
    state->cluster = step / 2;
    state->length = (int32_t)place + 1;
    return token;
}

static void step_texts(const void *sample_args, int first, int end)
{
    const lyrnn_sample_token_args *args = (const lyrnn_sample_token_args *)sample_args;
    for (int b = first; b < end; b++)
        args->tokens[b] = step_text(args, b);
}

void lyrnn_cpu_sample_token(lyrnn_backend *self, const lyrnn_sample_token_args *args)
{
    (void)self;
    bool is_large = (size_t)args->B * (size_t)args->V > LYRNN_CPU_SERIAL_MAX;
    lyrnn_cpu_share(args, args->B, is_large, step_texts);
    args->cursor->position++;
}
