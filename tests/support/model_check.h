/* A lyrnn_model next to the oracle's model: the same weights in both layouts, batches in and
 * results out through the seam, and training of both. For the tests of whole models. */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "lyrnn/backend.h"
#include "lyrnn/model.h"
#include "lyrnn/trainer.h"
#include "oracle.h"

typedef struct {
    oracle_model shape;
    /* The length of the oracle's flat array. */
    int count;
    lyrnn_backend backend;
    lyrnn_model model;
} model_check;

/* The oracle's model of a config. */
oracle_model model_check_shape(const lyrnn_rnn_config *config);

/* The masks that lyrnn's dropout draws at a step, by the formula in lyrnn/backend.h, one number at
 * a time. */
typedef struct {
    oracle_masks masks;
    double *owned[4];
} model_check_masks;

model_check_masks model_check_draw_masks(const lyrnn_rnn_config *config, int T, int B,
                                         uint64_t seed, int64_t step);
void model_check_free_masks(model_check_masks *masks);

/* Opens the device LYRNN_TEST_DEVICE with a model whose parameters are zero. The first function
 * makes one layer in one direction, the second one any model. */
void model_check_open(model_check *check, lyrnn_cell cell, int V, int H, int num_threads);
void model_check_open_config(model_check *check, const lyrnn_rnn_config *config, int num_threads);
void model_check_close(model_check *check);

/* Copies all parameters or gradients between the oracle's flat array and the device's flat
 * buffer. */
void model_check_upload(model_check *check, const double *params);
void model_check_download(model_check *check, const float *device, double *values);

/* Runs forward, loss and backward for one batch. The results have the oracle's layout, and each may
 * be NULL. dropout is as in the activations; with counters NULL there is none. Returns the mean
 * loss. */
double model_check_run(model_check *check, const oracle_batch *batch, const oracle_results *results,
                       lyrnn_dropout dropout);

/* Training by lyrnn, one optimizer step at a time: consecutive sampling over ids (N), seed 1. */
typedef struct {
    lyrnn_trainer trainer;
    size_t batch;
    uint64_t epoch;
    /* Sum of the losses of this epoch so far. */
    double loss_sum;
} model_check_training;

void model_check_train_open(model_check *check, model_check_training *training, const int32_t *ids,
                            size_t N, int B, int T, lyrnn_optimizer_config optimizer);
/* Takes a step. Starts a new epoch when one has ended. Returns the step's mean loss. */
double model_check_train_step(model_check_training *training);
void model_check_train_close(model_check_training *training);

/* The same training by the oracle, which owns params, moments, average and state. */
typedef struct {
    lyrnn_rnn_config config;
    oracle_model shape;
    oracle_schedule schedule;
    int count, B, T, K, batch;
    const int32_t *ids;
    /* Characters in each stream. */
    size_t columns;
    oracle_adam adam;
    double *params, *grads, *m, *v, *h, *c;
    unsigned char *decays;
} oracle_training;

void oracle_train_open(oracle_training *training, const lyrnn_rnn_config *config,
                       const double *params, const int32_t *ids, size_t N, int B, int T,
                       lyrnn_optimizer_config optimizer);
/* Returns the step's mean loss. Unless norm is NULL, sets it to the gradients' norm before
 * clipping. */
double oracle_train_step(oracle_training *training, double *norm);
void oracle_train_close(oracle_training *training);

/* Generates `length` characters greedily after the first prefix_length of text. */
void greedy_text(const lyrnn_model *model, int32_t *text, size_t prefix_length, size_t length);

/* Returns zeroed host memory. If there is none, the test fails. */
void *test_memory(size_t count, size_t size);

#endif
