/* Beam search (lyrnn/beam.h). The model runs on the device, one beam per stream. After each
 * character the logits come to the host, which ranks the continuations of all beams together;
 * then the states return to the device in the order of the beams that continue them. The loop is
 * on the host because a search is one text at a time and needs the whole distribution of every
 * character. */
#include "lyrnn/beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "lyrnn/copies.h"
#include "lyrnn/line_rules.h"

/* A text that is being generated. */
typedef struct {
    int32_t *ids; /* (total) */
    lyrnn_text_state state;
    double log_probability; /* of the characters after the prompt */
} beam;

/* A character that may follow one of the beams. */
typedef struct {
    double log_probability; /* of the text with this character */
    int parent;
    int32_t id;
} candidate;

typedef struct {
    const lyrnn_model *model;
    lyrnn_packed_model packed;
    const lyrnn_generate_options *options;
    const lyrnn_prompt *prompt;
    size_t total, length; /* characters of a text: maximum, and so far */
    int num_beams, num_live, num_ended;
    lyrnn_activations activations; /* T = 1, B = num_beams */
    size_t state_count;
    float *logits;         /* as in the activations */
    float *state, *sorted; /* (2,L*D,B,H)  h, then c */
    int32_t *ids;          /* (2 B + 1,total)  the texts of live, next and best */
    int32_t *inputs;       /* (B) */
    beam *beams;           /* (2 B)  the halves are live and next, by turns */
    beam *live, *next;     /* (B) */
    candidate *candidates; /* (3 B)  best first; at most two of a beam's candidates end it */
    int num_candidates;
    beam best;
    double best_score;
    lyrnn_sample_end best_end;
} search;

static size_t num_logits(const search *s)
{
    return (size_t)s->num_beams * (size_t)s->activations.logits_stride;
}

static size_t num_bytes_of(const search *s)
{
    size_t B = (size_t)s->num_beams;
    return num_logits(s) * sizeof *s->logits + 4 * s->state_count * sizeof *s->state +
           (2 * B + 1) * s->total * sizeof *s->ids;
}

static lyrnn_status search_init(search *s)
{
    size_t B = (size_t)s->num_beams;
    LYRNN_TRY(lyrnn_activations_init(&s->activations, s->model, 1, s->num_beams, false));
    LYRNN_TRY(lyrnn_packed_model_init(&s->packed, s->model));
    s->state_count = lyrnn_state_count(&s->model->config, s->num_beams);
    s->logits = (float *)malloc(num_logits(s) * sizeof *s->logits);
    s->state = (float *)malloc(2 * s->state_count * sizeof *s->state);
    s->sorted = (float *)malloc(2 * s->state_count * sizeof *s->sorted);
    s->ids = (int32_t *)malloc((2 * B + 1) * s->total * sizeof *s->ids);
    s->inputs = (int32_t *)calloc(B, sizeof *s->inputs);
    s->beams = (beam *)calloc(2 * B, sizeof *s->beams);
    s->candidates = (candidate *)malloc(3 * B * sizeof *s->candidates);
    if (s->logits == NULL || s->state == NULL || s->sorted == NULL || s->ids == NULL ||
        s->inputs == NULL || s->beams == NULL || s->candidates == NULL)
        return lyrnn_out_of_memory("beam search", num_bytes_of(s), "lower --beam or --length");
    s->live = s->beams;
    s->next = s->beams + B;
    for (size_t i = 0; i < 2 * B; i++)
        s->beams[i].ids = s->ids + i * s->total;
    s->best.ids = s->ids + 2 * B * s->total;
    return LYRNN_OK;
}

static void search_free(search *s)
{
    lyrnn_activations_free(&s->activations);
    lyrnn_packed_model_free(&s->packed);
    free(s->logits);
    free(s->state);
    free(s->sorted);
    free(s->ids);
    free(s->inputs);
    free(s->beams);
    free(s->candidates);
}

/* The model reads one character of each beam. */
static void read_inputs(search *s)
{
    lyrnn_backend *backend = s->model->backend;
    backend->upload(backend, s->activations.inputs, s->inputs,
                    (size_t)s->num_beams * sizeof *s->inputs);
    lyrnn_packed_model_forward(&s->packed, &s->activations);
}

