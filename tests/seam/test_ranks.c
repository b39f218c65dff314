/* Ranks that train one model: the weights, the moments, the counters and the carried state have the
 * same bits for any number of ranks, in every cell, sampling and kind of dropout, also where a
 * training moves to another number of ranks. Each rank is a process. LYRNN_TEST_DEVICE names the
 * device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "model_check.h"
#include "rank_group.h"
#include "sample_check.h"

enum {
    V = 11,
    H = 6,
    B = 12,
    T = 4,
    LONG_T = 33, /* several lanes cut it into chunks */
    K = 3,
    N = B * (K * T + 1),
    LONG_N = B * (K * LONG_T + 1),
    STEPS = 5,
    BAD_STEP = 2,
    SHARDS = 4
};

/* Enough songs for every stream, of one to five chunks. */
static const size_t songs[] = {0,  3,  14,  22,  34,  40,  52,  57,  72,  80,
                               83, 91, 100, 105, 117, 122, 128, 131, 141, 148};

enum { MAX_FLAT = 2048, MAX_STATE = 4 * B * H };

/* A training at one point of time. */
typedef struct {
    lyrnn_counters counters;
    int num_sums, num_updates; /* calls of all_reduce and clip_and_adam */
    float params[MAX_FLAT], average[MAX_FLAT], m[MAX_FLAT], v[MAX_FLAT];
    float h[MAX_STATE], c[MAX_STATE];
    /* What lyrnn_trainer_continue takes over: the state for streams of another text. */
    float next_h[MAX_STATE], next_c[MAX_STATE];
} moment;

/* What a run trains, and what each rank leaves. The ranks share it. */
typedef struct {
    lyrnn_rnn_config config;
    lyrnn_sampling sampling;
    lyrnn_optimizer_config optimizer;
    int first_step, end_step;
    bool is_long;                 /* sequences of LONG_T */
    bool claims_lanes;            /* a CPU says that it has several lanes */
    int bad_rank;                 /* its loss becomes NaN in the step BAD_STEP; -1: none */
    moment ranks[RANK_GROUP_MAX]; /* only the first has the state */
} shared_run;

/* One rank's own. */
typedef struct {
    model_check check;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
} rank_training;

static int num_sums, num_updates;
static lyrnn_backend real;

static void count_all_reduce(lyrnn_backend *self, const lyrnn_all_reduce_args *args)
{
    num_sums++;
    real.all_reduce(self, args);
}

static void count_update(lyrnn_backend *self, const lyrnn_clip_and_adam_args *args)
{
    num_updates++;
    real.clip_and_adam(self, args);
}

static void accept_lane(lyrnn_backend *self, int lane)
{
    (void)self, (void)lane;
}

static bool say_full(lyrnn_backend *self, const lyrnn_recurrence_shape *shape)
{
    (void)self, (void)shape;
    return true;
}

/* Work that waits for other lanes is queued after that work, so it may run at once. Rank 0 decides
 * how many sums there are, whatever the other devices have room for. Long sequences are an
 * exception: a recurrence that fills its device is not cut into chunks, so its bits differ. */
static void watch(lyrnn_backend *backend, const shared_run *shared)
{
    bool claims_lanes = shared->claims_lanes;
    real = *backend;
    backend->all_reduce = count_all_reduce;
    backend->clip_and_adam = count_update;
    if (claims_lanes && !shared->is_long && backend->comm != NULL && backend->comm->rank > 0)
        backend->fills_device = say_full;
    if (!claims_lanes || backend->num_lanes > 1)
        return;
    backend->num_lanes = 5;
    backend->lane_use = backend->lane_wait = accept_lane;
}

