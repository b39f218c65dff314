/* What a training starts from: a new model, the model of --init, or the run to resume; and with it
 * the vocabulary, the shape, the first weights and the trainer's state. */
#include <string.h>

#include "train/job.h"

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

/* Counts the characters of vocab that `known` lacks, and names as many as list (LIST_BYTES)
 * holds. */
static lyrnn_status list_new(const lyrnn_vocab *vocab, const lyrnn_vocab *known, char *list,
                             size_t *num)
{
    return lyrnn_vocab_list_unknown(known, vocab->chars, (size_t)vocab->V, list, LIST_BYTES, num);
}

/* The corpus's characters, be they few: a model that is fine-tuned should write as that text does.
 * Where the initial model has the very same, its order of them stays, and with it all of its
 * weights. */
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

lyrnn_status train_make_vocab(train_job *job)
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

lyrnn_status train_log_vocab(const train_job *job)
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

void train_set_weights(train_job *job)
{
    if (job->options->resume_path != NULL) {
        lyrnn_model_upload(&job->model, job->init.params);
    } else {
        lyrnn_model_randomize(&job->model, job->options->seed);
        if (job->init.params == NULL)
            return;
        lyrnn_model_download(&job->model, job->params);
        lyrnn_checkpoint_remap(&job->init, &job->vocab, job->params);
        lyrnn_model_upload(&job->model, job->params);
    }
    lyrnn_checkpoint_free(&job->init);
}

lyrnn_status train_prepare_state(train_job *job)
{
    if (job->options->resume_path != NULL)
        return lyrnn_trainer_upload(&job->trainer, &job->state.snapshot);
    LYRNN_TRY(lyrnn_trainer_snapshot_init(&job->state.snapshot, &job->config, job->batches.B));
    job->state.seed = job->options->seed;
    job->state.corpus_chars = (int64_t)job->corpus.N;
    memcpy(job->state.corpus_xxh128, job->corpus_xxh128, sizeof job->corpus_xxh128);
    return LYRNN_OK;
}
