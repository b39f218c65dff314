/* The article's train_and_predict, and what real use needs around it: text in, model up, an epoch at a
 * time, samples on the way, checkpoints to keep. Everything that can be refused is refused before the run
 * directory is made. */
#include "lyrnn/train.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "model/device_memory.h"
#include "run/run_dir_files.h"
#include "train/job.h"

static void job_free(train_job *job)
{
    lyrnn_run_dir_close(&job->run);
    lyrnn_generator_free(&job->generator);
    lyrnn_evaluator_free(&job->evaluator);
    lyrnn_trainer_free(&job->trainer);
    lyrnn_model_free(&job->model);
    lyrnn_vocab_free(&job->vocab);
    lyrnn_checkpoint_free(&job->init);
    lyrnn_trainer_state_free(&job->state);
    lyrnn_corpus_free(&job->corpus);
    for (size_t i = 0; i < job->num_prompts; i++)
        lyrnn_prompt_free(&job->prompts[i]);
    free(job->prompts);
    free(job->ids);
    free(job->params);
}

static lyrnn_status out_of_memory(size_t bytes, const char *what, const char *remedy)
{
    return lyrnn_fail(LYRNN_ERR_MEMORY, "memory: %zu bytes asked for %s; %s", bytes, what, remedy);
}

static lyrnn_status load_corpus(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    if (options->num_corpus_paths == 0)
        return lyrnn_corpus_load_sample(&job->corpus, options->newlines, options->max_chars);
    return lyrnn_corpus_load(&job->corpus, options->corpus_paths, options->num_corpus_paths,
                             options->newlines, options->max_chars);
}

/* A bare state_dict's rows have no characters yet: they get the corpus's, in code-point order. */
static lyrnn_status lend_vocab(train_job *job, const char *path)
{
    int V = job->init.config.input_size;
    if (job->vocab.V != V)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: it has no vocabulary and %d inputs, and the corpus has %d distinct "
                          "characters; give the text that it was trained on (--max-chars, "
                          "--newlines), or save it with its \"vocab\"",
                          path, V, job->vocab.V);
    fprintf(job->log,
            "warning: %s has no \"vocab\": its inputs are taken to be the corpus's characters in "
            "code-point order\n",
            path);
    return lyrnn_vocab_from_chars(&job->init.vocab, job->vocab.chars, (size_t)V);
}

enum { LIST_BYTES = 160 };

/* Counts the characters of vocab that `known` lacks, and names as many as list (LIST_BYTES) holds. */
static lyrnn_status list_new(const lyrnn_vocab *vocab, const lyrnn_vocab *known, char *list,
                             size_t *num)
{
    return lyrnn_vocab_list_unknown(known, vocab->chars, (size_t)vocab->V, list, LIST_BYTES, num);
}

/* The corpus's characters, be they few: a model that is fine-tuned should write as that text does. Where
 * the initial model has the very same, its order of them stays, and with it all of its weights. */
static lyrnn_status match_vocab(train_job *job, const char *path)
{
    lyrnn_vocab *vocab = &job->vocab;
    const lyrnn_vocab *known = &job->init.vocab;
    if (known->V == 0)
        LYRNN_TRY(lend_vocab(job, path));
    char list[LIST_BYTES];
    size_t num_new;
    LYRNN_TRY(list_new(vocab, known, list, &num_new));
    if (num_new == (size_t)vocab->V)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "corpus: it has no character that the model in %s knows; leave out "
                          "--init, or give lyrics in the model's script",
                          path);
    if (num_new > 0 || vocab->V != known->V)
        return LYRNN_OK;
    lyrnn_vocab_free(vocab);
    return lyrnn_vocab_from_chars(vocab, known->chars, (size_t)known->V);
}

/* Of --init, or of the run to resume. */
static lyrnn_status read_initial_model(train_job *job, char *path, size_t path_size)
{
    const lyrnn_train_options *options = job->options;
    bool resumes = options->resume_path != NULL;
    LYRNN_TRY(lyrnn_run_dir_find_model(resumes ? options->resume_path : options->init_path, path,
                                       path_size));
    if (resumes)
        return lyrnn_checkpoint_read(&job->init, path);
    LYRNN_TRY(lyrnn_checkpoint_read_state_dict(&job->init, path));
    lyrnn_checkpoint_choose_rnn(&job->init, options->model.cell);
    return LYRNN_OK;
}

