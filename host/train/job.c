/* A training from text to checkpoints, in the order in which it happens: text, plan, model, run
 * folder, epochs. Everything that can be refused is refused before the run's folder is made.
 * Source: the tutorial's train_and_predict_rnn. Read start.c and epochs.c next. */
#include "lyrnn/train.h"

#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/memory.h"
#include "base/memory_limit.h"
#include "base/plain_text.h"
#include "base/xxh128.h"
#include "train/job.h"

static void train_job_free(train_job *job)
{
    lyrnn_run_dir_close(&job->run);
    lyrnn_generator_free(&job->generator);
    lyrnn_evaluator_free(&job->evaluator);
    lyrnn_trainer_free(&job->trainer);
    lyrnn_model_free(&job->model);
    lyrnn_batches_free(&job->batches);
    lyrnn_vocab_free(&job->vocab);
    lyrnn_trainer_snapshot_free(&job->state.snapshot);
    lyrnn_corpus_free(&job->corpus);
    for (size_t i = 0; i < job->num_prompts; i++)
        lyrnn_prompt_free(&job->prompts[i]);
    free(job->prompts);
    free(job->validation_starts);
    free(job->ids);
    free(job->params);
    json_decref(job->learned);
    free(job->learned_text);
}

static lyrnn_status load_corpus(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    if (options->num_corpus_paths == 0)
        return lyrnn_corpus_load_sample(&job->corpus, &options->text);
    return lyrnn_corpus_load(&job->corpus, options->corpus_paths, options->num_corpus_paths,
                             &options->text);
}

static lyrnn_status encode_corpus(train_job *job)
{
    size_t bytes = job->corpus.N * sizeof(int32_t);
    static const char remedy[] = "read less of it with --max-chars";
    LYRNN_TRY(lyrnn_require_memory("corpus", bytes, remedy));
    job->ids = (int32_t *)malloc(bytes);
    if (job->ids == NULL)
        return lyrnn_out_of_memory("corpus", bytes, remedy);
    return lyrnn_vocab_encode(&job->vocab, "corpus", job->corpus.chars, job->corpus.N, job->ids);
}

/* Replaces the default prefixes if the corpus lacks their characters: the sample then begins as the
 * corpus does. */
static lyrnn_status prompt_with_first_line(train_job *job)
{
    enum { LONGEST = 10 };
    size_t length = 1;
    while (length < job->corpus.N && length < LONGEST && job->corpus.chars[length] != '\n')
        length++;
    lyrnn_print_plain(
        job->log,
        "prefix: the corpus lacks characters of the default prefixes; samples begin with the "
        "first line of the corpus instead (choose your own: --prefix TEXT)\n");
    LYRNN_TRY(lyrnn_prompt_from_ids(&job->prompts[job->num_prompts], job->ids, length));
    job->num_prompts++;
    return LYRNN_OK;
}

static lyrnn_status encode_prefixes(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    job->prompts = (lyrnn_prompt *)calloc(options->num_prefixes + 1, sizeof(lyrnn_prompt));
    if (job->prompts == NULL)
        return lyrnn_out_of_memory("--prefix", options->num_prefixes * sizeof(lyrnn_prompt),
                                   "use fewer prefixes");
    const lyrnn_prompt_rules rules = {.vocab = &job->vocab, .newlines = options->text.newlines};
    for (size_t i = 0; i < options->num_prefixes; i++) {
        lyrnn_status status = lyrnn_prompt_of_option(&job->prompts[job->num_prompts], &rules,
                                                     "--prefix", options->prefixes[i]);
        if (status == LYRNN_OK)
            job->num_prompts++;
        else if (status != LYRNN_ERR_UNKNOWN_CHAR || !options->prefixes_are_defaults)
            return status;
    }
    if (job->num_prompts == 0 && options->prefixes_are_defaults)
        return prompt_with_first_line(job);
    return LYRNN_OK;
}

/* The hash of where songs begin. */
static void hash_starts(const lyrnn_corpus *corpus, char text[LYRNN_CORPUS_HASH_SIZE])
{
    _Static_assert(sizeof *corpus->starts == sizeof(uint64_t), "the hash is over 64-bit numbers");
    const lyrnn_byte_range starts = {corpus->starts, corpus->num_songs * sizeof *corpus->starts};
    lyrnn_xxh128(&starts, 1, text);
}

static lyrnn_status read_text(train_job *job)
{
    LYRNN_TRY(load_corpus(job));
    lyrnn_corpus_hash(&job->corpus, job->corpus_xxh128);
    hash_starts(&job->corpus, job->songs_xxh128);
    LYRNN_TRY(train_compare_corpus(job));
    LYRNN_TRY(train_choose_sampling(job));
    return train_take_start(job);
}