static void open_training(rank_training *r, lyrnn_comm *comm, const shared_run *shared)
{
    int num_chars = shared->is_long ? LONG_N : N;
    const lyrnn_batch_options options = {.N = (size_t)num_chars,
                                         .B = B,
                                         .T = shared->is_long ? LONG_T : T,
                                         .sampling = shared->sampling,
                                         .seed = 5,
                                         .songs = songs,
                                         .num_songs = sizeof songs / sizeof *songs};
    int32_t ids[LONG_N];
    for (int i = 0; i < num_chars; i++)
        ids[i] = (int32_t)(lyrnn_philox_bits(3, 99, (uint64_t)i) % V);
    model_check_open_config(&r->check, &shared->config, 1);
    rank_group_join(&r->check.backend, comm);
    watch(&r->check.backend, shared);
    lyrnn_model_randomize(&r->check.model, 1);
    assert_int_equal(lyrnn_batches_init(&r->batches, &options), LYRNN_OK);
    assert_int_equal(r->batches.B, B);
    assert_int_equal(
        lyrnn_trainer_init(&r->trainer, &r->check.model, &r->batches, ids, &shared->optimizer),
        LYRNN_OK);
}

static void close_training(rank_training *r)
{
    lyrnn_trainer_free(&r->trainer);
    lyrnn_batches_free(&r->batches);
    model_check_close(&r->check);
}

static void download(const rank_training *r, const float *device, float *host)
{
    lyrnn_backend *backend = r->trainer.model->backend;
    size_t count = r->check.model.parameters.count;
    assert_in_range(count, 1, MAX_FLAT);
    backend->download(backend, host, device, count * sizeof *host);
}

static lyrnn_trainer_snapshot snapshot_of(const rank_training *r)
{
    lyrnn_trainer_snapshot snapshot;
    bool has_average = r->trainer.optimizer.average_decay > 0.0;
    assert_int_equal(lyrnn_trainer_snapshot_init(&snapshot, &r->check.model.config, B, has_average),
                     LYRNN_OK);
    return snapshot;
}

/* Only rank 0 has the whole state. */
static void save_state(rank_training *r, moment *to)
{
    lyrnn_trainer_snapshot snapshot = snapshot_of(r);
    size_t num_bytes = lyrnn_state_count(&r->check.model.config, B) * sizeof(float);
    lyrnn_activations next;
    lyrnn_trainer_download(&r->trainer, &snapshot);
    memcpy(to->h, snapshot.h, num_bytes);
    if (snapshot.c != NULL)
        memcpy(to->c, snapshot.c, num_bytes);
    lyrnn_trainer_snapshot_free(&snapshot);
    assert_int_equal(lyrnn_activations_init(&next, &r->check.model, T, 5, false), LYRNN_OK);
    lyrnn_trainer_continue(&r->trainer, &next);
    lyrnn_activations_get_carried_state(&next, to->next_h,
                                        r->trainer.c != NULL ? to->next_c : NULL);
    lyrnn_activations_free(&next);
}

static void save(rank_training *r, moment *to, bool has_state)
{
    lyrnn_trainer *trainer = &r->trainer;
    assert_int_equal(lyrnn_trainer_gather_state(trainer), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_check(trainer), LYRNN_OK);
    to->counters = lyrnn_trainer_counters(trainer);
    download(r, r->check.model.params, to->params);
    download(r, trainer->m, to->m);
    download(r, trainer->v, to->v);
    if (trainer->averaged.params != NULL)
        download(r, trainer->averaged.params, to->average);
    if (has_state)
        save_state(r, to);
}

/* Every rank uploads what rank 0 has saved. */
static void load(rank_training *r, const moment *from)
{
    lyrnn_trainer_snapshot snapshot = snapshot_of(r);
    size_t flat_bytes = r->check.model.parameters.count * sizeof(float);
    size_t state_bytes = lyrnn_state_count(&r->check.model.config, B) * sizeof(float);
    memcpy(snapshot.m, from->m, flat_bytes);
    memcpy(snapshot.v, from->v, flat_bytes);
    memcpy(snapshot.h, from->h, state_bytes);
    if (snapshot.c != NULL)
        memcpy(snapshot.c, from->c, state_bytes);
    if (snapshot.raw != NULL)
        memcpy(snapshot.raw, from->params, flat_bytes);
    snapshot.counters = from->counters;
    snapshot.epoch = (int)(from->counters.step / (int64_t)r->batches.K);
    lyrnn_model_upload(lyrnn_trainer_result(&r->trainer),
                       snapshot.raw != NULL ? from->average : from->params);
    assert_int_equal(lyrnn_trainer_upload(&r->trainer, &snapshot), LYRNN_OK);
    lyrnn_trainer_snapshot_free(&snapshot);
}

