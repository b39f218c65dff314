/* The article's train_and_predict, and what real use needs around it: text in, model up, an epoch at a
 * time, samples on the way, checkpoints to keep. Everything that can be refused is refused before the run
 * directory is made. */
#include "lyrnn/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/checkpoint.h"
#include "lyrnn/evaluate.h"
#include "lyrnn/generate.h"
#include "lyrnn/metrics.h"
#include "lyrnn/run_dir.h"
#include "progress.h"

/* All that a training run owns. */
typedef struct {
    const lyrnn_train_options *options;
    lyrnn_backend *backend;
    FILE *samples, *log;
    lyrnn_corpus corpus;
    lyrnn_checkpoint init; /* of --init, else zeroed */
    lyrnn_vocab vocab;
    int32_t *ids;          /* (N) */
    lyrnn_prompt *prompts; /* (num_prompts) */
    size_t num_prompts;
    lyrnn_rnn_config config;
    size_t num_validation; /* characters at the corpus's end */
    lyrnn_batches batches;
    lyrnn_model model;
    lyrnn_trainer trainer;
    lyrnn_evaluator evaluator; /* where num_validation > 0 */
    lyrnn_generator generator;
    float *params; /* (parameters.count) host copy for checkpoints */
    lyrnn_run_dir run;
    bool has_saved;   /* a checkpoint in run */
    int best_epoch;   /* 0: none yet */
    double best_nats; /* a character, in validation */
    lyrnn_progress progress;
} job;

static void job_free(job *job)
{
    lyrnn_run_dir_close(&job->run);
    lyrnn_generator_free(&job->generator);
    lyrnn_evaluator_free(&job->evaluator);
    lyrnn_trainer_free(&job->trainer);
    lyrnn_model_free(&job->model);
    lyrnn_vocab_free(&job->vocab);
    lyrnn_checkpoint_free(&job->init);
    lyrnn_corpus_free(&job->corpus);
    for (size_t i = 0; i < job->num_prompts; i++)
        lyrnn_prompt_free(&job->prompts[i]);
    free(job->prompts);
    free(job->ids);
    free(job->params);
}

static lyrnn_status out_of_memory(const char *what, size_t bytes)
{
    return lyrnn_fail(LYRNN_ERR_MEMORY, "memory: %zu bytes asked for %s", bytes, what);
}

static lyrnn_status load_corpus(job *job)
{
    const lyrnn_train_options *options = job->options;
    if (options->num_corpus_paths == 0)
        return lyrnn_corpus_load_sample(&job->corpus, options->newlines, options->max_chars);
    return lyrnn_corpus_load(&job->corpus, options->corpus_paths, options->num_corpus_paths,
                             options->newlines, options->max_chars);
}

/* The vocabulary is the initial model's where there is one, so that its rows keep their meaning. */
static lyrnn_status make_vocab(job *job)
{
    const lyrnn_train_options *options = job->options;
    if (options->init_path == NULL) {
        LYRNN_TRY(lyrnn_vocab_from_corpus(&job->vocab, &job->corpus));
        job->config = options->model;
        job->config.input_size = job->vocab.V;
        return LYRNN_OK;
    }
    char path[4096];
    LYRNN_TRY(lyrnn_run_dir_find_model(options->init_path, path, sizeof path));
    LYRNN_TRY(lyrnn_checkpoint_read(&job->init, path));
    job->config = job->init.config;
    job->config.dropout = options->model.dropout;
    return lyrnn_vocab_from_chars(&job->vocab, job->init.vocab.chars, (size_t)job->init.vocab.V);
}

static lyrnn_status encode_corpus(job *job)
{
    size_t bytes = job->corpus.N * sizeof(int32_t);
    job->ids = (int32_t *)malloc(bytes);
    if (job->ids == NULL)
        return out_of_memory("the corpus", bytes);
    return lyrnn_vocab_encode(&job->vocab, "corpus", job->corpus.chars, job->corpus.N, job->ids);
}