/* The vocabulary, and with it the network's shape. A resumed run's vocabulary is its own. */
static lyrnn_status make_vocab(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    const lyrnn_vocab *known = &job->init.vocab;
    char path[4096];
    job->config = options->model;
    if (options->resume_path != NULL || options->init_path != NULL) {
        LYRNN_TRY(read_initial_model(job, path, sizeof path));
        job->config = job->init.config;
        job->config.dropout = options->model.dropout;
    }
    if (options->resume_path != NULL)
        return lyrnn_vocab_from_chars(&job->vocab, known->chars, (size_t)known->V);
    LYRNN_TRY(lyrnn_vocab_from_corpus(&job->vocab, &job->corpus));
    if (options->init_path != NULL)
        LYRNN_TRY(match_vocab(job, path));
    job->config.input_size = job->vocab.V;
    return LYRNN_OK;
}

static lyrnn_status encode_corpus(train_job *job)
{
    size_t bytes = job->corpus.N * sizeof(int32_t);
    job->ids = (int32_t *)malloc(bytes);
    if (job->ids == NULL)
        return out_of_memory(bytes, "the corpus", "read less of it by --max-chars");
    return lyrnn_vocab_encode(&job->vocab, "corpus", job->corpus.chars, job->corpus.N, job->ids);
}

/* Stands in for default prefixes that another language's lyrics cannot spell. */
static lyrnn_status prompt_with_first_line(train_job *job)
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

static lyrnn_status encode_prefixes(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    job->prompts = (lyrnn_prompt *)calloc(options->num_prefixes + 1, sizeof(lyrnn_prompt));
    if (job->prompts == NULL)
        return out_of_memory(options->num_prefixes * sizeof(lyrnn_prompt), "the prefixes",
                             "give fewer");
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
static lyrnn_status split_corpus(train_job *job)
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

static lyrnn_status prepare_text(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    LYRNN_TRY(load_corpus(job));
    lyrnn_corpus_hash(&job->corpus, job->corpus_xxh128);
    LYRNN_TRY(make_vocab(job));
    if (options->resume_path != NULL)
        LYRNN_TRY(train_read_state(job));
    LYRNN_TRY(encode_corpus(job));
    LYRNN_TRY(encode_prefixes(job));
    LYRNN_TRY(split_corpus(job));
    return lyrnn_batches_init(&job->batches, job->corpus.N - job->num_validation,
                              options->batch_size, options->num_steps, options->sampling,
                              options->seed);
}

/* Characters of the longest sample, prefix included. */
static size_t sample_length(const train_job *job)
{
    size_t longest = 1;
    for (size_t i = 0; i < job->num_prompts; i++)
        if (job->prompts[i].length > longest)
            longest = job->prompts[i].length;
    return longest + (size_t)job->options->pred_len;
}

/* Memory of the whole job, in bytes: of the device, and of the host what checkpoints are copied to. */
typedef struct {
    lyrnn_training_memory training;
    size_t validation, samples, device_total;
    size_t checkpoints;
} job_memory;

static job_memory count_memory(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    const lyrnn_generate_options greedy = lyrnn_greedy_options();
    int num_lanes = job->backend->num_lanes;
    job_memory memory = {
        .training = lyrnn_training_memory_of(&job->config, &job->batches, num_lanes),
        .samples = lyrnn_generator_bytes(&job->config, num_lanes, &greedy, sample_length(job)),
    };
    memory.checkpoints =
        memory.training.parameters_bytes + lyrnn_trainer_state_bytes(&job->config, job->batches.B);
    if (job->num_validation > 0)
        memory.validation = lyrnn_evaluator_bytes(&job->config, num_lanes, job->num_validation,
                                                  options->batch_size, options->num_steps);
    memory.device_total = memory.training.total_bytes + memory.validation + memory.samples;
    return memory;
}

/* What became of the characters that the initial model knows. */
static lyrnn_status log_vocab(const train_job *job)
{
    char new[LIST_BYTES], dropped[LIST_BYTES];
    size_t num_new, num_dropped;
    LYRNN_TRY(list_new(&job->vocab, &job->init.vocab, new, &num_new));
    LYRNN_TRY(list_new(&job->init.vocab, &job->vocab, dropped, &num_dropped));
    fprintf(job->log, "init: %zu characters kept; %zu new%s%s; %zu dropped%s%s\n",
            (size_t)job->vocab.V - num_new, num_new, num_new > 0 ? ": " : "", new, num_dropped,
            num_dropped > 0 ? ": " : "", dropped);
    return LYRNN_OK;
}

static void log_memory(const train_job *job)
{
    const double mib = 1024.0 * 1024.0;
    job_memory memory = count_memory(job);
    const lyrnn_training_memory *training = &memory.training;
    size_t total = memory.device_total + job->backend->own_bytes;
    fprintf(job->log,
            "memory: %.1f MiB: parameters %.1f, gradients %.1f, moments %.1f, activations %.1f, "
            "corpus %.1f, validation %.1f, samples %.1f, ",
            (double)(total + (job->backend->shares_host_memory ? memory.checkpoints : 0)) / mib,
            (double)training->parameters_bytes / mib, (double)training->gradients_bytes / mib,
            (double)training->moments_bytes / mib, (double)training->activations_bytes / mib,
            (double)training->corpus_bytes / mib, (double)memory.validation / mib,
            (double)memory.samples / mib);
    if (!job->backend->shares_host_memory)
        fprintf(job->log, "libraries %.1f; on the host: ", (double)job->backend->own_bytes / mib);
    fprintf(job->log, "checkpoints %.1f\n", (double)memory.checkpoints / mib);
}

static void log_plan(const train_job *job)
{
    const lyrnn_train_options *options = job->options;
    const char *init_path =
        options->resume_path != NULL ? options->resume_path : options->init_path;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &job->config);
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
            lyrnn_parameters_total(&parameters), init_path == NULL ? "" : " from ",
            init_path == NULL ? "" : init_path);
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
    log_memory(job);
}