/* Makes the logits of this rank's streams NaN. */
static void spoil_loss(rank_training *r)
{
    const lyrnn_model *model = &r->check.model;
    const lyrnn_parameter *bias = lyrnn_parameters_output_bias(&model->parameters);
    const float nan = NAN;
    model->backend->upload(model->backend, model->params + bias->offset, &nan, sizeof nan);
}

/* One rank's training: steps first_step to end_step - 1. */
static void train(lyrnn_comm *comm, void *context)
{
    shared_run *shared = (shared_run *)context;
    int rank = comm != NULL ? comm->rank : 0;
    rank_training r;
    open_training(&r, comm, shared);
    if (shared->first_step > 0)
        load(&r, &shared->ranks[0]);
    for (int step = shared->first_step; step < shared->end_step; step++) {
        if (step + 1 == BAD_STEP && rank == shared->bad_rank)
            spoil_loss(&r);
        if (step % (int)r.batches.K == 0)
            assert_int_equal(
                lyrnn_trainer_begin_epoch(&r.trainer, (uint64_t)step / r.batches.K + 1), LYRNN_OK);
        lyrnn_trainer_step(&r.trainer);
    }
    /* Others may still read what rank 0 has saved before. */
    save(&r, &shared->ranks[rank], rank == 0);
    shared->ranks[rank].num_sums = num_sums;
    shared->ranks[rank].num_updates = num_updates;
    close_training(&r);
}

static const lyrnn_optimizer_config adam = {.learning_rate = 1e-2f, .clip_norm = 0.3f};

static shared_run *begin_run(const lyrnn_rnn_config *config, lyrnn_sampling sampling,
                             int num_shards)
{
    shared_run *run = rank_group_memory(sizeof *run);
    *run = (shared_run){.config = *config,
                        .sampling = sampling,
                        .optimizer = adam,
                        .end_step = STEPS,
                        .bad_rank = -1};
    run->optimizer.num_shards = num_shards;
    return run;
}

static void end_run(shared_run *run)
{
    rank_group_free(run, sizeof *run);
}

static void assert_same_moments(const moment *actual, const moment *expected)
{
    assert_same_bits("counters", &actual->counters, &expected->counters, sizeof actual->counters);
    assert_same_bits("params", actual->params, expected->params, sizeof actual->params);
    assert_same_bits("average", actual->average, expected->average, sizeof actual->average);
    assert_same_bits("m", actual->m, expected->m, sizeof actual->m);
    assert_same_bits("v", actual->v, expected->v, sizeof actual->v);
}

static void assert_same_states(const moment *actual, const moment *expected)
{
    assert_same_bits("h", actual->h, expected->h, sizeof actual->h);
    assert_same_bits("c", actual->c, expected->c, sizeof actual->c);
    assert_same_bits("h of streams", actual->next_h, expected->next_h, sizeof actual->next_h);
    assert_same_bits("c of streams", actual->next_c, expected->next_c, sizeof actual->next_c);
}

/* Runs the same training with 0 ranks, that is without any, and with each of `sizes`. */
static void check_sizes(const lyrnn_rnn_config *config, lyrnn_sampling sampling, int num_shards,
                        const int *sizes)
{
    shared_run *alone = begin_run(config, sampling, num_shards);
    rank_group_run(0, train, alone);
    assert_int_equal(alone->ranks[0].counters.step, STEPS);
    for (; *sizes != 0; sizes++) {
        shared_run *run = begin_run(config, sampling, num_shards);
        rank_group_run(*sizes, train, run);
        for (int rank = 0; rank < *sizes; rank++)
            assert_same_moments(&run->ranks[rank], &alone->ranks[0]);
        assert_same_states(&run->ranks[0], &alone->ranks[0]);
        end_run(run);
    }
    end_run(alone);
}

