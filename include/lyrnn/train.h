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
#include "lyrnn/corpus.h"
#include "lyrnn/parameters.h"
#include "lyrnn/status.h"
#include "lyrnn/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

typedef struct {
    /* corpus */
    const char *const *corpus_paths; /* (num_corpus_paths); none: the sample lyrics */
    size_t num_corpus_paths;
    lyrnn_newlines newlines;
    size_t max_chars; /* 0: all */
    /* model; the vocabulary is the corpus's, and input_size its size, which is not read */
    lyrnn_rnn_config model;
    const char *init_path; /* model.safetensors or run to start from, or NULL; gives the shape, */
                           /* of which model.dropout alone is read then, and model.cell where */
                           /* the file leaves it open; see lyrnn_checkpoint_remap for how its */
                           /* weights come to the corpus's vocabulary */
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
    /* A run to go on with, or NULL. init_path, out_path and overwrite are not read then, and what
     * decides the steps must be as it was. */
    const char *resume_path;
    /* Called just before the disk is first written to. From then on, where its result points to
     * nonzero: finish the step, save, return. May be NULL. */
    const volatile sig_atomic_t *(*watch_for_stop)(void);
} lyrnn_train_options;

/* Trains on an open backend. To samples: every pred_period epochs (and at the last)
 *     epoch 50, perplexity 39.122988, time 0.99 sec    with validation: perplexity P, validation Q, ...
 *      - TEXT                 one line a prefix, newlines shown as spaces
 * To log: what is resolved, with init_path which characters are kept, new and dropped, warnings,
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
