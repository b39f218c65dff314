/* Continues a run as if it had never stopped. The checkpoint decides the steps to come. The options
 * are compared with it, so that a run whose text or options were changed is refused. */
#include "base/plain_text.h"
#include "base/words.h"
#include "run/metrics.h"
#include "train/job.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static lyrnn_status refuse_shape(const train_job *job, const char *key, int asked, int found)
{
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                      "%s: %s is %d but its latest model has %d; correct config.json",
                      job->run.path, key, asked, found);
}

static lyrnn_status check_network(const train_job *job)
{
    const lyrnn_rnn_config *asked = &job->options->model, *found = &job->config;
    if (asked->cell != found->cell)
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE, "%s: cell is %s but its latest model has %s; correct config.json",
            job->run.path, lyrnn_cell_name(asked->cell), lyrnn_cell_name(found->cell));
    if (asked->hidden_size != found->hidden_size)
        return refuse_shape(job, "hidden_size", asked->hidden_size, found->hidden_size);
    if (asked->num_layers != found->num_layers)
        return refuse_shape(job, "num_layers", asked->num_layers, found->num_layers);
    if (asked->bidirectional != found->bidirectional)
        return refuse_shape(job, "bidirectional", asked->bidirectional, found->bidirectional);
    if (asked->embedding_size != found->embedding_size)
        return refuse_shape(job, "embedding_size", asked->embedding_size, found->embedding_size);
    if (asked->tied != found->tied)
        return refuse_shape(job, "tie", asked->tied, found->tied);
    return LYRNN_OK;
}

static lyrnn_status check_corpus(const train_job *job)
{
    const char *songs = job->state.options[LYRNN_STATE_SONGS];
    if (strcmp(job->state.corpus_xxh128, job->corpus_xxh128) == 0 &&
        (songs[0] == '\0' || strcmp(songs, job->songs_xxh128) == 0))
        return LYRNN_OK;
    if (strcmp(job->state.corpus_xxh128, job->corpus_xxh128) == 0)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "corpus: has the text that %s learns, but its songs (here %zu) begin "
                          "elsewhere; name the files as they were when the run began",
                          job->run.path, job->corpus.num_songs);
    lyrnn_vocab vocab;
    LYRNN_TRY(lyrnn_vocab_from_corpus(&vocab, &job->corpus));
    int V = vocab.V;
    lyrnn_vocab_free(&vocab);
    return lyrnn_fail(
        LYRNN_ERR_CORPUS,
        "corpus: is not the text that %s learns: it has %zu characters, %d distinct, XXH128 %s, "
        "and that text has %lld, %d distinct, XXH128 %s; give the text of the run",
        job->run.path, job->corpus.N, V, job->corpus_xxh128, (long long)job->state.corpus_chars,
        job->vocab.V, job->state.corpus_xxh128);
}

static lyrnn_status read_file(train_job *job)
{
    /* It is next to the model. */
    const char *model_path = job->start->model_path, *end = strrchr(model_path, '/');
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%.*s/trainer.safetensors", (int)(end - model_path),
                         model_path) >= sizeof path)
        return lyrnn_fail(LYRNN_ERR_IO, "%s: the path is too long; choose a shorter one",
                          job->run.path);
    lyrnn_status status = lyrnn_trainer_state_read(&job->state, path, &job->config);
    /* lyrnn saves both files of a checkpoint or none. */
    if (status == LYRNN_ERR_IO && access(path, F_OK) != 0 && errno == ENOENT)
        status = LYRNN_ERR_DAMAGED;
    if (status != LYRNN_OK)
        return lyrnn_fail(status, "%s (or start a new run from its weights: --init %s)",
                          lyrnn_error_text(), job->run.path);
    return LYRNN_OK;
}

lyrnn_status train_read_state(train_job *job)
{
    LYRNN_TRY(check_network(job));
    if (train_leads(job))
        LYRNN_TRY(read_file(job));
    LYRNN_TRY(train_share_state(job));
    return check_corpus(job);
}