static const lyrnn_rnn_config configs[] = {
    {.cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = H, .num_layers = 1},
    {.cell = LYRNN_RNN_RELU, .input_size = V, .hidden_size = H, .num_layers = 2, .dropout = 0.5f},
    {.cell = LYRNN_LSTM,
     .input_size = V,
     .hidden_size = H,
     .num_layers = 2,
     .dropout = 0.5f,
     .embedding_size = 5,
     .tied = true,
     .dropout_input = 0.5f,
     .dropout_output = 0.5f,
     .dropout_weight = 0.5f},
    {.cell = LYRNN_GRU,
     .input_size = V,
     .hidden_size = 5,
     .num_layers = 2,
     .bidirectional = true,
     .dropout = 0.5f,
     .embedding_size = 3,
     .dropout_input = 0.5f,
     .dropout_output = 0.5f,
     .dropout_weight = 0.5f},
};
enum { NUM_CONFIGS = sizeof configs / sizeof *configs };

static const lyrnn_sampling samplings[] = {LYRNN_SAMPLING_CONSECUTIVE, LYRNN_SAMPLING_RANDOM,
                                           LYRNN_SAMPLING_SONGS};

/* The simulator is slow, so it gets one kind of sampling per network. */
static bool is_left_out(int config, int sampling)
{
    return is_simulated() && config % 3 != sampling;
}

/* One to four shards per rank, and numbers of ranks where one is left over in the tree. */
static void any_number_of_ranks_has_the_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_CONFIGS; i++) {
        for (int j = 0; j < 3; j++) {
            if (is_left_out(i, j))
                continue;
            check_sizes(&configs[i], samplings[j], SHARDS, (const int[]){2, 4, 0});
            check_sizes(&configs[i], samplings[j], 6, (const int[]){3, 0});
            if (!is_simulated()) {
                check_sizes(&configs[i], samplings[j], SHARDS, (const int[]){1, 0});
                check_sizes(&configs[i], samplings[j], 6, (const int[]){6, 0});
            }
        }
    }
}

/* A device with several lanes sums the gradients of the output layer before the others, unless they
 * are those of the embedding too. */
static void two_sums_have_the_bits_of_one(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_CONFIGS; i++) {
        for (int size = is_simulated() ? 4 : 2; size <= 4; size++) {
            shared_run *alone = begin_run(&configs[i], LYRNN_SAMPLING_SONGS, size);
            shared_run *run = begin_run(&configs[i], LYRNN_SAMPLING_SONGS, size);
            run->claims_lanes = true;
            rank_group_run(0, train, alone);
            rank_group_run(size, train, run);
            /* A device may replay a step without calls. */
            assert_in_range(run->ranks[0].num_updates, 1, STEPS);
            assert_int_equal(run->ranks[0].num_sums,
                             (configs[i].tied ? 1 : 2) * run->ranks[0].num_updates);
            for (int rank = 0; rank < size; rank++)
                assert_same_moments(&run->ranks[rank], &alone->ranks[0]);
            assert_same_states(&run->ranks[0], &alone->ranks[0]);
            end_run(run);
            end_run(alone);
        }
    }
}

/* The output layer's gradients are complete while chunks of the recurrence are still to come. */
static void chunks_of_a_sequence_do_not_change_the_bits(void **state)
{
    (void)state;
    for (int i = 1; i < NUM_CONFIGS; i++) {
        shared_run *alone = begin_run(&configs[i], LYRNN_SAMPLING_CONSECUTIVE, 2);
        shared_run *run = begin_run(&configs[i], LYRNN_SAMPLING_CONSECUTIVE, 2);
        alone->is_long = run->is_long = alone->claims_lanes = run->claims_lanes = true;
        rank_group_run(0, train, alone);
        rank_group_run(2, train, run);
        for (int rank = 0; rank < 2; rank++)
            assert_same_moments(&run->ranks[rank], &alone->ranks[0]);
        assert_same_states(&run->ranks[0], &alone->ranks[0]);
        end_run(run);
        end_run(alone);
    }
}

/* A recipe with everything that a rank computes for itself from the same gradients. */
static const lyrnn_optimizer_config recipe = {.learning_rate = 1e-2f,
                                              .clip_norm = 0.3f,
                                              .schedule = LYRNN_SCHEDULE_COSINE,
                                              .warmup_steps = 2,
                                              .num_steps = 8,
                                              .weight_decay = 0.5f,
                                              .average_decay = 0.9};

