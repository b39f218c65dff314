/* What a training starts from: a new model, the model of --init, or the run of --resume. Everything
 * that depends on that kind is here: vocabulary, shape, first weights, the trainer's state and the
 * run's folder. resume_run.c has the checks that only a resumed run needs. */
#include <jansson.h>
#include <limits.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_text.h"
#include "files/json_build.h"
#include "run/learned.h"
#include "run/reading_record.h"
#include "train/job.h"

lyrnn_status lyrnn_start_from_model(lyrnn_start *start, const char *path, lyrnn_cell cell)
{
    *start = (lyrnn_start){.kind = LYRNN_START_INIT, .path = path};
    LYRNN_TRY(lyrnn_run_dir_find_model(path, start->model_path, sizeof start->model_path));
    LYRNN_TRY(lyrnn_checkpoint_read_state_dict(&start->checkpoint, start->model_path));
    lyrnn_checkpoint_choose_rnn(&start->checkpoint, cell);
    return LYRNN_OK;
}

void lyrnn_start_free(lyrnn_start *start)
{
    lyrnn_checkpoint_free(&start->checkpoint);
    *start = (lyrnn_start){0};
}

lyrnn_existing train_what_may_exist(const lyrnn_train_options *options)
{
    if (options->is_repeated)
        return LYRNN_EXISTING_UNSAVED;
    return options->overwrite ? LYRNN_EXISTING_REPLACE : LYRNN_EXISTING_KEEP;
}

lyrnn_rnn_config train_network(const lyrnn_train_options *options)
{
    const lyrnn_start *start = options->start;
    lyrnn_rnn_config network = options->model;
    if (start == NULL || start->kind == LYRNN_START_NEW)
        return network;
    network = start->checkpoint.config;
    network.dropout = options->model.dropout;
    network.dropout_input = options->model.dropout_input;
    network.dropout_output = options->model.dropout_output;
    network.dropout_weight = options->model.dropout_weight;
    return network;
}

static lyrnn_status open_run(train_job *job)
{
    lyrnn_start *start = job->start;
    LYRNN_TRY(lyrnn_run_dir_open(&job->run, start->path));
    LYRNN_TRY(lyrnn_run_dir_require_checkpoint(&job->run));
    LYRNN_TRY(lyrnn_run_dir_find_model(start->path, start->model_path, sizeof start->model_path));
    return lyrnn_checkpoint_read(&start->checkpoint, start->model_path);
}

lyrnn_status train_open_start(train_job *job)
{
    lyrnn_start *start = job->start;
    if (start->kind != LYRNN_START_RESUME)
        return LYRNN_OK;
    if (train_leads(job))
        LYRNN_TRY(open_run(job));
    else if ((job->run.path = strdup(start->path)) == NULL) /* for errors only */
        return lyrnn_out_of_memory("run", strlen(start->path), "close other programs");
    return lyrnn_start_share(start, job->backend->comm);
}

/* Gives a model without a vocabulary, a plain state_dict, the characters of the corpus in
 * code-point order. */
static lyrnn_status lend_vocab(train_job *job)
{
    const char *path = job->start->model_path;
    int V = job->start->checkpoint.config.input_size;
    if (job->vocab.V != V)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "%s: has %d inputs and no vocabulary, and the corpus has %d distinct "
                          "characters; name the text that it was trained on (check --max-chars and "
                          "--newlines), or save the model with its \"vocab\"",
                          path, V, job->vocab.V);
    lyrnn_print_plain(
        job->log,
        "warning: %s has no \"vocab\": lyrnn assumes that its inputs are the corpus's characters "
        "in code-point order\n",
        path);
    return lyrnn_vocab_from_chars(&job->start->checkpoint.vocab, job->vocab.chars, (size_t)V);
}

enum { LIST_BYTES = 160 };

/* Counts the characters of vocab that `known` lacks, and writes as many of them as fit to `list`,
 * an array of LIST_BYTES. */