/* Asks for all of the memory at once, and gives it back: what cannot fit is refused here, by the total,
 * before the parts that do fit take time to fill. */
static lyrnn_status check_memory(const train_job *job)
{
    lyrnn_backend *backend = job->backend;
    job_memory bytes = count_memory(job);
    /* A resumed run's checkpoint is in memory already. */
    bool needs_checkpoints = job->backend->shares_host_memory && job->options->resume_path == NULL;
    size_t total = bytes.device_total + (needs_checkpoints ? bytes.checkpoints : 0);
    void *memory;
    LYRNN_TRY(lyrnn_device_alloc(backend, total, "this training in all",
                                 "lower --hidden-size, --batch-size or --num-steps", &memory));
    backend->memory_free(backend, memory);
    return LYRNN_OK;
}

/* That of the resumed run goes to the trainer; a new one is there to be filled. */
static lyrnn_status prepare_state(train_job *job)
{
    if (job->options->resume_path != NULL)
        return lyrnn_trainer_upload(&job->trainer, &job->state);
    LYRNN_TRY(lyrnn_trainer_state_init(&job->state, &job->config, job->batches.B));
    job->state.seed = job->options->seed;
    job->state.corpus_chars = (int64_t)job->corpus.N;
    memcpy(job->state.corpus_xxh128, job->corpus_xxh128, sizeof job->corpus_xxh128);
    return LYRNN_OK;
}

/* A new model, or the one to go on from: as it is, or with new characters as a new model has them. What was read
 * is then let go of. */
static void set_weights(train_job *job)
{
    if (job->options->resume_path != NULL) {
        lyrnn_model_upload(&job->model, job->init.params);
    } else {
        lyrnn_model_randomise(&job->model, job->options->seed);
        if (job->init.params == NULL)
            return;
        lyrnn_model_download(&job->model, job->params);
        lyrnn_checkpoint_remap(&job->init, &job->vocab, job->params);
        lyrnn_model_upload(&job->model, job->params);
    }
    lyrnn_checkpoint_free(&job->init);
}