/* Stands in for default prefixes that another language's lyrics cannot spell. */
static lyrnn_status prompt_with_first_line(job *job)
{
    enum { LONGEST = 10 };
    size_t length = 1;
    while (length < job->corpus.N && length < LONGEST && job->corpus.chars[length] != '\n')
        length++;
    fprintf(job->log, "prefix: the corpus cannot spell the default ones; samples begin as it does "
                      "(give your own: --prefix TEXT)\n");
    LYRNN_TRY(lyrnn_prompt_from_ids(&job->prompts[job->num_prompts], job->ids, length));
    job->num_prompts++;
    return LYRNN_OK;
}

static lyrnn_status encode_prefixes(job *job)
{
    const lyrnn_train_options *options = job->options;
    job->prompts = (lyrnn_prompt *)calloc(options->num_prefixes + 1, sizeof(lyrnn_prompt));
    if (job->prompts == NULL)
        return out_of_memory("the prefixes", options->num_prefixes * sizeof(lyrnn_prompt));
    for (size_t i = 0; i < options->num_prefixes; i++) {
        lyrnn_status status = lyrnn_prompt_of_option(&job->prompts[job->num_prompts], &job->vocab,
                                                     "--prefix", options->prefixes[i],
                                                     options->newlines, LYRNN_UNKNOWN_ERROR, NULL);
        if (status == LYRNN_OK)
            job->num_prompts++;
        else if (status != LYRNN_ERR_UNKNOWN_CHAR || !options->prefixes_are_defaults)
            return status;
    }
    if (job->num_prompts == 0 && options->prefixes_are_defaults)
        return prompt_with_first_line(job);
    return LYRNN_OK;
}

/* The end of the corpus, not random pieces: lyrics repeat, and a piece's chorus would have been learnt. */
static lyrnn_status split_corpus(job *job)
{
    const lyrnn_train_options *options = job->options;
    if (options->patience > 0 && !(options->val_fraction > 0.0f))
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--patience %d: watches the validation perplexity, and "
                          "there is none; add --val-fraction 0.1",
                          options->patience);
    job->num_validation = (size_t)((double)job->corpus.N * (double)options->val_fraction);
    size_t needed = (size_t)options->num_steps + 1;
    if (options->val_fraction > 0.0f && job->num_validation < needed)
        return lyrnn_fail(LYRNN_ERR_CORPUS_SHORT,
                          "--val-fraction %g: leaves %zu characters to validate on, which takes at "
                          "least %zu (--num-steps + 1); raise it, lower --num-steps, or bring more "
                          "text",
                          (double)options->val_fraction, job->num_validation, needed);
    return LYRNN_OK;
}

static lyrnn_status prepare_text(job *job)
{
    const lyrnn_train_options *options = job->options;
    LYRNN_TRY(load_corpus(job));
    LYRNN_TRY(make_vocab(job));
    LYRNN_TRY(encode_corpus(job));
    LYRNN_TRY(encode_prefixes(job));
    LYRNN_TRY(split_corpus(job));
    return lyrnn_batches_init(&job->batches, job->corpus.N - job->num_validation,
                              options->batch_size, options->num_steps, options->sampling,
                              options->seed);
}

/* Device memory of the whole job. */
static size_t count_bytes(const job *job, lyrnn_training_memory *memory, size_t *validation)
{
    const lyrnn_train_options *options = job->options;
    int num_lanes = job->backend->num_lanes;
    *memory = lyrnn_training_memory_of(&job->config, &job->batches, num_lanes);
    *validation = job->num_validation == 0
                      ? 0
                      : lyrnn_evaluator_bytes(&job->config, num_lanes, job->num_validation,
                                              options->batch_size, options->num_steps);
    return memory->total_bytes + *validation;
}

