/* A training job and its parts. job.c prepares and ends it; check.c refuses options; split.c
 * divides the text; start.c does what depends on what it starts from; plan.c counts its memory and
 * reports the plan; precision.c reports the precision; recipe.c has the schedule; resume_run.c
 * checks and continues an earlier run; epochs.c trains, reports and saves; warnings.c warns;
 * progress.c draws the bar; rank_checks.c, rank_shares.c and agreement.c are for the ranks of a
 * training (lyrnn/comm.h). Read job.c next. */
#ifndef LYRNN_TRAIN_JOB_H
#define LYRNN_TRAIN_JOB_H

#include "corpus/leaks.h"
#include "files/trainer_state.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/evaluate.h"
#include "lyrnn/generate.h"
#include "lyrnn/train.h"
#include "run/run_dir.h"
#include "train/progress.h"
#include "tune/tuning.h"

/* What has been warned of. */
typedef struct {
    /* "perplexity" or "validation perplexity" if that of the last epoch was not finite, else
     * NULL. */
    const char *infinite;
    int num_worse;           /* epochs in a row with a loss above that of guessing */
    bool has_named_guessing; /* a warning has said so */
    bool has_named_gap;      /* a warning has said that validation is far worse than training */
} train_warnings;

/* What is asked of a training, by signals or by --checkpoint-minutes. */
typedef struct {
    int stop; /* the number of the signal; 0: continue */
    bool save;
} train_demand;

/* When the ranks agree on a demand (agreement.c). Without ranks it stays zero. */
typedef struct {
    bool are_waiting;     /* the other ranks wait for rank 0 */
    int64_t next_step;    /* number of steps after which they agree next */
    int64_t steps;        /* number of steps at the last agreement */
    double start_seconds; /* lyrnn_seconds() then */
} train_agreement;

/* Everything that a training owns, except what the caller lends: options, backend, samples, log and
 * start. */
typedef struct {
    const lyrnn_train_options *options;
    lyrnn_backend *backend;
    FILE *samples; /* NULL once it could not be written */
    FILE *log;
    lyrnn_start *start;
    lyrnn_corpus corpus;
    char corpus_xxh128[LYRNN_CORPUS_HASH_SIZE];
    char songs_xxh128[LYRNN_CORPUS_HASH_SIZE]; /* of where the songs begin, before the split */
    lyrnn_vocab vocab;
    int32_t *ids;          /* (N) */
    lyrnn_prompt *prompts; /* (num_prompts) */
    size_t num_prompts;
    lyrnn_rnn_config config;
    lyrnn_optimizer_config optimizer; /* with the number of steps of the whole training */
    /* split.c: the held-out songs are at the corpus's end. Where running text is cut, a song begins
     * too. */
    lyrnn_sampling sampling;
    char sampling_name[16]; /* its word of LYRNN_SAMPLING_WORDS */
    size_t num_learned_songs;
    size_t num_validation;     /* characters held out */
    bool has_cut_song;         /* their first song is the end of a song that was cut */
    size_t *validation_starts; /* where songs begin in them; NULL: nothing is held out */
    leaks leaked;              /* what the held-out text shares with the other */
    leak_counts dropped_leaks; /* lines that --drop-leaks dropped */
    lyrnn_batches batches;
    lyrnn_model model;
    lyrnn_trainer trainer;
    tuning tuning;             /* of the recurrences */
    lyrnn_evaluator evaluator; /* if num_validation > 0 */
    lyrnn_generator generator;
    json_t *learned;    /* records of the texts that the model learned, this corpus the last */
    char *learned_text; /* the same for model.safetensors */
    float *params;      /* (parameters.count) the host's copy of the weights, for checkpoints */
    /* Where the training is. The arrays are those of the last save. So are the numbers of the
     * snapshot, or they are those of the last epoch's end; the others are always up to date. */
    lyrnn_trainer_state state;
    int64_t untimed_chars; /* of the epoch, learned before a resume that does not know their time */
    bool is_saved;         /* the disk holds the training as it is now */
    lyrnn_run_dir run;
    lyrnn_train_requests *requests; /* what signals ask for; NULL: no signal can */
    train_agreement agreement;
    double epoch_start;   /* lyrnn_seconds() when the epoch would have begun without a pause */
    bool is_reporting;    /* the steps wait for a report within an epoch */
    double saved_seconds; /* lyrnn_seconds() at the last save, or when training began */
    lyrnn_progress progress;
    train_warnings warnings;
} train_job;

/* check.c: refuses options that do not fit a way of sampling. LYRNN_ERR_USAGE. */
lyrnn_status train_check_sampling(const lyrnn_train_options *options, lyrnn_sampling sampling);

/* check.c: does what lyrnn_train_check_options does, except for the run's folder, which is only
 * rank 0's. */
lyrnn_status train_check_values(const lyrnn_train_options *options);

/* The ranks of a training. Rank 0 leads: only it validates, writes samples, has the run's folder
 * and logs. All functions below but train_leads are collective, and do nothing if the job has no
 * other ranks. LYRNN_ERR_RANK: another rank has failed or is gone. */

/* Whether this is rank 0, or there are no ranks. */
static inline bool train_leads(const train_job *job)
{
    const lyrnn_comm *comm = job->backend->comm;
    return comm == NULL || comm->rank == 0;
}

/* rank_checks.c */

/* The shards of a batch: those of the options, or one per rank. Not collective. */
int train_num_shards(const train_job *job);

/* Refuses numbers of text sequences and of shards that the ranks cannot share equally, and names
 * the next that they can. LYRNN_ERR_USAGE. Not collective. */
lyrnn_status train_check_shards(const train_job *job);

/* Fails if a rank has another text, or other songs in it. LYRNN_ERR_CORPUS. */
lyrnn_status train_compare_corpus(const train_job *job);

