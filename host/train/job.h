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
    lyrnn_start *start;
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

/* start.c. Each of these does what the kind of start needs, so that job.c never asks for it. */

/* Opens the run to resume and locks it at once, because what is read of it must not change meanwhile.
 * Any other start is open already. */
lyrnn_status train_open_start(train_job *job);

/* Sets the vocabulary and with it the network's shape; for a resumed run also the trainer's state. The
 * corpus is loaded. */
lyrnn_status train_take_start(train_job *job);

/* Refuses a run that cannot be written, or that has nothing left to do. */
lyrnn_status train_check_start(const train_job *job);

/* Reports which characters of the initial model are kept, new and dropped. */
lyrnn_status train_log_start(const train_job *job);

/* Sets the model's weights: random ones, those of the checkpoint, or a mix of both for new characters.
 * The checkpoint is then freed. */
void train_set_weights(train_job *job);

/* Uploads the resumed run's state to the trainer, or allocates that of a new one. */
lyrnn_status train_prepare_state(train_job *job);

/* Makes the run's folder, or prepares the one to resume. From here on the disk is written to. */
lyrnn_status train_begin_run(train_job *job);

/* plan.c */

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