static void log_plan(const job *job)
{
    const lyrnn_train_options *options = job->options;
    const double mib = 1024.0 * 1024.0;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &job->config);
    lyrnn_training_memory memory;
    size_t validation_bytes, total_bytes = count_bytes(job, &memory, &validation_bytes);
    char device[256];
    job->backend->describe(job->backend, device, sizeof device);
    fprintf(job->log, "corpus: %s, %zu characters, %d in the vocabulary\n",
            options->num_corpus_paths == 0   ? "the sample lyrics that come with lyrnn"
            : options->num_corpus_paths == 1 ? options->corpus_paths[0]
                                             : "several files",
            job->corpus.N, job->vocab.V);
    fprintf(job->log, "model: %s, %d layer%s of %d hidden units%s, %zu parameters%s%s\n",
            lyrnn_cell_name(job->config.cell), job->config.num_layers,
            job->config.num_layers == 1 ? "" : "s", job->config.hidden_size,
            job->config.bidirectional ? " in both directions" : "",
            lyrnn_parameters_total(&parameters), options->init_path == NULL ? "" : " from ",
            options->init_path == NULL ? "" : options->init_path);
    if (job->config.bidirectional)
        fprintf(job->log, "warning: " LYRNN_BIDIRECTIONAL_WARNING "\n");
    if (job->config.dropout > 0.0f && job->config.num_layers == 1)
        fprintf(job->log, "warning: --dropout acts between layers, and there is one\n");
    fprintf(job->log, "batches: %zu an epoch of %d streams by %d steps\n", job->batches.K,
            job->batches.B, job->batches.T);
    if (job->num_validation > 0)
        fprintf(job->log, "validation: on the last %zu characters\n", job->num_validation);
    fprintf(job->log, "device: %s (%s)\n", job->backend->name, device);
    if (job->backend->why_not_cuda[0] != '\0')
        fprintf(job->log, "device: not CUDA: %s\n", job->backend->why_not_cuda);
    fprintf(job->log,
            "memory: %.1f MiB: parameters %.1f, gradients %.1f, moments %.1f, activations %.1f, "
            "corpus %.1f, validation %.1f\n",
            (double)total_bytes / mib, (double)memory.parameters_bytes / mib,
            (double)memory.gradients_bytes / mib, (double)memory.moments_bytes / mib,
            (double)memory.activations_bytes / mib, (double)memory.corpus_bytes / mib,
            (double)validation_bytes / mib);
}

/* Asks for all of the memory at once, and gives it back: what cannot fit is refused here, by the total,
 * before the parts that do fit take time to fill. */
static lyrnn_status check_memory(const job *job)
{
    lyrnn_backend *backend = job->backend;
    lyrnn_training_memory parts;
    size_t validation, bytes = count_bytes(job, &parts, &validation);
    void *memory;
    if (backend->memory_alloc(backend, bytes, &memory) != LYRNN_OK)
        return lyrnn_fail(LYRNN_ERR_MEMORY,
                          "%s for this training in all; lower --hidden-size, --batch-size or "
                          "--num-steps",
                          lyrnn_error_text());
    backend->memory_free(backend, memory);
    return LYRNN_OK;
}

static lyrnn_status prepare_model(job *job)
{
    const lyrnn_train_options *options = job->options;
    LYRNN_TRY(lyrnn_model_init(&job->model, &job->config, job->backend));
    if (options->init_path != NULL)
        lyrnn_model_upload(&job->model, job->init.params);
    else
        lyrnn_model_randomise(&job->model, options->seed);
    LYRNN_TRY(lyrnn_trainer_init(&job->trainer, &job->model, &job->batches, job->ids,
                                 &options->optimiser));
    if (job->num_validation > 0)
        LYRNN_TRY(lyrnn_evaluator_init(&job->evaluator, &job->model, job->ids + job->batches.N,
                                       job->num_validation, options->batch_size,
                                       options->num_steps));
    size_t longest = 1;
    for (size_t i = 0; i < job->num_prompts; i++)
        if (job->prompts[i].length > longest)
            longest = job->prompts[i].length;
    const lyrnn_generate_options greedy = lyrnn_greedy_options();
    LYRNN_TRY(lyrnn_generator_init(&job->generator, &job->model, &greedy,
                                   longest + (size_t)options->pred_len));
    size_t bytes = job->model.parameters.count * sizeof(float);
    job->params = (float *)malloc(bytes);
    return job->params == NULL ? out_of_memory("a checkpoint", bytes) : LYRNN_OK;
}