/* Two ranks train to the middle of an epoch, four to its end, one process to the middle of the
 * next. */
static void a_training_continues_with_another_number_of_ranks(void **state)
{
    (void)state;
    const int sizes[] = {2, 4, 0}, ends[] = {2, K, STEPS};
    for (int i = 0; i < NUM_CONFIGS; i++) {
        for (int j = 0; j < 3; j++) {
            if (is_left_out(i, j))
                continue;
            shared_run *alone = begin_run(&configs[i], samplings[j], SHARDS);
            shared_run *moved = begin_run(&configs[i], samplings[j], SHARDS);
            alone->optimizer = moved->optimizer = recipe;
            alone->optimizer.num_shards = moved->optimizer.num_shards = SHARDS;
            rank_group_run(0, train, alone);
            for (int part = 0; part < 3; part++) {
                moved->first_step = part == 0 ? 0 : ends[part - 1];
                moved->end_step = ends[part];
                rank_group_run(sizes[part], train, moved);
            }
            assert_same_moments(&moved->ranks[0], &alone->ranks[0]);
            assert_same_states(&moved->ranks[0], &alone->ranks[0]);
            end_run(moved);
            end_run(alone);
        }
    }
}

/* Without a number of shards, each rank has one. */
static void shards_differ_from_the_batch_by_rounding(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_CONFIGS; i++) {
        shared_run *whole = begin_run(&configs[i], LYRNN_SAMPLING_CONSECUTIVE, 1);
        shared_run *parts = begin_run(&configs[i], LYRNN_SAMPLING_CONSECUTIVE, 0);
        rank_group_run(0, train, whole);
        rank_group_run(4, train, parts);
        assert_number_near("loss", parts->ranks[0].counters.loss_sum,
                           whole->ranks[0].counters.loss_sum, 1e-5);
        assert_int_equal(parts->ranks[0].counters.loss_count, whole->ranks[0].counters.loss_count);
        assert_memory_not_equal(parts->ranks[0].params, whole->ranks[0].params,
                                sizeof whole->ranks[0].params);
        end_run(parts);
        end_run(whole);
    }
}

/* Three shards of a rank are no subtree, but all ranks agree. */
static void other_numbers_of_ranks_differ_by_rounding(void **state)
{
    (void)state;
    shared_run *alone = begin_run(&configs[2], LYRNN_SAMPLING_SONGS, 6);
    shared_run *run = begin_run(&configs[2], LYRNN_SAMPLING_SONGS, 6);
    rank_group_run(0, train, alone);
    rank_group_run(2, train, run);
    assert_same_moments(&run->ranks[1], &run->ranks[0]);
    assert_number_near("loss", run->ranks[0].counters.loss_sum, alone->ranks[0].counters.loss_sum,
                       1e-5);
    assert_memory_not_equal(run->ranks[0].m, alone->ranks[0].m, sizeof run->ranks[0].m);
    end_run(run);
    end_run(alone);
}

static void a_loss_that_is_not_finite_stops_all_ranks_at_the_same_step(void **state)
{
    (void)state;
    for (int bad_rank = 0; bad_rank < 4; bad_rank += is_simulated() ? 2 : 1) {
        shared_run *run = begin_run(&configs[2], LYRNN_SAMPLING_CONSECUTIVE, 4);
        run->bad_rank = bad_rank;
        rank_group_run(4, train, run);
        for (int rank = 0; rank < 4; rank++) {
            assert_int_equal(run->ranks[rank].counters.bad_step, BAD_STEP);
            assert_true(isnan(run->ranks[rank].params[0]));
            assert_same_moments(&run->ranks[rank], &run->ranks[0]);
        }
        end_run(run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks_has_the_same_bits),
        cmocka_unit_test(two_sums_have_the_bits_of_one),
        cmocka_unit_test(chunks_of_a_sequence_do_not_change_the_bits),
        cmocka_unit_test(a_training_continues_with_another_number_of_ranks),
        cmocka_unit_test(shards_differ_from_the_batch_by_rounding),
        cmocka_unit_test(other_numbers_of_ranks_differ_by_rounding),
        cmocka_unit_test(a_loss_that_is_not_finite_stops_all_ranks_at_the_same_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