static lyrnn_status list_new(const lyrnn_vocab *vocab, const lyrnn_vocab *known, char *list,
                             size_t *num)
{
    return lyrnn_vocab_list_unknown(known, vocab->chars, (size_t)vocab->V, list, LIST_BYTES, num);
}

/* A fine-tuned model knows the characters of the corpus and no others, so that it writes as that
 * text does. If the initial model has exactly these characters, their order stays and with it all
 * weights. */
static lyrnn_status match_vocab(train_job *job)
{
    lyrnn_vocab *vocab = &job->vocab;
    const lyrnn_vocab *known = &job->start->checkpoint.vocab;
    if (known->V == 0)
        LYRNN_TRY(lend_vocab(job));
    char list[LIST_BYTES];
    size_t num_new;
    LYRNN_TRY(list_new(vocab, known, list, &num_new));
    if (num_new == (size_t)vocab->V)
        return lyrnn_fail(
            LYRNN_ERR_CORPUS,
            "corpus: has no character that the model in %s knows; leave out --init, or "
            "name lyrics in the model's script",
            job->start->model_path);
    if (num_new > 0 || vocab->V != known->V)
        return LYRNN_OK;
    lyrnn_vocab_free(vocab);
    return lyrnn_vocab_from_chars(vocab, known->chars, (size_t)known->V);
}

/* The caller's config.json with the hash of the corpus, its songs, the way of sampling and, once
 * they are chosen, the plans. NULL: no memory. */
static json_t *complete_config(const train_job *job)
{
    json_t *given = job->options->config;
    json_t *config = json_object();
    const plan_pair pair = tuning_plans(&job->tuning);
    plan_pair_text plan;
    plan_pair_print(&pair, plan);
    if (given != NULL)
        json_put_all(&config, given);
    json_put(&config, "corpus_xxh128", json_string(job->corpus_xxh128));
    json_put(&config, "sampling", json_string(job->sampling_name));
    if (pair.texts[PLAN_FORWARD][0] != '\0')
        json_put(&config, "plan", json_string(plan));
    reading_put_song_unit(&config, lyrnn_corpus_song_unit(&job->corpus, job->options->text.songs));
    return config;
}

/* The caller has read a resumed run's config.json. Completed, it is the record of the corpus. */
static lyrnn_status resume_learned(train_job *job)
{
    const lyrnn_start *start = job->start;
    json_t *config = complete_config(job);
    lyrnn_status status = config != NULL
                              ? lyrnn_learned_of_run(start->model_path, start->checkpoint.learned,
                                                     config, &job->learned)
                              : lyrnn_out_of_memory("config.json", 0, "close other programs");
    json_decref(config);
    return status;
}

/* The model learns the corpus after the texts of the model that it starts from. */
static lyrnn_status take_learned(train_job *job)
{
    const lyrnn_start *start = job->start;
    if (start->kind == LYRNN_START_NEW)
        job->learned = json_array();
    else if (start->kind == LYRNN_START_RESUME)
        LYRNN_TRY(resume_learned(job));
    else
        LYRNN_TRY(
            lyrnn_learned_of_model(start->model_path, start->checkpoint.learned, &job->learned));
    LYRNN_TRY(lyrnn_learned_add(job->learned, &job->options->text, job->corpus_xxh128,
                                job->sampling_name,
                                lyrnn_corpus_song_unit(&job->corpus, job->options->text.songs)));
    job->learned_text = lyrnn_learned_to_model(job->learned);
    return job->learned_text != NULL
               ? LYRNN_OK
               : lyrnn_out_of_memory("learned texts", 0, "close other programs");
}

lyrnn_status train_take_start(train_job *job)
{
    const lyrnn_checkpoint *checkpoint = &job->start->checkpoint;
    lyrnn_start_kind kind = job->start->kind;
    if (train_leads(job))
        LYRNN_TRY(take_learned(job));
    job->config = train_network(job->options);
    if (kind == LYRNN_START_RESUME) {
        LYRNN_TRY(lyrnn_vocab_from_chars(&job->vocab, checkpoint->vocab.chars,
                                         (size_t)checkpoint->vocab.V));
        return train_read_state(job);
    }
    LYRNN_TRY(lyrnn_vocab_from_corpus(&job->vocab, &job->corpus));
    if (kind == LYRNN_START_INIT)
        LYRNN_TRY(match_vocab(job));
    job->config.input_size = job->vocab.V;
    return LYRNN_OK;
}