static lyrnn_status diverged(const job *job, const char *what, int64_t step, int epoch)
{
    const char *advice = job->options->optimiser.clip_norm > 0.0f
                             ? "lower --lr or --clip-norm"
                             : "lower --lr, or clip gradients with --clip-norm 0.01";
    return lyrnn_fail(LYRNN_ERR_DIVERGED, "training: %s at step %lld, in epoch %d; %s%s", what,
                      (long long)step, epoch, advice,
                      job->has_saved ? ", or go on from the last checkpoint with --init" : "");
}

static lyrnn_status save(job *job, int epoch)
{
    lyrnn_model_download(&job->model, job->params);
    /* The last update of an epoch can break the weights before any loss has seen them. */
    for (size_t i = 0; i < job->model.parameters.count; i++)
        if (!isfinite(job->params[i]))
            return diverged(job, "a weight became NaN or infinite",
                            lyrnn_trainer_counters(&job->trainer).step, epoch);
    LYRNN_TRY(lyrnn_run_dir_save(&job->run, epoch, &job->config, &job->vocab, job->params));
    job->has_saved = true;
    return LYRNN_OK;
}

static lyrnn_status write_sample(void *context, const lyrnn_sample *sample)
{
    const job *job = context;
    fputs(" - ", job->samples);
    for (size_t i = 0; i < sample->length; i++) {
        uint32_t c = job->vocab.chars[sample->ids[i]];
        char utf8[LYRNN_UTF8_MAX];
        fwrite(utf8, 1, lyrnn_utf8_encode(c == '\n' ? ' ' : c, utf8), job->samples);
    }
    fputc('\n', job->samples);
    return LYRNN_OK;
}

static bool has_lost_patience(const job *job, int epoch)
{
    int patience = job->options->patience;
    return patience > 0 && epoch - job->best_epoch >= patience;
}

static bool is_last(const job *job, int epoch)
{
    return epoch == job->options->num_epochs || has_lost_patience(job, epoch);
}

/* Whether the epoch is one to save whatever the validation says. */
static bool is_due(const job *job, int epoch)
{
    return epoch % job->options->checkpoint_every == 0 || is_last(job, epoch);
}

static lyrnn_status report(job *job, const lyrnn_metrics *metrics)
{
    char *json_line;
    LYRNN_TRY(lyrnn_metrics_to_json(metrics, &json_line));
    lyrnn_status status = lyrnn_run_dir_append_metrics(&job->run, json_line);
    free(json_line);
    if (status != LYRNN_OK)
        return status;
    const lyrnn_train_options *options = job->options;
    if (metrics->epoch % options->pred_period != 0 && !is_last(job, metrics->epoch))
        return LYRNN_OK;
    lyrnn_progress_clear(&job->progress);
    fprintf(job->samples, "epoch %d, perplexity %f, ", metrics->epoch, metrics->perplexity);
    if (metrics->is_validated)
        fprintf(job->samples, "validation %f, ", metrics->validation_perplexity);
    fprintf(job->samples, "time %.2f sec\n", metrics->seconds);
    const lyrnn_listener listener = {.sample = write_sample, .context = job};
    for (size_t i = 0; i < job->num_prompts; i++)
        LYRNN_TRY(lyrnn_generate(&job->generator, &job->prompts[i], (size_t)options->pred_len,
                                 &listener));
    if (fflush(job->samples) != 0)
        return lyrnn_fail(LYRNN_ERR_IO, "standard output: the samples cannot be written; make room "
                                        "or send them elsewhere");
    return LYRNN_OK;
}

/* Saves the epoch if it is due or the best so far. The best before it goes, unless it was due itself: latest
 * has moved on. */