/* Whether --patience has ended the training. */
static bool has_ended(const train_job *job)
{
    const lyrnn_trainer_state *state = &job->state;
    int patience = job->options->patience;
    return patience > 0 && state->snapshot.counters.batch == 0 &&
           state->snapshot.epoch - state->best_epoch >= patience;
}

/* Writes a number of an option that is off if it is 0; then the text is empty. 15 digits are those
 * of config.json. */
static void number_if_on(double value, lyrnn_state_option text)
{
    text[0] = '\0';
    if (value != 0.0)
        snprintf(text, sizeof(lyrnn_state_option), "%.15g", value);
}

/* Writes the shortest decimal that reads back as this float. */
static void float_to_text(float value, lyrnn_state_option text)
{
    enum { FEW_DIGITS = 6, ALL_DIGITS = 9 };
    for (int digits = FEW_DIGITS; digits <= ALL_DIGITS; digits++) {
        snprintf(text, sizeof(lyrnn_state_option), "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            return;
    }
}

static void float_if_on(float value, lyrnn_state_option text)
{
    text[0] = '\0';
    if (value != 0.0f)
        float_to_text(value, text);
}

/* The options of the recipe. */
static void recipe_options(const train_job *job, lyrnn_state_option texts[LYRNN_STATE_NUM_OPTIONS])
{
    const lyrnn_rnn_config *model = &job->options->model;
    const lyrnn_optimizer_config *optimizer = &job->optimizer;
    bool is_cosine = optimizer->schedule == LYRNN_SCHEDULE_COSINE;
    float_if_on(model->dropout_input, texts[LYRNN_STATE_DROPOUT_INPUT]);
    float_if_on(model->dropout_output, texts[LYRNN_STATE_DROPOUT_OUTPUT]);
    float_if_on(model->dropout_weight, texts[LYRNN_STATE_DROPOUT_WEIGHT]);
    texts[LYRNN_STATE_SCHEDULE][0] = '\0';
    if (optimizer->schedule != LYRNN_SCHEDULE_CONSTANT)
        lyrnn_word_copy(LYRNN_SCHEDULE_WORDS, (int)optimizer->schedule, texts[LYRNN_STATE_SCHEDULE],
                        sizeof texts[0]);
    number_if_on((double)optimizer->warmup_steps, texts[LYRNN_STATE_WARMUP]);
    number_if_on(is_cosine ? (double)optimizer->num_steps : 0.0, texts[LYRNN_STATE_SCHEDULE_STEPS]);
    float_if_on(optimizer->weight_decay, texts[LYRNN_STATE_WEIGHT_DECAY]);
    number_if_on(optimizer->beta2, texts[LYRNN_STATE_BETA2]);
    number_if_on(optimizer->average_decay, texts[LYRNN_STATE_EMA]);
    number_if_on(optimizer->num_shards > 1 ? (double)optimizer->num_shards : 0.0,
                 texts[LYRNN_STATE_SHARDS]);
}

void train_state_options(const train_job *job, lyrnn_state_option texts[LYRNN_STATE_NUM_OPTIONS])
{
    const lyrnn_train_options *options = job->options;
    bool needs_songs = train_validates_songs(job) || options->drop_leaks;
    snprintf(texts[LYRNN_STATE_NUM_STEPS], sizeof texts[0], "%d", options->num_steps);
    snprintf(texts[LYRNN_STATE_SAMPLING], sizeof texts[0], "%s", job->sampling_name);
    snprintf(texts[LYRNN_STATE_OFFSET], sizeof texts[0], "%s",
             options->random_offset ? "random" : "zero");
    snprintf(texts[LYRNN_STATE_SONGS], sizeof texts[0], "%s", needs_songs ? job->songs_xxh128 : "");
    float_to_text(options->val_fraction, texts[LYRNN_STATE_VAL_FRACTION]);
    float_to_text(options->val_songs, texts[LYRNN_STATE_VAL_SONGS]);
    snprintf(texts[LYRNN_STATE_DROP_LEAKS], sizeof texts[0], "%s",
             options->drop_leaks ? "true" : "false");
    float_to_text(options->model.dropout, texts[LYRNN_STATE_DROPOUT]);
    float_to_text(options->optimizer.learning_rate, texts[LYRNN_STATE_LR]);
    float_to_text(options->optimizer.clip_norm, texts[LYRNN_STATE_CLIP_NORM]);
    recipe_options(job, texts);
}

/* The value of an option of the recipe that is off has no text. */
static const char *value_name(int option, const char *text)
{
    if (text[0] != '\0')
        return text;
    if (option == LYRNN_STATE_SCHEDULE)
        return "constant";
    if (option == LYRNN_STATE_BETA2)
        return "0.999";
    return option == LYRNN_STATE_SHARDS ? "1" : "0";
}

static bool may_change(int option)
{
    return option == LYRNN_STATE_LR || option == LYRNN_STATE_CLIP_NORM ||
           option == LYRNN_STATE_SCHEDULE_STEPS;
}

/* Compares the options with those that the checkpoint was trained with. config.json may have been
 * changed or damaged. --lr and --clip-norm may change, and --num-epochs, on which a cosine depends:
 * the log only names them. An option of the recipe that the checkpoint lacks was off. */
static lyrnn_status check_options(const train_job *job)
{
    lyrnn_state_option texts[LYRNN_STATE_NUM_OPTIONS];
    train_state_options(job, texts);
    for (int i = 0; i < LYRNN_STATE_NUM_OPTIONS; i++) {
        const char *was = job->state.options[i], *key = lyrnn_state_option_keys[i];
        bool may_be_off = i >= LYRNN_STATE_DROPOUT_INPUT;
        if ((was[0] == '\0' && !may_be_off) || strcmp(texts[i], was) == 0)
            continue;
        if (!may_change(i))
            return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                              "%s: %s is %s but its latest checkpoint has %s; correct config.json",
                              job->run.path, key, value_name(i, texts[i]), value_name(i, was));
        if (i == LYRNN_STATE_SCHEDULE_STEPS)
            lyrnn_print_plain(job->log,
                              "warning: --num-epochs %d: the cosine now ends at step %s instead of "
                              "%s\n",
                              job->options->num_epochs, value_name(i, texts[i]),
                              value_name(i, was));
        else
            lyrnn_print_plain(job->log,
                              "warning: %s is %s; until the latest checkpoint it was %s\n", key,
                              texts[i], was);
    }
    return LYRNN_OK;
}

