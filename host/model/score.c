/* Texts sorted by length are cut into groups, and a group is read side by side in chunks of T steps, the last
 * one as short as it needs to be: forward, loss, and the state carried on. Where a text of the group has
 * ended its stream reads on in padding, whose losses nobody adds: a stream does not see another. Losses
 * are added on the host, in double, by text. */
#include "lyrnn/score.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/device_memory.h"

enum { MAX_ACTIVATION_BYTES = 128 << 20 };

typedef struct {
    const lyrnn_model *model;
    int T, B;                      /* at most */
    lyrnn_activations activations; /* of the last chunk's shape */
    lyrnn_counters *counters;      /* device (1)  softmax_cross_entropy asks for them */
    int32_t *ids;                  /* (2,T,B)  a chunk's inputs, then its targets */
    float *losses;                 /* (T,B) */
    float *state; /* (2,L*D,B,H)  h and c between two chunks that differ in shape */
} scorer;

static void lower_shape(scorer *scorer)
{
    const lyrnn_rnn_config *config = &scorer->model->config;
    int num_lanes = scorer->model->backend->num_lanes;
    while ((scorer->T > 1 || scorer->B > 1) &&
           lyrnn_activations_bytes(config, num_lanes, scorer->T, scorer->B, false) >
               MAX_ACTIVATION_BYTES) {
        if (scorer->T >= scorer->B)
            scorer->T /= 2;
        else
            scorer->B /= 2;
    }
}

static lyrnn_status scorer_init(scorer *scorer, const lyrnn_model *model, int T, int B)
{
    lyrnn_backend *backend = model->backend;
    LYRNN_CHECK(T > 0 && B > 0);
    scorer->model = model;
    scorer->T = T;
    scorer->B = B;
    lower_shape(scorer);
    size_t rows = (size_t)scorer->T * (size_t)scorer->B;
    scorer->ids = (int32_t *)malloc(2 * rows * sizeof *scorer->ids);
    scorer->losses = (float *)malloc(rows * sizeof *scorer->losses);
    scorer->state =
        (float *)malloc(2 * lyrnn_state_count(&model->config, scorer->B) * sizeof *scorer->state);
    if (scorer->ids == NULL || scorer->losses == NULL || scorer->state == NULL)
        return lyrnn_out_of_memory("scores", 0, "close other programs");
    void *counters;
    LYRNN_TRY(lyrnn_device_alloc(backend, sizeof *scorer->counters, "the scores",
                                 "close other programs", &counters));
    scorer->counters = (lyrnn_counters *)counters;
    backend->zero(backend, counters, sizeof *scorer->counters);
    return LYRNN_OK;
}

static void scorer_free(scorer *scorer)
{
    lyrnn_activations_free(&scorer->activations);
    scorer->model->backend->memory_free(scorer->model->backend, scorer->counters);
    free(scorer->ids);
    free(scorer->losses);
    free(scorer->state);
}

/* Makes ready for a chunk of T steps of B streams, from zero or from where the chunk before it ended. */
static lyrnn_status begin_chunk(scorer *scorer, int T, int B, bool from_zero)
{
    lyrnn_activations *a = &scorer->activations;
    const lyrnn_rnn_config *config = &scorer->model->config;
    bool same_shape = a->T == T && a->B == B;
    if (same_shape && from_zero)
        lyrnn_activations_reset_state(a);
    else if (same_shape)
        lyrnn_activations_carry_state(a);
    if (same_shape)
        return LYRNN_OK;
    float *h = scorer->state;
    float *c = config->cell == LYRNN_LSTM ? h + lyrnn_state_count(config, scorer->B) : NULL;
    if (!from_zero)
        lyrnn_activations_get_state(a, h, c);
    lyrnn_activations_free(a);
    if (lyrnn_activations_init(a, scorer->model, T, B, false) != LYRNN_OK)
        return lyrnn_fail(
            LYRNN_ERR_MEMORY,
            "memory: %zu bytes asked to score with, and not there; close other "
            "programs or choose another --device",
            lyrnn_activations_bytes(config, scorer->model->backend->num_lanes, T, B, false));
    if (!from_zero)
        lyrnn_activations_set_state(a, h, c);
    return LYRNN_OK;
}