/* The model reads the prompt; the only live beam is the prompt. */
static void read_prompt(search *s)
{
    for (size_t i = 0; i < s->prompt->length; i++) {
        if (i > 0)
            lyrnn_activations_carry_state(&s->activations);
        for (int b = 0; b < s->num_beams; b++)
            s->inputs[b] = s->prompt->ids[i];
        read_inputs(s);
        s->live[0].ids[i] = s->prompt->ids[i];
        lyrnn_line_rules_move(&s->options->lines, &s->live[0].state, s->prompt->ids[i]);
    }
    s->length = s->prompt->length;
    s->num_live = 1;
}

/* log of the sum of exp(logits). */
static double log_sum(const float *logits, int V)
{
    float largest = logits[0];
    double sum = 0;
    for (int v = 1; v < V; v++)
        largest = logits[v] > largest ? logits[v] : largest;
    for (int v = 0; v < V; v++)
        sum += exp((double)logits[v] - (double)largest);
    return (double)largest + log(sum);
}

static bool completes_stop(const search *s, const beam *b, int32_t id)
{
    size_t num = s->options->num_stop;
    return num > 0 && s->length + 1 >= s->prompt->length + num && s->options->stop[num - 1] == id &&
           memcmp(b->ids + s->length + 1 - num, s->options->stop, (num - 1) * sizeof id) == 0;
}

static bool is_copied(const search *s, beam *b, int32_t id)
{
    const lyrnn_copy_guard *guard = &s->options->copies;
    size_t num = (size_t)guard->length;
    if (num == 0 || s->length < num || lyrnn_line_rules_end(&s->options->lines, &b->state, id))
        return false;
    b->ids[s->length] = id;
    return lyrnn_copies_has(guard->corpus, b->ids + s->length - num, num + 1);
}

/* Inserts a candidate by rank, after those that are equally likely. */
static void insert(search *s, candidate c)
{
    int i = s->num_candidates < 3 * s->num_beams ? s->num_candidates++ : s->num_candidates - 1;
    for (; i > 0 && s->candidates[i - 1].log_probability < c.log_probability; i--)
        s->candidates[i] = s->candidates[i - 1];
    s->candidates[i] = c;
}

static void rank_candidates(search *s)
{
    int V = s->model->config.input_size, most = 3 * s->num_beams;
    s->num_candidates = 0;
    for (int i = 0; i < s->num_live; i++) {
        beam *b = &s->live[i];
        const float *logits = s->logits + (size_t)i * (size_t)s->activations.logits_stride;
        double base = b->log_probability - log_sum(logits, V);
        for (int32_t v = 0; v < V; v++) {
            const candidate c = {base + (double)logits[v], i, v};
            bool ranks = s->num_candidates < most ||
                         c.log_probability > s->candidates[most - 1].log_probability;
            if (ranks && isfinite(logits[v]) &&
                lyrnn_line_rules_allow(&s->options->lines, &b->state, v) && !is_copied(s, b, v))
                insert(s, c);
        }
    }
}

/* Ends a text of `length` characters and keeps it if it is the best so far. Its score is the mean
 * over `written` characters. */
static void end_text(search *s, const beam *b, size_t length, size_t written,
                     double log_probability, lyrnn_sample_end end)
{
    double score = written > 0 ? log_probability / (double)written : 0;
    if (s->num_ended++ > 0 && !(score > s->best_score))
        return;
    s->best_score = score;
    s->best_end = end;
    s->best.state.length = (int32_t)length;
    memcpy(s->best.ids, b->ids, length * sizeof *b->ids);
}

/* Turns the best candidates into the next beams. parents[b] is the live beam that beam b
 * continues. */