/* Refuses a checkpoint that lacks what its own options need. */
static lyrnn_status check_average(const train_job *job)
{
    bool has_average = job->state.snapshot.raw != NULL;
    if (has_average == (job->optimizer.average_decay > 0.0))
        return LYRNN_OK;
    return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                      "%s: its latest checkpoint has %s, but ema is %g; start a new run from its "
                      "weights: --init %s",
                      job->run.path,
                      has_average ? "an average of the weights"
                                  : "no weights apart from their average",
                      job->optimizer.average_decay, job->run.path);
}

/* Refuses counters that the steps of these batches cannot leave. */
static lyrnn_status check_counters(const train_job *job)
{
    const lyrnn_trainer_snapshot *snapshot = &job->state.snapshot;
    const lyrnn_counters *counters = &snapshot->counters;
    int64_t K = (int64_t)job->batches.K, before = counters->step - counters->batch, num = -1;
    bool fits = counters->batch <= K && before % K == 0 && before / K == snapshot->epoch &&
                job->state.best_batch < K;
    if (snapshot->B != job->batches.B)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: reads %d text sequences per batch but its latest checkpoint has %d; "
                          "correct config.json",
                          job->run.path, job->batches.B, snapshot->B);
    if (fits)
        LYRNN_TRY(lyrnn_batches_count_targets(&job->batches, (uint64_t)snapshot->epoch + 1,
                                              (size_t)counters->batch, &num));
    if (counters->loss_count == num)
        return LYRNN_OK;
    return lyrnn_fail(
        LYRNN_ERR_MODEL_FILE,
        "%s: its latest checkpoint, at step %lld, does not fit epochs of %lld batches; "
        "correct config.json",
        job->run.path, (long long)counters->step, (long long)K);
}

