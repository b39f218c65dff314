/* What the tests of whole trainings on the simulated device share: a training of a task on one
 * device, its comparison with the CPU, and the count of what the host calls in a step. */
#ifndef LYRNN_TRAINING_RUN_H
#define LYRNN_TRAINING_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lyrnn/device.h"
#include "lyrnn/generate.h"
#include "lyrnn/philox.h"
#include "lyrnn/trainer.h"
#include "lyrnn_sim.h"
#include "model_check.h"

enum { V = 33, B = 5, K = 6, MAX_STEPS = 50, SOME_STEPS = 15 };

/* What is trained. input_size is V. */
typedef struct {
    lyrnn_rnn_config network;
    int T, steps;
    lyrnn_sampling sampling;
    const lyrnn_optimizer_config *optimizer; /* NULL: Adam */
} task;

static const lyrnn_optimizer_config adam = {.learning_rate = 1e-2f, .clip_norm = 0.3f};

typedef struct {
    lyrnn_backend backend;
    lyrnn_model model;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
} run;

static inline void run_open_at(run *r, const char *device, const task *t, lyrnn_precision precision)
{
    const lyrnn_optimizer_config *optimizer = t->optimizer != NULL ? t->optimizer : &adam;
    int num_shards = optimizer->num_shards > 0 ? optimizer->num_shards : 1;
    lyrnn_rnn_config config = t->network;
    size_t N = (size_t)(B * (K * t->T + 1));
    int32_t *ids = malloc(N * sizeof *ids);
    assert_non_null(ids);
    /* Songs of one, two and three chunks. Each ends in padding. */
    const size_t songs[] = {0, (size_t)t->T - 2, 3 * (size_t)t->T - 5, 6 * (size_t)t->T - 8};
    const lyrnn_batch_options options = {.N = N,
                                         .B = B / num_shards * num_shards,
                                         .T = t->T,
                                         .sampling = t->sampling,
                                         .seed = 1,
                                         .songs = songs,
                                         .num_songs = sizeof songs / sizeof *songs,
                                         .num_shards = num_shards};
    for (size_t i = 0; i < N; i++)
        ids[i] = (int32_t)(i % 11 * 3 + lyrnn_philox_bits(3, 99, i) % 3);
    config.input_size = V;
    assert_int_equal(lyrnn_backend_open(device, 1, precision, &r->backend), LYRNN_OK);
    assert_int_equal(lyrnn_model_init(&r->model, &config, &r->backend), LYRNN_OK);
    lyrnn_model_randomize(&r->model, 1);
    assert_int_equal(lyrnn_batches_init(&r->batches, &options), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_init(&r->trainer, &r->model, &r->batches, ids, optimizer),
                     LYRNN_OK);
    free(ids);
}

static inline void run_open(run *r, const char *device, const task *t)
{
    run_open_at(r, device, t, LYRNN_FP32);
}

static inline void run_close(run *r)
{
    lyrnn_trainer_free(&r->trainer);
    lyrnn_batches_free(&r->batches);
    lyrnn_model_free(&r->model);
    lyrnn_backend_close(&r->backend);
}

/* Trains `steps` steps after the first `first` ones, with new epochs as needed, and stores the mean
 * losses. */
static inline void train_on(run *r, int first, int steps, double *losses)
{
    double before = lyrnn_trainer_counters(&r->trainer).loss_sum;
    for (int step = first; step < first + steps; step++) {
        size_t batch = (size_t)step % r->trainer.batches.K;
        if (batch == 0) {
            uint64_t epoch = (uint64_t)step / r->trainer.batches.K + 1;
            assert_int_equal(lyrnn_trainer_begin_epoch(&r->trainer, epoch), LYRNN_OK);
            before = 0;
        }
        lyrnn_trainer_step(&r->trainer);
        double sum = lyrnn_trainer_counters(&r->trainer).loss_sum;
        losses[step - first] = (sum - before) / (B * r->trainer.batches.T);
        before = sum;
    }
}

static inline void train(run *r, int steps, double *losses)
{
    train_on(r, 0, steps, losses);
}

/* The weights to generate with and to save: the average if there is one. */
static inline float *params_of(run *r)
{
    float *params = calloc(r->model.parameters.count, sizeof *params);
    assert_non_null(params);
    lyrnn_model_download(lyrnn_trainer_result(&r->trainer), params);
    return params;
}

static inline void write_text(run *r, int32_t *text, size_t length)
{
    const int32_t prefix[] = {1, 2, 3};
    memcpy(text, prefix, sizeof prefix);
    greedy_text(lyrnn_trainer_result(&r->trainer), text, 3, length);
}

