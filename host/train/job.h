/* A training job and its parts: job.c prepares and ends it, start.c settles what it starts from,
 * plan.c what it takes, resume_run.c reads where an earlier process stood, epochs.c does the work
 * and saves it. */
#ifndef LYRNN_TRAIN_JOB_H
#define LYRNN_TRAIN_JOB_H

#include "lyrnn/checkpoint.h"
#include "lyrnn/evaluate.h"
#include "lyrnn/generate.h"
#include "lyrnn/train.h"
#include "run/run_dir.h"
#include "train/progress.h"

/* All that a training run owns. */
typedef struct {
    const lyrnn_train_options *options;
    lyrnn_backend *backend;
    FILE *samples, *log;
    lyrnn_corpus corpus;
    char corpus_xxh128[LYRNN_CORPUS_HASH_SIZE];
    lyrnn_checkpoint init; /* of --init, or of the run to resume; else zeroed */
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
    lyrnn_trainer_state
        state;     /* its numbers are as of the last epoch's end, or where the run was */
                   /* resumed; its arrays as of the last save */
    bool is_saved; /* the training as it stands is on the disk */
    lyrnn_run_dir run;
    const volatile sig_atomic_t *stop; /* nonzero: someone asked to; NULL: nobody can */
    lyrnn_progress progress;
} train_job;

/* The vocabulary, and with it the network's shape. A resumed run's vocabulary is its own. */
lyrnn_status train_make_vocab(train_job *job);

/* What became of the characters that the initial model knows. */
lyrnn_status train_log_vocab(const train_job *job);

/* A new model, or the one to go on from: as it is, or with new characters as a new model has them.
 * What was read is then let go of. */
void train_set_weights(train_job *job);

/* That of the resumed run goes to the trainer; a new one is there to be filled. */
lyrnn_status train_prepare_state(train_job *job);

/* Characters of the longest sample, prefix included. */
size_t train_sample_length(const train_job *job);

void train_log_plan(const train_job *job);

/* Asks for all of the memory at once, and gives it back: what cannot fit is refused here, by the
 * total, before the parts that do fit take time to fill. */
lyrnn_status train_check_memory(const train_job *job);

/* Reads the state of the run to resume; the corpus is loaded, the model read. Refuses another
 * corpus and another shape. */
lyrnn_status train_read_state(train_job *job);

/* Refuses a state that the run's options cannot have led to, and one with nothing left to do. */
lyrnn_status train_check_state(const train_job *job);

/* Makes the run's files ready to go on from the state. */
lyrnn_status train_resume_run(train_job *job, const json_t *config);

/* All epochs that are left, with reports and checkpoints. */
lyrnn_status train_epochs(train_job *job);

/* Whether someone asked to stop. */
bool train_is_stopped(const train_job *job);

#endif