lyrnn_status train_check_state(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    const lyrnn_trainer_state *state = &job->state;
    const char *path = job->run.path;
    if (state->seed != options->seed)
        return lyrnn_fail(
            LYRNN_ERR_MODEL_FILE,
            "%s: seed is %llu but its latest checkpoint has %llu; correct config.json", path,
            (unsigned long long)options->seed, (unsigned long long)state->seed);
    LYRNN_TRY(check_options(job));
    LYRNN_TRY(check_average(job));
    LYRNN_TRY(check_counters(job));
    if (options->num_epochs <= state->snapshot.epoch)
        return lyrnn_fail(
            LYRNN_ERR_USAGE,
            "--num-epochs %d: %s has done %d epochs already; raise --num-epochs to continue",
            options->num_epochs, path, state->snapshot.epoch);
    if (has_ended(job))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--patience %d: %s has ended, %d epochs after its best validation; raise "
                          "--patience to continue",
                          options->patience, path, state->snapshot.epoch - state->best_epoch);
    return LYRNN_OK;
}

bool train_is_complete(const train_job *job)
{
    return job->start->kind == LYRNN_START_RESUME &&
           (job->options->num_epochs <= job->state.snapshot.epoch || has_ended(job));
}

/* A process that was killed may have left `best` at an epoch after the latest checkpoint, and
 * checkpoints that were to be removed. */
static lyrnn_status tidy(train_job *job)
{
    LYRNN_TRY(lyrnn_run_dir_mark_best(&job->run, &job->state));
    lyrnn_run_dir_prune(&job->run, job->options->keep);
    return LYRNN_OK;
}

/* Notes whether the perplexity of the last epoch was not finite. Only metrics.jsonl knows it, and
 * without its line the run counts as finite. */
static void recall_last_epoch(train_job *job)
{
    json_t *last, *best;
    lyrnn_metrics_read(job->run.path, &last, &best, NULL);
    if (json_integer_value(json_object_get(last, "epoch")) == job->state.snapshot.epoch) {
        if (json_is_null(json_object_get(last, "val_perplexity")))
            job->warnings.infinite = "validation perplexity";
        if (json_is_null(json_object_get(last, "perplexity")))
            job->warnings.infinite = "perplexity";
    }
    json_decref(last);
    json_decref(best);
}

lyrnn_status train_end_complete(train_job *job)
{
    if (!train_leads(job))
        return LYRNN_OK;
    LYRNN_TRY(tidy(job));
    recall_last_epoch(job);
    LYRNN_TRY(train_check_last_epoch(job));
    lyrnn_print_plain(job->log, "%s: is complete after epoch %d; nothing is left to do\n",
                      job->run.path, job->state.snapshot.epoch);
    return LYRNN_OK;
}

/* The training does not need its metrics, so it continues without them. */
static void warn_of_metrics(const train_job *job)
{
    const lyrnn_metrics_kept *kept = &job->run.kept;
    if (kept->missing[0] != '\0')
        lyrnn_print_plain(job->log,
                          "warning: %s/metrics.jsonl: has no line for epoch %s; the file was "
                          "truncated or changed, the model is whole\n",
                          job->run.path, kept->missing);
    if (kept->misplaced[0] != '\0')
        lyrnn_print_plain(job->log,
                          "warning: %s/metrics.jsonl: has a line for epoch %s again or too late; "
                          "remove it\n",
                          job->run.path, kept->misplaced);
}

lyrnn_status train_resume_run(train_job *job, const json_t *config)
{
    const lyrnn_trainer_state *state = &job->state;
    /* The report after the last step may not be made yet. */
    int64_t batch = state->snapshot.counters.batch;
    const lyrnn_metrics_position position = {.epoch = state->snapshot.epoch,
                                             .batch = state->is_reported ? batch : batch - 1};
    LYRNN_TRY(lyrnn_run_dir_resume(&job->run, &position, config));
    LYRNN_TRY(tidy(job));
    job->is_saved = true;
    lyrnn_print_plain(job->log, "resuming: after epoch %d", state->snapshot.epoch);
    if (batch > 0)
        lyrnn_print_plain(job->log, " and %lld of %zu batches", (long long)batch, job->batches.K);
    fputc('\n', job->log);
    warn_of_metrics(job);
    return LYRNN_OK;
}