static lyrnn_status prepare_text(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    job->vocab.normalize = options->text.normalize;
    LYRNN_TRY(train_split_corpus(job));
    LYRNN_TRY(encode_corpus(job));
    const lyrnn_batch_options batches = {.N = job->corpus.N - job->num_validation,
                                         .B = options->batch_size,
                                         .T = options->num_steps,
                                         .num_shards = train_num_shards(job),
                                         .sampling = job->sampling,
                                         .random_offset = options->random_offset,
                                         .seed = options->seed,
                                         .songs = job->corpus.starts,
                                         .num_songs = job->num_learned_songs};
    LYRNN_TRY(lyrnn_batches_init(&job->batches, &batches));
    train_set_optimizer(job);
    return encode_prefixes(job); /* last, because it may print a notice */
}

static lyrnn_status prepare_model(train_job *job)
{
    LYRNN_TRY(lyrnn_model_init(&job->model, &job->config, job->backend));
    size_t bytes = job->model.parameters.count * sizeof(float);
    job->params = (float *)malloc(bytes);
    if (job->params == NULL)
        return lyrnn_out_of_memory("checkpoint", bytes,
                                   "lower --hidden-size, or close other programs");
    train_set_weights(job);
    LYRNN_TRY(
        lyrnn_trainer_init(&job->trainer, &job->model, &job->batches, job->ids, &job->optimizer));
    /* How ranks sum depends on the plans, and is settled with the state. */
    LYRNN_TRY(train_choose_plan(job));
    return train_prepare_state(job);
}

/* Prepares validation and samples. */
static lyrnn_status prepare_reports(train_job *job)
{
    const lyrnn_model *result = lyrnn_trainer_result(&job->trainer);
    if (job->num_validation > 0) {
        const lyrnn_evaluation_text text = train_validation_text(job);
        LYRNN_TRY(
            lyrnn_evaluator_init(&job->evaluator, result, &text, job->batches.B, job->batches.T));
    }
    const lyrnn_generate_options greedy = lyrnn_greedy_options();
    return lyrnn_generator_init(&job->generator, result, &greedy, train_sample_length(job));
}

/* Completes the error about a file that could not be written: it says how to continue after the
 * cause is fixed. */
static lyrnn_status add_how_to_continue(const train_job *job)
{
    const char *path = job->run.path;
    if (job->options->is_one_of_several)
        return LYRNN_ERR_IO;
    if (lyrnn_run_dir_has_checkpoint(&job->run))
        return lyrnn_fail(LYRNN_ERR_IO, "%s, then continue: lyrnn train --resume %s",
                          lyrnn_error_text(), path);
    if (path != NULL)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s, then start again with --out %s --overwrite: nothing was saved",
                          lyrnn_error_text(), path);
    return LYRNN_ERR_IO;
}

/* Completes the error of a training that was to replace an earlier run. */
static lyrnn_status add_what_stays(const train_job *job, lyrnn_status status)
{
    if (status == LYRNN_OK || !job->run.is_staged || lyrnn_run_dir_has_checkpoint(&job->run))
        return status;
    return lyrnn_fail(status, "%s (the earlier run in %s stays as it was)", lyrnn_error_text(),
                      job->run.path);
}

static lyrnn_status run_job(train_job *job)
{
    LYRNN_TRY(train_check_shards(job));
    LYRNN_TRY(train_open_start(job));
    LYRNN_TRY(train_leads(job) ? lyrnn_train_check_options(job->options)
                               : train_check_values(job->options));
    LYRNN_TRY(train_check_plan(job));
    LYRNN_TRY(read_text(job));
    if (job->options->is_repeated && train_is_complete(job))
        return train_end_complete(job);
    LYRNN_TRY(prepare_text(job));
    LYRNN_TRY(train_check_start(job));
    train_log_plan(job);
    LYRNN_TRY(train_log_start(job));
    LYRNN_TRY(train_check_memory(job));
    LYRNN_TRY(prepare_model(job));
    if (train_leads(job))
        LYRNN_TRY(prepare_reports(job));
    LYRNN_TRY(train_compare_weights(job)); /* all ranks are ready */
    lyrnn_status status = train_begin_run(job);
    if (status == LYRNN_OK)
        status = train_epochs(job);
    if (status == LYRNN_ERR_IO)
        status = add_how_to_continue(job);
    return add_what_stays(job, status);
}

lyrnn_status lyrnn_train(const lyrnn_train_options *options, lyrnn_backend *backend, FILE *samples,
                         FILE *log)
{
    lyrnn_start new_model = {0};
    train_job job = {.options = options,
                     .start = options->start != NULL ? options->start : &new_model,
                     .backend = backend,
                     .samples = samples,
                     .log = log};
    /* Scripts read the epochs' lines, so their numbers have decimal points everywhere. */
    const c_locale locale = c_locale_enter();
    lyrnn_status status = run_job(&job);
    if (job.progress.log != NULL)
        lyrnn_progress_clear(&job.progress);
    train_job_free(&job);
    c_locale_leave(&locale);
    return status;
}
