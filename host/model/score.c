/* Scores texts in parallel. Texts of similar length form a group, whose texts are the streams of a
 * batch. A group is read in chunks of T steps; the last chunk is as short as it can be. Each chunk
 * is forward, loss, and the state carried to the next chunk. A text that has ended continues with
 * padding, whose losses are ignored; streams do not influence each other. The host adds the losses
 * per text in double precision. */
#include "lyrnn/score.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/device_memory.h"

enum { MAX_ACTIVATION_BYTES = 128 << 20 };

typedef struct {
    const lyrnn_model *model;
    const lyrnn_watcher *watcher;  /* or NULL */
    int T, B;                      /* maximum shape of a chunk */
    lyrnn_activations activations; /* in the shape of the latest chunk */
    lyrnn_counters *counters;      /* device (1)  the loss needs them, nobody reads them */
    /* host memory, owned */
    lyrnn_scored_text **sorted; /* (num_sorted)  the texts that have a score, the longest first */
    size_t num_sorted;
    size_t num_chars, num_scored; /* characters to score in all, and those that have their score */
    int32_t *ids;                 /* (2,T,B)  inputs of a chunk, then its targets */
    float *losses;                /* (T,B) */
    float *state; /* (2,L*D,B,H)  h and c on their way between two chunks of different shapes */
} scorer;

/* Halves T and B, the larger one first, until the activations are small enough. */
static void lower_shape(scorer *s)
{
    const lyrnn_rnn_config *config = &s->model->config;
    const lyrnn_backend *backend = s->model->backend;
    while ((s->T > 1 || s->B > 1) &&
           lyrnn_activations_bytes(backend, config, s->T, s->B, false) > MAX_ACTIVATION_BYTES) {
        if (s->T >= s->B)
            s->T /= 2;
        else
            s->B /= 2;
    }
}

static int compare_lengths(const void *a, const void *b)
{
    const lyrnn_scored_text *text_a = *(lyrnn_scored_text *const *)a;
    const lyrnn_scored_text *text_b = *(lyrnn_scored_text *const *)b;
    if (text_a->N != text_b->N)
        return text_a->N < text_b->N ? 1 : -1;
    return (text_a > text_b) - (text_a < text_b); /* the groups are the same in every run */
}

/* Sets all scores to 0 and sorts the texts that have anything to predict. */
static lyrnn_status sort_texts(scorer *s, lyrnn_scored_text *texts, size_t num)
{
    s->sorted = (lyrnn_scored_text **)calloc(num + 1, sizeof *s->sorted);
    if (s->sorted == NULL)
        return lyrnn_out_of_memory("scores", (num + 1) * sizeof *s->sorted, "give fewer texts");
    for (size_t i = 0; i < num; i++) {
        texts[i].nats = 0;
        if (texts[i].N < 2)
            continue;
        s->sorted[s->num_sorted++] = &texts[i];
        s->num_chars += texts[i].N - 1;
    }
    qsort(s->sorted, s->num_sorted, sizeof *s->sorted, compare_lengths);
    return LYRNN_OK;
}

static lyrnn_status scorer_init(scorer *s)
{
    lyrnn_backend *backend = s->model->backend;
    lower_shape(s);
    size_t rows = (size_t)s->T * (size_t)s->B;
    s->ids = (int32_t *)malloc(2 * rows * sizeof *s->ids);
    s->losses = (float *)malloc(rows * sizeof *s->losses);
    s->state = (float *)malloc(2 * lyrnn_state_count(&s->model->config, s->B) * sizeof *s->state);
    if (s->ids == NULL || s->losses == NULL || s->state == NULL)
        return lyrnn_out_of_memory("scores", 0, "close other programs");
    void *counters;
    LYRNN_TRY(lyrnn_device_alloc(backend, sizeof *s->counters, "the scores", "close other programs",
                                 &counters));
    s->counters = (lyrnn_counters *)counters;
    backend->zero(backend, counters, sizeof *s->counters);
    return LYRNN_OK;
}

static void scorer_free(scorer *s)
{
    lyrnn_activations_free(&s->activations);
    s->model->backend->memory_free(s->model->backend, s->counters);
    free(s->sorted);
    free(s->ids);
    free(s->losses);
    free(s->state);
}

/* Prepares a chunk of T steps and B streams. The state is zero or that at the end of the previous
 * chunk. */