/* Text is compared only for models in which each character depends only on earlier ones. */
static inline void compare_with_cpu(const task *t)
{
    run cpu, cuda;
    double cpu_losses[MAX_STEPS], cuda_losses[MAX_STEPS];
    int32_t cpu_text[40], cuda_text[40];
    run_open(&cpu, "cpu", t);
    run_open(&cuda, "cuda", t);
    train(&cpu, t->steps, cpu_losses);
    train(&cuda, t->steps, cuda_losses);
    for (int step = 0; step < t->steps; step++)
        if (!(fabs(cuda_losses[step] / cpu_losses[step] - 1) < 1e-5))
            fail_msg("%s, step %d: %.9g, the CPU has %.9g", lyrnn_cell_name(t->network.cell), step,
                     cuda_losses[step], cpu_losses[step]);
    if (!(cpu_losses[t->steps - 1] < cpu_losses[0] - 0.01))
        fail_msg("%s learns nothing: %.9g, then %.9g", lyrnn_cell_name(t->network.cell),
                 cpu_losses[0], cpu_losses[t->steps - 1]);
    write_text(&cpu, cpu_text, 37);
    write_text(&cuda, cuda_text, 37);
    assert_memory_equal(cuda_text, cpu_text, sizeof cpu_text);
    run_close(&cpu);
    run_close(&cuda);
}

/* Copies the state of a training as a checkpoint would. */
static inline void move(run *from, run *to, int steps)
{
    lyrnn_trainer_snapshot snapshot;
    float *params = params_of(from);
    bool has_average = from->trainer.optimizer.average_decay > 0;
    assert_int_equal(lyrnn_trainer_snapshot_init(&snapshot, &from->model.config,
                                                 from->trainer.batches.B, has_average),
                     LYRNN_OK);
    lyrnn_trainer_download(&from->trainer, &snapshot);
    snapshot.epoch = steps / (int)from->trainer.batches.K;
    lyrnn_model_upload(lyrnn_trainer_result(&to->trainer), params);
    assert_int_equal(lyrnn_trainer_upload(&to->trainer, &snapshot), LYRNN_OK);
    lyrnn_trainer_snapshot_free(&snapshot);
    free(params);
}

/* Ten steps on one device and ten more on the other, compared with twenty on the first. */
static inline void check_moving(const task *t, const char *first, const char *then)
{
    enum { STEPS = 10 };
    run stays, moves;
    double before[STEPS], expected[STEPS], losses[STEPS];
    run_open(&stays, first, t);
    run_open(&moves, then, t);
    train(&stays, STEPS, before);
    move(&stays, &moves, STEPS);
    train_on(&stays, STEPS, STEPS, expected);
    train_on(&moves, STEPS, STEPS, losses);
    for (int step = 0; step < STEPS; step++)
        if (!(fabs(losses[step] / expected[step] - 1) < 1e-4))
            fail_msg("%s, from %s to %s, step %d: %.9g where it stays %.9g",
                     lyrnn_cell_name(t->network.cell), first, then, STEPS + step, losses[step],
                     expected[step]);
    run_close(&stays);
    run_close(&moves);
}

static inline void check_bits_repeat(const task *t)
{
    float *first = NULL;
    for (uint64_t seed = 0; seed < 3; seed++) {
        run r;
        double losses[MAX_STEPS];
        lyrnn_sim_set_seed(seed);
        run_open(&r, "cuda", t);
        train(&r, t->steps < SOME_STEPS ? t->steps : SOME_STEPS, losses);
        float *params = params_of(&r);
        if (first == NULL)
            first = params;
        else
            assert_memory_equal(params, first, r.model.parameters.count * sizeof *params);
        if (params != first)
            free(params);
        run_close(&r);
    }
    free(first);
    lyrnn_sim_set_seed(0);
}

static inline void check_graph_launches(const task *t)
{
    run r;
    run_open(&r, "cuda", t);
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
    lyrnn_trainer_step(&r.trainer);
    lyrnn_trainer_step(&r.trainer);
    lyrnn_sim_reset_counters();
    for (int step = 2; step < K; step++)
        lyrnn_trainer_step(&r.trainer);
    lyrnn_sim_counters counters = lyrnn_sim_read_counters();
    assert_int_equal(counters.graph_launches, K - 2);
    assert_int_equal(counters.submissions, 2 * (K - 2)); /* a graph and an event per step */
    assert_int_equal(counters.kernel_launches, 0);
    assert_int_equal(counters.captures, 0);
    assert_int_equal(counters.allocations, 0);
    assert_int_equal(counters.host_synchronizations, 0);
    /* Four steps are in flight: the host waited for the first two of K. */
    assert_int_equal(counters.event_waits, K - 4);
    assert_int_equal(counters.most_graphs_pending, 4);
    assert_int_equal(counters.bytes_to_host, 0);
    assert_int_equal(lyrnn_trainer_counters(&r.trainer).step, K);
    /* Another epoch and another rate change memory only, not the recorded step. */
    lyrnn_trainer_halve_rate(&r.trainer);
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 2), LYRNN_OK);
    lyrnn_sim_reset_counters();
    lyrnn_trainer_step(&r.trainer);
    counters = lyrnn_sim_read_counters();
    assert_int_equal(counters.graph_launches, 1);
    assert_int_equal(counters.submissions, 2);
    assert_int_equal(counters.kernel_launches + counters.captures, 0);
    run_close(&r);
}

#endif