lyrnn_status train_check_start(const train_job *job)
{
    return job->start->kind == LYRNN_START_RESUME ? train_check_state(job) : LYRNN_OK;
}

lyrnn_status train_log_start(const train_job *job)
{
    if (job->start->kind != LYRNN_START_INIT)
        return LYRNN_OK;
    char new[LIST_BYTES], dropped[LIST_BYTES];
    size_t num_new, num_dropped;
    LYRNN_TRY(list_new(&job->vocab, &job->start->checkpoint.vocab, new, &num_new));
    LYRNN_TRY(list_new(&job->start->checkpoint.vocab, &job->vocab, dropped, &num_dropped));
    lyrnn_print_plain(job->log, "init: %zu characters kept; %zu new%s%s; %zu dropped%s%s\n",
                      (size_t)job->vocab.V - num_new, num_new, num_new > 0 ? ": " : "", new,
                      num_dropped, num_dropped > 0 ? ": " : "", dropped);
    return LYRNN_OK;
}

void train_set_weights(train_job *job)
{
    lyrnn_checkpoint *checkpoint = &job->start->checkpoint;
    if (job->start->kind == LYRNN_START_RESUME)
        lyrnn_model_upload(&job->model, checkpoint->params);
    else
        lyrnn_model_randomize(&job->model, job->options->seed);
    if (job->start->kind == LYRNN_START_INIT) {
        lyrnn_model_download(&job->model, job->params);
        lyrnn_checkpoint_remap(checkpoint, &job->vocab, job->params);
        lyrnn_model_upload(&job->model, job->params);
    }
    lyrnn_checkpoint_free(checkpoint);
}

lyrnn_status train_prepare_state(train_job *job)
{
    job->state.learned = job->learned_text;
    train_state_options(job, job->state.options);
    if (job->start->kind == LYRNN_START_RESUME)
        return lyrnn_trainer_upload(&job->trainer, &job->state.snapshot);
    LYRNN_TRY(lyrnn_trainer_snapshot_init(&job->state.snapshot, &job->config, job->batches.B,
                                          job->optimizer.average_decay > 0.0));
    job->state.seed = job->options->seed;
    job->state.corpus_chars = (int64_t)job->corpus.N;
    memcpy(job->state.corpus_xxh128, job->corpus_xxh128, sizeof job->corpus_xxh128);
    return LYRNN_OK;
}

/* config.json with the texts that the model learned before. NULL: no memory. */
static json_t *config_with_texts(const train_job *job)
{
    json_t *config = complete_config(job), *earlier = json_array();
    for (size_t i = 0; i + 1 < json_array_size(job->learned); i++)
        json_add(&earlier, json_incref(json_array_get(job->learned, i)));
    if (earlier == NULL || json_array_size(earlier) > 0)
        json_put(&config, "learned", json_incref(earlier));
    json_decref(earlier);
    return config;
}

lyrnn_status train_begin_run(train_job *job)
{
    const lyrnn_train_options *options = job->options;
    if (options->watch_for_requests != NULL)
        job->requests = options->watch_for_requests();
    if (!train_leads(job))
        return LYRNN_OK;
    json_t *config = config_with_texts(job);
    if (config == NULL)
        return lyrnn_out_of_memory("config.json", 0, "close other programs");
    lyrnn_status status = job->start->kind == LYRNN_START_RESUME
                              ? train_resume_run(job, config)
                              : lyrnn_run_dir_create(&job->run, options->out_path,
                                                     train_what_may_exist(options), config);
    json_decref(config);
    if (status == LYRNN_OK)
        lyrnn_print_plain(
            job->log, "run: %s%s\n", job->run.path,
            job->run.is_staged ? " (its first checkpoint replaces the run that is there)" : "");
    return status;
}
