/* Dynamic evaluation: a trainer with one stream reads the texts as songs. A step computes the loss
 * of a segment before it changes the weights, so the sum of the losses of an epoch is the score.
 * With beta1 = 0, Adam is a step of gradient descent that is divided by the root mean square of the
 * gradients so far. lyrnn/score.h describes the function. */
#include "lyrnn/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "lyrnn/trainer.h"

typedef struct {
    lyrnn_model learner; /* a copy of the model, without dropout */
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    /* The texts that have a score, one after another. */
    int32_t *ids; /* (N) */
    size_t N;
    size_t *starts; /* (num_starts) */
    size_t num_starts;
    size_t num_chars; /* that get a score */
} dynamic_scorer;

static bool has_score(const lyrnn_scored_text *text)
{
    return text->N >= 2;
}

static lyrnn_status join_texts(dynamic_scorer *s, const lyrnn_scored_text *texts, size_t num)
{
    size_t N = 0;
    for (size_t i = 0; i < num; i++)
        N += has_score(&texts[i]) ? texts[i].N : 0;
    s->ids = (int32_t *)malloc((N + 1) * sizeof *s->ids);
    s->starts = (size_t *)malloc((num + 1) * sizeof *s->starts);
    if (s->ids == NULL || s->starts == NULL)
        return lyrnn_out_of_memory("text to score", N * sizeof *s->ids, "give less text");
    for (size_t i = 0; i < num; i++) {
        if (!has_score(&texts[i]))
            continue;
        s->starts[s->num_starts++] = s->N;
        memcpy(s->ids + s->N, texts[i].ids, texts[i].N * sizeof *s->ids);
        s->N += texts[i].N;
    }
    s->num_chars = s->N - s->num_starts;
    return LYRNN_OK;
}

static lyrnn_rnn_config without_dropout(lyrnn_rnn_config config)
{
    config.dropout = config.dropout_input = config.dropout_output = config.dropout_weight = 0.0f;
    return config;
}

static lyrnn_optimizer_config optimizer_of(const lyrnn_dynamic_options *options)
{
    return (lyrnn_optimizer_config){
        .learning_rate = options->rate, .clip_norm = 1.0f, .no_momentum = true};
}

static lyrnn_status make_batches(dynamic_scorer *s, int T)
{
    const lyrnn_batch_options options = {.N = s->N,
                                         .B = 1,
                                         .T = T,
                                         .sampling = LYRNN_SAMPLING_SONGS,
                                         .songs = s->starts,
                                         .num_songs = s->num_starts,
                                         .for_evaluation = true};
    return lyrnn_batches_init(&s->batches, &options);
}

/* Makes a copy of the model that learns, and its trainer. */
static lyrnn_status open_learner(dynamic_scorer *s, const lyrnn_model *model,
                                 const lyrnn_dynamic_options *options)
{
    lyrnn_backend *backend = model->backend;
    const lyrnn_rnn_config config = without_dropout(model->config);
    const lyrnn_optimizer_config optimizer = optimizer_of(options);
    size_t num_bytes = model->parameters.count * sizeof(float);
    LYRNN_TRY(lyrnn_model_init(&s->learner, &config, backend));
    backend->copy_rows(backend, s->learner.params, num_bytes, model->params, num_bytes, num_bytes,
                       1);
    return lyrnn_trainer_init(&s->trainer, &s->learner, &s->batches, s->ids, &optimizer);
}

/* The errors of a trainer name the options of a training. */
static lyrnn_status refuse_memory(const dynamic_scorer *s, const lyrnn_model *model)
{
    const lyrnn_rnn_config config = without_dropout(model->config);
    const lyrnn_optimizer_config optimizer = {0};
    return lyrnn_fail(
        LYRNN_ERR_MEMORY,
        "memory: %zu bytes requested for --dynamic, and not available; close other programs, "
        "choose another --device, or leave --dynamic out",
        lyrnn_training_memory_of(model->backend, &config, &optimizer, &s->batches).total_bytes);
}

static lyrnn_status begin(dynamic_scorer *s, const lyrnn_model *model,
                          const lyrnn_dynamic_options *options)
{
    LYRNN_TRY(make_batches(s, options->T));
    lyrnn_status status = open_learner(s, model, options);
    if (status == LYRNN_ERR_MEMORY)
        return refuse_memory(s, model);
    return status == LYRNN_OK ? lyrnn_trainer_begin_epoch(&s->trainer, 1) : status;
}

static void scorer_free(dynamic_scorer *s)
{
    lyrnn_trainer_free(&s->trainer);
    lyrnn_batches_free(&s->batches);
    lyrnn_model_free(&s->learner);
    free(s->ids);
    free(s->starts);
}

/* Scores one text, which the trainer reads next. `done` characters have their score. */
static lyrnn_status score_text(dynamic_scorer *s, lyrnn_scored_text *text, size_t done,
                               const lyrnn_watcher *watcher)
{
    double before = lyrnn_trainer_counters(&s->trainer).loss_sum;
    size_t T = (size_t)s->batches.T, num_targets = text->N - 1;
    for (size_t first = 0; first < num_targets; first += T) {
        size_t end = num_targets - first < T ? num_targets : first + T;
        lyrnn_trainer_step(&s->trainer);
        if (watcher != NULL)
            LYRNN_TRY(watcher->piece_done(watcher->context, done + end, s->num_chars));
    }
    text->nats = lyrnn_trainer_counters(&s->trainer).loss_sum - before;
    if (!isfinite(text->nats))
        return lyrnn_fail(LYRNN_ERR_DIVERGED,
                          "--dynamic %g: the loss is not finite after %zu characters; use a lower "
                          "rate",
                          (double)s->trainer.optimizer.learning_rate, done + num_targets);
    return LYRNN_OK;
}

static lyrnn_status score_texts(dynamic_scorer *s, const lyrnn_model *model,
                                const lyrnn_dynamic_options *options, lyrnn_scored_text *texts,
                                size_t num, const lyrnn_watcher *watcher)
{
    size_t done = 0;
    LYRNN_TRY(join_texts(s, texts, num));
    if (s->num_starts > 0)
        LYRNN_TRY(begin(s, model, options));
    for (size_t i = 0; i < num; i++) {
        texts[i].nats = 0;
        if (!has_score(&texts[i]))
            continue;
        LYRNN_TRY(score_text(s, &texts[i], done, watcher));
        done += texts[i].N - 1;
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_score_dynamic(const lyrnn_model *model, const lyrnn_dynamic_options *options,
                                 lyrnn_scored_text *texts, size_t num, const lyrnn_watcher *watcher)
{
    LYRNN_CHECK(options->T > 0);
    dynamic_scorer s = {0};
    lyrnn_status status = score_texts(&s, model, options, texts, num, watcher);
    scorer_free(&s);
    return status;
}