static lyrnn_status begin_chunk(scorer *s, int T, int B, bool from_zero)
{
    lyrnn_activations *a = &s->activations;
    const lyrnn_rnn_config *config = &s->model->config;
    bool same_shape = a->T == T && a->B == B;
    if (same_shape && from_zero)
        lyrnn_activations_reset_state(a);
    else if (same_shape)
        lyrnn_activations_carry_state(a);
    if (same_shape)
        return LYRNN_OK;
    float *h = s->state;
    float *c = config->cell == LYRNN_LSTM ? h + lyrnn_state_count(config, s->B) : NULL;
    if (!from_zero)
        lyrnn_activations_get_state(a, h, c);
    lyrnn_activations_free(a);
    if (lyrnn_activations_init(a, s->model, T, B, false) != LYRNN_OK)
        return lyrnn_fail(
            LYRNN_ERR_MEMORY,
            "memory: %zu bytes requested to score the texts, and not available; close other "
            "programs, or choose another --device",
            lyrnn_activations_bytes(s->model->backend, config, T, B, false));
    if (!from_zero)
        lyrnn_activations_set_state(a, h, c);
    return LYRNN_OK;
}

/* Uploads the characters from place `first` on as inputs, and those that follow them as targets.
 * The padding of a text that has ended is id 0. */
static void upload_chunk(scorer *s, lyrnn_scored_text *const *group, size_t first)
{
    lyrnn_activations *a = &s->activations;
    lyrnn_backend *backend = s->model->backend;
    size_t B = (size_t)a->B, rows = (size_t)a->T * B;
    int32_t *inputs = s->ids, *targets = inputs + rows;
    for (size_t t = 0; t < (size_t)a->T; t++) {
        for (size_t b = 0; b < B; b++) {
            const lyrnn_scored_text *text = group[b];
            bool has_target = first + t + 1 < text->N;
            inputs[t * B + b] = has_target ? text->ids[first + t] : 0;
            targets[t * B + b] = has_target ? text->ids[first + t + 1] : LYRNN_IGNORED_TARGET;
        }
    }
    backend->upload(backend, a->inputs, inputs, rows * sizeof *inputs);
    backend->upload(backend, a->targets, targets, rows * sizeof *targets);
}

static void add_losses(scorer *s, lyrnn_scored_text *const *group, size_t first)
{
    const lyrnn_activations *a = &s->activations;
    lyrnn_backend *backend = s->model->backend;
    size_t B = (size_t)a->B;
    backend->download(backend, s->losses, a->losses, (size_t)a->T * B * sizeof *s->losses);
    for (size_t b = 0; b < B; b++)
        for (size_t t = 0; t < (size_t)a->T && first + t + 1 < group[b]->N; t++, s->num_scored++)
            group[b]->nats += (double)s->losses[t * B + b];
}

/* Scores the B texts of a group, the longest first. */
static lyrnn_status score_group(scorer *s, lyrnn_scored_text *const *group, int B)
{
    lyrnn_activations *a = &s->activations;
    size_t num_steps = group[0]->N - 1, max_T = (size_t)s->T;
    for (size_t first = 0; first < num_steps; first += max_T) {
        size_t left = num_steps - first;
        int T = (int)(left < max_T ? left : max_T);
        LYRNN_TRY(begin_chunk(s, T, B, first == 0));
        upload_chunk(s, group, first);
        lyrnn_model_forward(s->model, a);
        lyrnn_model_loss(s->model, a, s->counters);
        add_losses(s, group, first);
        if (s->watcher != NULL)
            LYRNN_TRY(s->watcher->piece_done(s->watcher->context, s->num_scored, s->num_chars));
    }
    return LYRNN_OK;
}

/* Number of texts in the group that begins with sorted[first]. A quarter of padding costs less time
 * than a small group does. A bidirectional model would read the padding first, so its groups have
 * none. */
static int group_size(const scorer *s, size_t first)
{
    lyrnn_scored_text *const *sorted = s->sorted + first;
    size_t longest = sorted[0]->N;
    size_t shortest = s->model->config.bidirectional ? longest : longest - longest / 4;
    int B = 1;
    while (B < s->B && first + (size_t)B < s->num_sorted && sorted[B]->N >= shortest)
        B++;
    return B;
}

static lyrnn_status score_groups(scorer *s, lyrnn_scored_text *texts, size_t num)
{
    LYRNN_TRY(scorer_init(s));
    LYRNN_TRY(sort_texts(s, texts, num));
    for (size_t first = 0; first < s->num_sorted;) {
        int size = group_size(s, first);
        LYRNN_TRY(score_group(s, s->sorted + first, size));
        first += (size_t)size;
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_score(const lyrnn_model *model, int T, int B, lyrnn_scored_text *texts,
                         size_t num, const lyrnn_watcher *watcher)
{
    LYRNN_CHECK(T > 0 && B > 0);
    scorer s = {.model = model, .watcher = watcher, .T = T, .B = B};
    lyrnn_status status = score_groups(&s, texts, num);
    scorer_free(&s);
    return status;
}