static lyrnn_status prepare_model(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    LYRNN_TRY(lyrnn_model_init(&job->model, &job->config, job->backend));
    size_t bytes = job->model.parameters.count * sizeof(float);
    job->params = (float *)malloc(bytes);
    if (job->params == NULL)
        return out_of_memory(bytes, "a checkpoint", "lower --hidden-size, or close other programs");
    set_weights(job);
    LYRNN_TRY(lyrnn_trainer_init(&job->trainer, &job->model, &job->batches, job->ids,
                                 &options->optimiser));
    LYRNN_TRY(prepare_state(job));
    if (job->num_validation > 0)
        LYRNN_TRY(lyrnn_evaluator_init(&job->evaluator, &job->model, job->ids + job->batches.N,
                                       job->num_validation, options->batch_size,
                                       options->num_steps));
    const lyrnn_generate_options greedy = lyrnn_greedy_options();
    return lyrnn_generator_init(&job->generator, &job->model, &greedy, sample_length(job));
}

/* What the caller says of the training, and which text it was. */
static lyrnn_status print_config(const train_job *job, char **text)
{
    json_t *config = json_loads(job->options->config_json, JSON_REJECT_DUPLICATES, NULL);
    LYRNN_CHECK(json_is_object(config));
    *text = NULL;
    if (json_object_set_new(config, "corpus_xxh128", json_string(job->corpus_xxh128)) == 0)
        *text = json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(config);
    return *text != NULL ? LYRNN_OK
                         : lyrnn_fail(LYRNN_ERR_MEMORY,
                                      "config.json: no memory for it; close other programs");
}

/* From here on the disk is written to. */
static lyrnn_status begin_run(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    char *config;
    LYRNN_TRY(print_config(job, &config));
    if (options->watch_for_stop != NULL)
        job->stop = options->watch_for_stop();
    lyrnn_status status =
        options->resume_path != NULL
            ? train_resume_run(job, config)
            : lyrnn_run_dir_create(&job->run, options->out_path, options->overwrite, config);
    free(config);
    if (status == LYRNN_OK)
        fprintf(job->log, "run: %s\n", job->run.path);
    return status;
}

/* Locked at once: what is read of a run must not change meanwhile. The process that made it may have ended,
 * killed perhaps, before its first checkpoint. */
static lyrnn_status open_run(train_job *job)
{
    const char *path = job->options->resume_path;
    LYRNN_TRY(lyrnn_run_dir_open(&job->run, path));
    return lyrnn_run_dir_has_checkpoint(&job->run) ? LYRNN_OK : run_dir_nothing_saved(path);
}

/* A file could not be written, and what can be done about that has been said: how to go on then. */
static lyrnn_status say_how_to_go_on(const train_job *job)
{
    const char *path = job->run.path;
    if (lyrnn_run_dir_has_checkpoint(&job->run))
        return lyrnn_fail(LYRNN_ERR_IO, "%s, then go on: lyrnn train --resume %s",
                          lyrnn_error_text(), path);
    if (path != NULL)
        return lyrnn_fail(LYRNN_ERR_IO,
                          "%s, then begin anew by --out %s --overwrite: nothing was saved",
                          lyrnn_error_text(), path);
    return LYRNN_ERR_IO;
}

static lyrnn_status run_job(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    if (options->resume_path != NULL)
        LYRNN_TRY(open_run(job));
    LYRNN_TRY(prepare_text(job));
    if (options->resume_path == NULL && options->out_path != NULL)
        LYRNN_TRY(lyrnn_run_dir_check(options->out_path, options->overwrite));
    if (options->resume_path != NULL)
        LYRNN_TRY(train_check_state(job));
    log_plan(job);
    if (options->init_path != NULL && options->resume_path == NULL)
        LYRNN_TRY(log_vocab(job));
    LYRNN_TRY(check_memory(job));
    LYRNN_TRY(prepare_model(job));
    lyrnn_status status = begin_run(job);
    if (status == LYRNN_OK)
        status = train_epochs(job);
    return status == LYRNN_ERR_IO ? say_how_to_go_on(job) : status;
}

lyrnn_status lyrnn_train(const lyrnn_train_options *options, lyrnn_backend *backend, FILE *samples,
                         FILE *log)
{
    train_job job = {.options = options, .backend = backend, .samples = samples, .log = log};
    lyrnn_status status = run_job(&job);
    if (job.progress.log != NULL)
        lyrnn_progress_clear(&job.progress);
    job_free(&job);
    return status;
}