/* The characters from `first` on, and those that follow them; in a text that has ended id 0. */
static void upload_chunk(scorer *scorer, lyrnn_scored_text *const *group, size_t first)
{
    lyrnn_activations *a = &scorer->activations;
    lyrnn_backend *backend = scorer->model->backend;
    size_t B = (size_t)a->B, rows = (size_t)a->T * B;
    int32_t *inputs = scorer->ids, *targets = inputs + rows;
    for (size_t t = 0; t < (size_t)a->T; t++) {
        for (size_t b = 0; b < B; b++) {
            const lyrnn_scored_text *text = group[b];
            bool has_target = first + t + 1 < text->N;
            inputs[t * B + b] = has_target ? text->ids[first + t] : 0;
            targets[t * B + b] = has_target ? text->ids[first + t + 1] : 0;
        }
    }
    backend->upload(backend, a->inputs, inputs, rows * sizeof *inputs);
    backend->upload(backend, a->targets, targets, rows * sizeof *targets);
}

static void add_losses(scorer *scorer, lyrnn_scored_text *const *group, size_t first)
{
    const lyrnn_activations *a = &scorer->activations;
    lyrnn_backend *backend = scorer->model->backend;
    size_t B = (size_t)a->B;
    backend->download(backend, scorer->losses, a->losses,
                      (size_t)a->T * B * sizeof *scorer->losses);
    for (size_t b = 0; b < B; b++)
        for (size_t t = 0; t < (size_t)a->T && first + t + 1 < group[b]->N; t++)
            group[b]->nats += (double)scorer->losses[t * B + b];
}

/* The longest text comes first. */
static lyrnn_status score_group(scorer *scorer, lyrnn_scored_text *const *group, int B)
{
    lyrnn_activations *a = &scorer->activations;
    size_t num_steps = group[0]->N - 1, max_T = (size_t)scorer->T;
    for (size_t first = 0; first < num_steps; first += max_T) {
        size_t left = num_steps - first;
        int T = (int)(left < max_T ? left : max_T);
        LYRNN_TRY(begin_chunk(scorer, T, B, first == 0));
        upload_chunk(scorer, group, first);
        lyrnn_model_forward(scorer->model, a);
        lyrnn_model_loss(scorer->model, a, scorer->counters);
        add_losses(scorer, group, first);
    }
    return LYRNN_OK;
}

static int compare_lengths(const void *a, const void *b)
{
    const lyrnn_scored_text *text_a = *(lyrnn_scored_text *const *)a;
    const lyrnn_scored_text *text_b = *(lyrnn_scored_text *const *)b;
    if (text_a->N != text_b->N)
        return text_a->N < text_b->N ? 1 : -1;
    return (text_a > text_b) - (text_a < text_b); /* the same groups at every run */
}

/* How many texts, the longest first, are read side by side. A quarter of padding costs less than a group
 * of few; a layer that reads backwards would read the padding first, so there it is not allowed. */
static int group_size(const scorer *scorer, lyrnn_scored_text *const *sorted, size_t num)
{
    size_t longest = sorted[0]->N;
    size_t shortest = scorer->model->config.bidirectional ? longest : longest - longest / 4;
    int B = 1;
    while (B < scorer->B && (size_t)B < num && sorted[B]->N >= shortest)
        B++;
    return B;
}

lyrnn_status lyrnn_score(const lyrnn_model *model, int T, int B, lyrnn_scored_text *texts,
                         size_t num)
{
    scorer scorer = {0};
    lyrnn_scored_text **sorted = (lyrnn_scored_text **)calloc(num + 1, sizeof *sorted);
    lyrnn_status status = scorer_init(&scorer, model, T, B);
    if (status == LYRNN_OK && sorted == NULL)
        status = lyrnn_out_of_memory("scores", (num + 1) * sizeof *sorted, "give fewer texts");
    size_t num_sorted = 0;
    for (size_t i = 0; i < num && status == LYRNN_OK; i++) {
        texts[i].nats = 0;
        if (texts[i].N >= 2)
            sorted[num_sorted++] = &texts[i];
    }
    if (status == LYRNN_OK)
        qsort(sorted, num_sorted, sizeof(lyrnn_scored_text *), compare_lengths);
    for (size_t first = 0; first < num_sorted && status == LYRNN_OK;) {
        int size = group_size(&scorer, sorted + first, num_sorted - first);
        status = score_group(&scorer, sorted + first, size);
        first += (size_t)size;
    }
    scorer_free(&scorer);
    free(sorted);
    return status;
}