static void step_beams(search *s, int *parents)
{
    int num_next = 0;
    for (int i = 0; i < s->num_candidates && num_next < s->num_beams; i++) {
        const candidate *c = &s->candidates[i];
        const beam *parent = &s->live[c->parent];
        size_t written = s->length + 1 - s->prompt->length;
        if (lyrnn_line_rules_end(&s->options->lines, &parent->state, c->id)) {
            end_text(s, parent, s->length, written, c->log_probability, LYRNN_END_LINES);
        } else if (completes_stop(s, parent, c->id)) {
            end_text(s, parent, s->length + 1 - s->options->num_stop, written, c->log_probability,
                     LYRNN_END_STOP);
        } else {
            beam *b = &s->next[num_next];
            memcpy(b->ids, parent->ids, s->length * sizeof *b->ids);
            b->ids[s->length] = c->id;
            b->state = parent->state;
            b->log_probability = c->log_probability;
            lyrnn_line_rules_move(&s->options->lines, &b->state, c->id);
            s->inputs[num_next] = c->id;
            parents[num_next++] = c->parent;
        }
    }
    if (num_next == 0)
        return;
    beam *before = s->live;
    s->live = s->next;
    s->next = before;
    s->num_live = num_next;
    s->length++;
}

/* Gives each beam the state of its parent. Streams without a beam keep a state that nobody
 * reads. */
static void sort_states(search *s, const int *parents)
{
    size_t H = (size_t)s->model->config.hidden_size, B = (size_t)s->num_beams;
    bool has_c = s->model->config.cell == LYRNN_LSTM;
    float *c = s->state + s->state_count, *sorted_c = s->sorted + s->state_count;
    lyrnn_activations_get_state(&s->activations, s->state, has_c ? c : NULL);
    for (size_t row = 0; row < (has_c ? 2 : 1) * s->state_count / H; row++) {
        size_t b = row % B, parent = b < (size_t)s->num_live ? (size_t)parents[b] : b;
        memcpy(s->sorted + row * H, s->state + (row - b + parent) * H, H * sizeof *s->state);
    }
    lyrnn_activations_set_state(&s->activations, s->sorted, has_c ? sorted_c : NULL);
}

static void run_search(search *s)
{
    lyrnn_backend *backend = s->model->backend;
    size_t logits_bytes = num_logits(s) * sizeof *s->logits;
    int parents[LYRNN_MAX_BEAMS] = {0};
    size_t before = 0;
    read_prompt(s);
    while (s->length < s->total && s->num_ended < s->num_beams && s->length != before) {
        before = s->length;
        backend->download(backend, s->logits, s->activations.logits, logits_bytes);
        rank_candidates(s);
        step_beams(s, parents);
        if (s->length != before && s->length < s->total) {
            sort_states(s, parents);
            read_inputs(s);
        }
    }
    size_t written = s->length - s->prompt->length;
    bool is_stuck = s->length < s->total;
    for (int i = 0; i < s->num_live && (!is_stuck || s->num_ended == 0); i++)
        end_text(s, &s->live[i], s->length, written, s->live[i].log_probability,
                 is_stuck ? LYRNN_END_STUCK : LYRNN_END_LENGTH);
}

/* Reports the best text to the listener. */
static lyrnn_status report_best(const search *s, const lyrnn_listener *listener)
{
    const lyrnn_sample sample = {.number = s->options->first_sample,
                                 .ids = s->best.ids,
                                 .length = (size_t)s->best.state.length,
                                 .prefix_length = s->prompt->length,
                                 .end = s->best_end};
    for (size_t i = 0; i < sample.length && listener->character != NULL; i++)
        LYRNN_TRY(listener->character(listener->context, sample.number, sample.ids[i]));
    return listener->sample == NULL ? LYRNN_OK : listener->sample(listener->context, &sample);
}

lyrnn_status lyrnn_beam_search(const lyrnn_model *model, const lyrnn_generate_options *options,
                               int num_beams, const lyrnn_prompt *prompt, size_t length,
                               const lyrnn_listener *listener)
{
    LYRNN_CHECK(num_beams >= 1 && num_beams <= LYRNN_MAX_BEAMS);
    search s = {
        .model = model,
        .options = options,
        .prompt = prompt,
        .total = prompt->length + length,
        .num_beams = num_beams,
    };
    lyrnn_status status = search_init(&s);
    if (status == LYRNN_OK) {
        run_search(&s);
        status = report_best(&s, listener);
    }
    search_free(&s);
    return status;
}
