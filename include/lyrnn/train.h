/* The article's job from end to end: corpus in, samples and checkpoints out. */
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
#include "lyrnn/corpus.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "lyrnn/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

/* What a training starts from. */
typedef enum {
    LYRNN_START_NEW,   /* a new model with random weights */
    LYRNN_START_INIT,  /* the weights of a model file */
    LYRNN_START_RESUME /* the latest checkpoint of a run, to continue exactly from there */
} lyrnn_start_kind;

/* A zeroed start is a new model. For LYRNN_START_RESUME set kind and path; lyrnn_train locks that run
 * before it opens the model. lyrnn_start_from_model makes a LYRNN_START_INIT. */
typedef struct {
    lyrnn_start_kind kind;
    const char *path;      /* a model file or a run, as the user named it; borrowed */
    char model_path[4096]; /* the model file that was opened */
    lyrnn_checkpoint
        checkpoint; /* what it holds: the network, its vocabulary, its weights; owned */
} lyrnn_start;

/* Opens the model that path names: a model.safetensors, or a run, whose latest model it takes. The
 * file is read here, once; start->checkpoint.config is then its network. cell decides between rnn_tanh
 * and rnn_relu if the file leaves that open. path must outlive the start. Errors as in
 * lyrnn_checkpoint_read_state_dict. */
lyrnn_status lyrnn_start_from_model(lyrnn_start *start, const char *path, lyrnn_cell cell);

/* A zeroed start is fine. */
void lyrnn_start_free(lyrnn_start *start);

typedef struct {
    /* corpus */
    const char *const *corpus_paths; /* (num_corpus_paths); none: the sample lyrics */
    size_t num_corpus_paths;
    lyrnn_newlines newlines;
    size_t max_chars; /* 0: all */
    /* The model. Its vocabulary is the corpus's, so that input_size is not read. If `start` has a
     * checkpoint, that one gives the network and only model.dropout is read. */
    lyrnn_rnn_config model;
    /* NULL: a new model. lyrnn_train frees the checkpoint as soon as the weights are on the device, and
     * the caller the rest. lyrnn_checkpoint_remap says how the weights of a LYRNN_START_INIT come to the
     * corpus's vocabulary. With LYRNN_START_RESUME out_path and overwrite are not read, and what decides
     * the steps must be as it was. */
    lyrnn_start *start;
    /* training */
    int num_epochs; /* 0: the untrained model is saved as epoch 0 */
    int batch_size, num_steps;
    lyrnn_sampling sampling;
    float val_fraction; /* of the corpus, its end: kept from training and evaluated at each epoch */
    int patience;       /* stops after so many epochs without a better validation; 0: never */
    lyrnn_optimizer_config optimizer;
    uint64_t seed;
    /* output */
    int pred_period;             /* epochs between sample texts */
    int pred_len;                /* characters written after each prefix */
    const char *const *prefixes; /* (num_prefixes) */
    size_t num_prefixes;
    bool
        prefixes_are_defaults; /* then one that the corpus cannot spell gives way to its first line */
    int checkpoint_every;      /* epochs; the last epoch is always saved */
    const char *out_path;      /* run directory; NULL: runs/<date-time> */
    bool overwrite;
    int keep; /* the last so many checkpoints, besides latest and best; 0: all */
    /* What config.json will hold: an object of the library jansson, to which the hash of the corpus
     * is added as "corpus_xxh128". NULL: only that. Borrowed. */
    struct json_t *config;
    /* Called just before the disk is first written to. From then on, where its result points to
     * nonzero: finish the step, save, return. May be NULL. */
    const volatile sig_atomic_t *(*watch_for_stop)(void);
} lyrnn_train_options;

/* Trains on an open backend. To samples: every pred_period epochs (and at the last)
 *     epoch 50, perplexity 39.122988, time 0.99 sec    with validation: perplexity P, validation Q, ...
 *      - TEXT                 one line a prefix, newlines shown as spaces
 * To log: what is resolved, with LYRNN_START_INIT which characters are kept, new and dropped, warnings,
 * and a progress bar where log is a terminal. On disk: see run_dir.h. Prefixes, corpus and out_path
 * are checked before anything is written. LYRNN_ERR_DIVERGED names the step at which the loss
 * stopped being finite; checkpoints saved before stay.
 *
 * A resumed run goes on from its latest checkpoint to the same bits as one that never stopped, also
 * within an epoch, on the same backend and number of threads. Another corpus (LYRNN_ERR_CORPUS),
 * another shape or options that the checkpoint contradicts (LYRNN_ERR_MODEL_FILE), and a run with
 * nothing left to do (LYRNN_ERR_USAGE) are refused before anything is changed. LYRNN_INTERRUPTED:
 * it was to stop; the error text says how to go on. */
lyrnn_status lyrnn_train(const lyrnn_train_options *options, lyrnn_backend *backend, FILE *samples,
                         FILE *log);

#ifdef __cplusplus
}
#endif
#endif