/* Fails if a rank has other weights: its memory or its program is faulty. LYRNN_ERR_DIVERGED.
 * Changes job->params. */
lyrnn_status train_compare_weights(train_job *job);

/* Reports what each rank computes. Only rank 0 calls it. */
void train_log_ranks(const train_job *job);

/* rank_shares.c: gives the state that rank 0 has read from its run to all. Needs job->config. */
lyrnn_status train_share_state(train_job *job);

/* agreement.c */

/* Finds out what is asked for after this step. All ranks get the same answer at the same step: they
 * agree about four times per second. While the others wait for rank 0, it decides for all; it then
 * also fails if one of them is gone. */
lyrnn_status train_agree(train_job *job, train_demand *demand);

/* Begin and end work of rank 0 for which the others wait. The state of all ranks is on rank 0 then.
 * `status` is that of the work; unless it is a failure, all ranks return it. They also share the
 * best validation and whether the training is saved. */
lyrnn_status train_begin_alone(train_job *job);
lyrnn_status train_end_alone(train_job *job, lyrnn_status status);

/* split.c */

/* Chooses how the corpus is sampled, and checks that. LYRNN_ERR_USAGE. */
lyrnn_status train_choose_sampling(train_job *job);

/* Moves what is held out to the end of the corpus. LYRNN_ERR_CORPUS_SHORT if either part would be
 * too short; LYRNN_ERR_MEMORY. */
lyrnn_status train_split_corpus(train_job *job);

/* Whether the held-out songs are scored one by one, each from the zero state. */
bool train_validates_songs(const train_job *job);

/* The held-out text. The context of running text is the training text. */
lyrnn_evaluation_text train_validation_text(const train_job *job);

/* start.c. Each function does what the kind of start needs, so that job.c never asks for the
 * kind. */

/* What a new run may do with its folder. */
lyrnn_existing train_what_may_exist(const lyrnn_train_options *options);

/* The network, as far as the corpus does not decide it. A start from a model must be open. */
lyrnn_rnn_config train_network(const lyrnn_train_options *options);

/* Opens and locks the run to resume, so that it does not change while its files are read. Any other
 * start is open already. */
lyrnn_status train_open_start(train_job *job);

/* Sets the vocabulary and with it the network's shape; for a resumed run also the trainer's state.
 * Needs the corpus. */
lyrnn_status train_take_start(train_job *job);

/* Refuses a resumed run whose state does not fit the options, or that has nothing left to do. */
lyrnn_status train_check_start(const train_job *job);

/* Reports which characters of the initial model are kept, new and dropped. */
lyrnn_status train_log_start(const train_job *job);

/* Sets the model's weights: random ones, or those of the checkpoint with random ones for new
 * characters. The checkpoint is then freed. */
void train_set_weights(train_job *job);

/* Uploads the resumed run's state to the trainer, or allocates the state of a new run. */
lyrnn_status train_prepare_state(train_job *job);

/* Makes the run's folder, or prepares the one to resume. The job writes to the disk from here
 * on. */
lyrnn_status train_begin_run(train_job *job);

/* recipe.c */

/* Completes the optimizer. Needs the batches. */
void train_set_optimizer(train_job *job);

/* Halves the learning rate if the schedule says so after this epoch. Its validation must have
 * decided whether it is the best. */
void train_follow_plateau(train_job *job, int epoch);

/* Reports dropouts, schedule and optimizer as far as they are on. */
void train_log_recipe(const train_job *job);

/* precision.c */
void train_log_precision(const train_job *job);

/* plan.c */

/* Characters of the longest sample, including its prefix. */
size_t train_sample_length(const train_job *job);

/* Reports corpus, model, batches, device and memory. LYRNN_ERR_MEMORY. */
void train_log_plan(const train_job *job);

/* Allocates the memory of the whole job once and frees it again, so that a training that does not
 * fit fails here, with the total, and not after minutes of preparation. */
lyrnn_status train_check_memory(const train_job *job);

/* Refuses --plan if the device has only one way to compute a recurrence. LYRNN_ERR_USAGE. */
lyrnn_status train_check_plan(const train_job *job);

/* Decides by which plans the recurrences run, and reports them. Needs the trainer. Errors: those of
 * tuning_run. */
lyrnn_status train_choose_plan(train_job *job);

/* resume_run.c */

/* Reads trainer.safetensors of the run to resume. Refuses another corpus and another shape. Needs
 * the corpus and the network's shape. */
lyrnn_status train_read_state(train_job *job);

/* Writes the options that decide the bits as trainer.safetensors holds them. */
void train_state_options(const train_job *job, lyrnn_state_option texts[LYRNN_STATE_NUM_OPTIONS]);

/* Refuses a state that these options cannot have produced, and one with nothing left to do. */
lyrnn_status train_check_state(const train_job *job);

/* Whether the state that was read has nothing left to do; and the end of such a training, if its
 * command is repeated. */
bool train_is_complete(const train_job *job);
lyrnn_status train_end_complete(train_job *job);

/* Prepares the run's files to continue from the state. */
lyrnn_status train_resume_run(train_job *job, const json_t *config);

/* warnings.c */

/* What to do against a loss that grows. */
const char *train_advice(const train_job *job);

/* Warns if the numbers of an epoch show that the training goes wrong, once for each cause. */
void train_warn_of_epoch(train_job *job, const lyrnn_metrics *metrics);

/* LYRNN_ERR_DIVERGED if the perplexity of the last epoch is not finite. */
lyrnn_status train_check_last_epoch(const train_job *job);

/* epochs.c */

/* Trains all epochs that are left, with reports and checkpoints. */
lyrnn_status train_epochs(train_job *job);

#endif
