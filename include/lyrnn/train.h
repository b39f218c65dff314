/* A whole training: text in, sample texts and checkpoints out. This is what `lyrnn train` calls. It
 * corresponds to the tutorial's train_and_predict_rnn, and adds validation, checkpoints,
 * fine-tuning and exact resuming. lyrnn/trainer.h has the single step. */
#ifndef LYRNN_TRAIN_H
#define LYRNN_TRAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/backend.h"
#include "lyrnn/batches.h"
#include "lyrnn/checkpoint.h"
#include "lyrnn/comm.h"
#include "lyrnn/corpus.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "lyrnn/trainer.h"
#include "lyrnn/tune.h"

/* The names of the values of lyrnn_sampling, in their order. */
#define LYRNN_SAMPLING_WORDS "consecutive|random|songs"
/* The same for lyrnn_schedule. */
#define LYRNN_SCHEDULE_WORDS "constant|cosine|plateau"

#ifdef __cplusplus
extern "C" {
#endif

/* The library jansson defines it: <jansson.h>, json_t. */
struct json_t;

typedef enum {
    LYRNN_START_NEW,   /* a new model with random weights */
    LYRNN_START_INIT,  /* the weights of a model file, for fine-tuning */
    LYRNN_START_RESUME /* the latest checkpoint of a run, to continue exactly from there */
} lyrnn_start_kind;

/* What a training starts from. A zeroed start is a new model. lyrnn_start_from_model makes a
 * LYRNN_START_INIT. For LYRNN_START_RESUME set kind and path; lyrnn_train opens the model itself,
 * after it has locked the run. If there are ranks, rank 0 does so for all. */
typedef struct {
    lyrnn_start_kind kind;
    const char *path;      /* the model file or the run, as the user named it; borrowed */
    char model_path[4096]; /* the model file that was opened */
    /* What the file holds: the network, its vocabulary and its weights. Owned. */
    lyrnn_checkpoint checkpoint;
} lyrnn_start;

/* Opens the model that path names: a model.safetensors, or a run, whose latest model it takes. It
 * reads the file once, here; start->checkpoint.config is then its network, for the caller to read.
 * cell decides between rnn_tanh and rnn_relu if the file leaves that open. path must outlive the
 * start. The caller frees the start, on failure too. Errors: those of
 * lyrnn_checkpoint_read_state_dict. */
lyrnn_status lyrnn_start_from_model(lyrnn_start *start, const char *path, lyrnn_cell cell);

/* Gives the open start of rank 0 to all ranks of comm, whose starts are zeroed except for `path`.
 * Collective. NULL: there are no ranks, and it does nothing. The caller frees the starts, on
 * failure too. LYRNN_ERR_RANK, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_start_share(lyrnn_start *start, lyrnn_comm *comm);

/* A zeroed start is fine. */
void lyrnn_start_free(lyrnn_start *start);

/* Requests to a training. A signal handler sets the members. */
typedef struct {
    volatile sig_atomic_t stop; /* nonzero: save a checkpoint and stop */
    /* Nonzero: save a checkpoint and continue. lyrnn_train sets it to zero before it saves. */
    volatile sig_atomic_t save;
} lyrnn_train_requests;

/* Which size of corpus a recipe suits, for a line that says so if the corpus has another one. */
typedef struct {
    const char *preset; /* the name of the recipe; NULL: it suits any corpus */
    size_t min_chars, max_chars;
    const char *smaller, *larger; /* the presets for smaller and larger ones; NULL: there is none */
} lyrnn_corpus_fit;

/* Everything in it is borrowed. */
typedef struct {
    /* The corpus. */
    /* (num_corpus_paths) files, folders and archives; none: the sample lyrics. */
    const char *const *corpus_paths;
    size_t num_corpus_paths;
    lyrnn_corpus_rules text; /* how they are read */
    lyrnn_corpus_fit fit;

    /* The model. input_size is not read, because the vocabulary is that of the corpus. If `start`
     * has a checkpoint, that one gives the network, and only the dropouts are read. */
    lyrnn_rnn_config model;
    /* NULL: a new model. lyrnn_train frees the checkpoint as soon as the weights are on the device;
     * the caller calls lyrnn_start_free. How weights come to the corpus's vocabulary:
     * lyrnn_checkpoint_remap. A LYRNN_START_RESUME ignores out_path and overwrite, and needs the
     * options that decide the steps to be those of the run. */
    lyrnn_start *start;

    /* The training. */
    int num_epochs; /* 0: the untrained model is saved as epoch 0 */
    int batch_size; /* B streams: parallel text sequences */
    int num_steps;  /* T steps through which gradients flow back */
    lyrnn_sampling sampling;
    /* Nobody chose the sampling: it is songs if the corpus has several, else consecutive. */
    bool sampling_is_default;
    bool random_offset; /* of consecutive or random sampling; see lyrnn/batches.h */
    /* What is held out and evaluated in each report. val_fraction is the share of the corpus at
     * its end; with songs as units it is rounded to whole ones. val_songs is the probability that a
     * song is held out: a hash of its text and of the seed decides, so that other songs do not
     * matter. If that holds out none or all of them, the song nearest to the other side changes it.
     * At most one of the two is above 0. Songs are scored one by one from the zero state,
     * and so is the end of a corpus that is learned by songs. */
    float val_fraction, val_songs;
    /* Nobody but a preset chose val_songs: a corpus of one song is learned without validation, and
     * is no error. */
    bool val_songs_is_default;
    /* Do not learn lines that have 8 or more characters in a row in common with what is held
     * out. */
    bool drop_leaks;
    int patience; /* stop after so many epochs without a better validation; 0: never */
    lyrnn_optimizer_config optimizer; /* its num_steps is not read */
    uint64_t seed;

    /* How the device computes recurrences, if it has several ways (plans; see lyrnn/backend.h). */
    lyrnn_tune_mode tune;
    /* "forward=PLAN,backward=PLAN", or one of the two: what the device has to use. Unless tune is
     * off, it must compute what the general plan does. NULL: nothing is given. */
    const char *plan;
    /* The plan is that of the run which `start` resumes. If it does not fit the device, another one
     * takes its place. */
    bool plan_is_of_run;

    /* The output. */
    int pred_period; /* epochs between sample texts */
    /* Steps between reports within an epoch; 0: none. They are counted over the whole training. */
    int report_every;
    int pred_len;                /* characters generated after each prefix */
    const char *const *prefixes; /* (num_prefixes) */
    size_t num_prefixes;
    /* Nobody chose the prefixes: skip those with characters that the corpus lacks, and if none is
     * left begin the samples as the corpus begins. */
    bool prefixes_are_defaults;
    int checkpoint_every; /* epochs; the last epoch is always saved */
    /* A checkpoint is also saved when so many minutes have passed since the last one, within an
     * epoch too. It does not change the training. 0: never. */
    float checkpoint_minutes;
    const char *out_path; /* the run's folder; NULL: runs/<date-time> */
    bool overwrite;       /* replace an earlier run there, by the first checkpoint */
    /* The command is repeated until the run is complete. A new run may take over a folder in which
     * nothing was saved, and resuming a complete run is no error but does nothing. */
    bool is_repeated;
    /* The run is one of several of the caller, which completes an error about a file that could not
     * be written: it says how to continue all of them. */
    bool is_one_of_several;
    int keep; /* checkpoints to keep, next to latest and best; 0: all */
    /* What config.json holds: an object. lyrnn_train adds the hash of the corpus as
     * "corpus_xxh128", the sampling that was chosen as "sampling", and what the songs are as
     * "song_unit", and the plans in use as "plan". NULL: only these. */
    struct json_t *config;
    /* Called just before the first write to the disk. If a member of what it returns is nonzero
     * later, lyrnn_train finishes the step (or, in validation and in samples, the piece at hand)
     * and obeys it; to stop, it returns LYRNN_INTERRUPTED. May be NULL. */
    lyrnn_train_requests *(*watch_for_requests)(void);
} lyrnn_train_options;

/* Fails as lyrnn_train would with these options whatever the corpus is: options that do not fit
 * each other, a prefix that no vocabulary has, or an out_path that a new run cannot have. It reads
 * no corpus and changes nothing. A start from a model must be open. LYRNN_ERR_USAGE;
 * LYRNN_ERR_CORPUS: a prefix is not UTF-8; LYRNN_ERR_IO and LYRNN_ERR_LOCKED: out_path. */
lyrnn_status lyrnn_train_check_options(const lyrnn_train_options *options);

/* Trains on an open backend. It checks prefixes, corpus and out_path before it writes anything.
 *
 * samples gets, every pred_period epochs and after the last one,
 *     epoch 50, perplexity 39.122988, time 0.99 sec
 *      - TEXT
 * or, within an epoch, after every report_every steps,
 *     step 500 of epoch 1, perplexity 64.208315, time 0.45 sec
 * with one line per prefix, newlines shown as spaces. If there is validation, "validation Q"
 * follows the perplexity. If samples cannot be written, a warning says so and training continues
 * without them. log gets the plan, what becomes of the characters of an initial model,
 * warnings, and a progress bar if it is a terminal. host/run/README.md describes the files on the
 * disk.
 *
 * If the backend has joined ranks (lyrnn/comm.h), all of them call this with the same options and
 * train one model together. Only rank 0 validates, writes samples and has the run's folder. The
 * others need the same corpus and nothing else: samples and log may lead nowhere, and a run to
 * resume is read by rank 0. A request to one rank is obeyed by all, after the same step.
 * LYRNN_ERR_USAGE: the ranks cannot share the batch. LYRNN_ERR_CORPUS: a rank has another corpus.
 * LYRNN_ERR_DIVERGED: a rank has other weights. LYRNN_ERR_RANK: another rank has failed.
 *
 * A resumed run continues from its latest checkpoint, also within an epoch, and ends in the same
 * bits as a run that never stopped, on the same backend and number of threads.
 *
 * LYRNN_ERR_DIVERGED: the loss or a weight became NaN or infinite; the error names the step, and
 * checkpoints saved before stay. Or the perplexity of the last epoch is not finite, although its
 * loss is; that run is complete and saved, and fails again if is_repeated resumes it.
 * LYRNN_INTERRUPTED: see watch_for_requests; the error text says how to continue. Resuming fails
 * before it changes anything with LYRNN_ERR_CORPUS (another text), LYRNN_ERR_MODEL_FILE (another
 * shape, or options that the checkpoint contradicts), LYRNN_ERR_DAMAGED (a checksum),
 * LYRNN_ERR_NOTHING (no checkpoint), LYRNN_ERR_LOCKED (another process trains there) or
 * LYRNN_ERR_USAGE (nothing left to do). */
lyrnn_status lyrnn_train(const lyrnn_train_options *options, lyrnn_backend *backend, FILE *samples,
                         FILE *log);

#ifdef __cplusplus
}
#endif
#endif