static lyrnn_status save_epoch(job *job, const lyrnn_metrics *metrics)
{
    int epoch = metrics->epoch, before = job->best_epoch;
    bool is_best = metrics->is_validated &&
                   (before == 0 || metrics->validation_nats_per_char < job->best_nats);
    if (is_best) {
        job->best_epoch = epoch;
        job->best_nats = metrics->validation_nats_per_char;
    }
    if (!is_best && !is_due(job, epoch))
        return LYRNN_OK;
    LYRNN_TRY(save(job, epoch));
    if (is_best) {
        LYRNN_TRY(lyrnn_run_dir_mark_best(&job->run, epoch));
        if (before != 0 && before % job->options->checkpoint_every != 0)
            lyrnn_run_dir_remove(&job->run, before);
    }
    return LYRNN_OK;
}

static lyrnn_status train_epoch(job *job, int epoch)
{
    int64_t before = (int64_t)job->batches.K * (epoch - 1);
    double start = lyrnn_seconds();
    LYRNN_TRY(lyrnn_trainer_begin_epoch(&job->trainer, (uint64_t)epoch));
    for (size_t k = 0; k < job->batches.K; k++) {
        lyrnn_trainer_step(&job->trainer);
        lyrnn_progress_update(&job->progress, epoch, before + (int64_t)k + 1);
    }
    lyrnn_counters counters = lyrnn_trainer_counters(&job->trainer);
    double seconds = lyrnn_seconds() - start;
    if (counters.bad_step != 0)
        return diverged(job, "the loss became NaN or infinite", counters.bad_step, epoch);
    double nats_per_char = counters.loss_sum / (double)counters.loss_count;
    lyrnn_metrics metrics = {
        .epoch = epoch,
        .step = counters.step,
        .nats_per_char = nats_per_char,
        .perplexity = exp(nats_per_char),
        .chars_per_second = (double)counters.loss_count / seconds,
        .seconds = seconds,
    };
    if (job->num_validation > 0) {
        metrics.is_validated = true;
        metrics.validation_nats_per_char = lyrnn_evaluate(&job->evaluator);
        metrics.validation_perplexity = exp(metrics.validation_nats_per_char);
    }
    /* The model first: that nobody can read the report any more must not lose it. */
    LYRNN_TRY(save_epoch(job, &metrics));
    return report(job, &metrics);
}

static lyrnn_status run_job(job *job)
{
    const lyrnn_train_options *options = job->options;
    LYRNN_TRY(prepare_text(job));
    if (options->out_path != NULL)
        LYRNN_TRY(lyrnn_run_dir_check(options->out_path, options->overwrite));
    log_plan(job);
    LYRNN_TRY(check_memory(job));
    LYRNN_TRY(prepare_model(job));
    LYRNN_TRY(lyrnn_run_dir_create(&job->run, options->out_path, options->overwrite,
                                   options->config_json));
    fprintf(job->log, "run: %s\n", job->run.path);
    if (options->num_epochs == 0)
        return save(job, 0);
    lyrnn_progress_init(&job->progress, job->log, options->num_epochs,
                        (int64_t)job->batches.K * options->num_epochs,
                        job->batches.B * job->batches.T);
    for (int epoch = 1; epoch <= options->num_epochs; epoch++) {
        LYRNN_TRY(train_epoch(job, epoch));
        if (has_lost_patience(job, epoch))
            break;
    }
    if (job->best_epoch != 0) {
        lyrnn_progress_clear(&job->progress);
        fprintf(job->log, "best: validation perplexity %f at epoch %d, in %s/best\n",
                exp(job->best_nats), job->best_epoch, job->run.path);
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_train(const lyrnn_train_options *options, lyrnn_backend *backend, FILE *samples,
                         FILE *log)
{
    job job = {.options = options, .backend = backend, .samples = samples, .log = log};
    lyrnn_status status = run_job(&job);
    if (job.progress.log != NULL)
        lyrnn_progress_clear(&job.progress);
    job_free(&job);
    return status;
}
