/* A whole training on the simulated CUDA backend, compared with the CPU backend: the same losses
 * and text, checkpoints that either can read, the same bits in every run, and a step that is one
 * graph launch and nothing else. */
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
} task;

static const task simplest = {
    .network = {.cell = LYRNN_RNN_TANH, .hidden_size = 40, .num_layers = 1},
    .T = 7,
    .steps = MAX_STEPS};

/* Layers that run as a wavefront of chunks (from 32 steps on); one layer; more layers than streams;
 * both directions at once; dropout; and songs. */
static const task stacks[] = {
    {{.cell = LYRNN_LSTM, .input_size = V, .hidden_size = 12, .num_layers = 2, .dropout = 0.25f},
     33,
     8,
     LYRNN_SAMPLING_CONSECUTIVE},
    {{.cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = 12, .num_layers = 1},
     65,
     8,
     LYRNN_SAMPLING_CONSECUTIVE},
    {{.cell = LYRNN_GRU, .input_size = V, .hidden_size = 12, .num_layers = 4},
     48,
     8,
     LYRNN_SAMPLING_CONSECUTIVE},
    {{.cell = LYRNN_RNN_RELU,
      .input_size = V,
      .hidden_size = 12,
      .num_layers = 2,
      .bidirectional = true,
      .dropout = 0.25f},
     7,
     8,
     LYRNN_SAMPLING_RANDOM},
    {{.cell = LYRNN_LSTM,
      .input_size = V,
      .hidden_size = 12,
      .num_layers = 1,
      .bidirectional = true},
     7,
     8,
     LYRNN_SAMPLING_CONSECUTIVE},
    {{.cell = LYRNN_LSTM, .input_size = V, .hidden_size = 12, .num_layers = 2, .dropout = 0.25f},
     7,
     8,
     LYRNN_SAMPLING_SONGS},
    {{.cell = LYRNN_GRU, .input_size = V, .hidden_size = 40, .num_layers = 1},
     5,
     8,
     LYRNN_SAMPLING_SONGS},
    {{.cell = LYRNN_RNN_TANH,
      .input_size = V,
      .hidden_size = 12,
      .num_layers = 1,
      .bidirectional = true},
     5,
     8,
     LYRNN_SAMPLING_SONGS},
};
enum { NUM_STACKS = sizeof stacks / sizeof *stacks };

typedef struct {
    lyrnn_backend backend;
    lyrnn_model model;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
} run;

static void run_open_at(run *r, const char *device, const task *t, lyrnn_precision precision)
{
    const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-2f, .clip_norm = 0.3f};
    lyrnn_rnn_config config = t->network;
    size_t N = (size_t)(B * (K * t->T + 1));
    int32_t *ids = malloc(N * sizeof *ids);
    assert_non_null(ids);
    /* Songs of one, two and three chunks. Each ends in padding. */
    const size_t songs[] = {0, (size_t)t->T - 2, 3 * (size_t)t->T - 5, 6 * (size_t)t->T - 8};
    const lyrnn_batch_options options = {.N = N,
                                         .B = B,
                                         .T = t->T,
                                         .sampling = t->sampling,
                                         .seed = 1,
                                         .songs = songs,
                                         .num_songs = sizeof songs / sizeof *songs};
    for (size_t i = 0; i < N; i++)
        ids[i] = (int32_t)(i % 11 * 3 + lyrnn_philox_bits(3, 99, i) % 3);
    config.input_size = V;
    assert_int_equal(lyrnn_backend_open(device, 1, precision, &r->backend), LYRNN_OK);
    assert_int_equal(lyrnn_model_init(&r->model, &config, &r->backend), LYRNN_OK);
    lyrnn_model_randomize(&r->model, 1);
    assert_int_equal(lyrnn_batches_init(&r->batches, &options), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_init(&r->trainer, &r->model, &r->batches, ids, &optimizer),
                     LYRNN_OK);
    free(ids);
}

static void run_open(run *r, const char *device, const task *t)
{
    run_open_at(r, device, t, LYRNN_FP32);
}

static void run_close(run *r)
{
    lyrnn_trainer_free(&r->trainer);
    lyrnn_batches_free(&r->batches);
    lyrnn_model_free(&r->model);
    lyrnn_backend_close(&r->backend);
}

/* Trains `steps` steps after the first `first` ones, with new epochs as needed, and stores the mean
 * losses. */
static void train_on(run *r, int first, int steps, double *losses)
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

static void train(run *r, int steps, double *losses)
{
    train_on(r, 0, steps, losses);
}

static float *params_of(run *r)
{
    float *params = calloc(r->model.parameters.count, sizeof *params);
    assert_non_null(params);
    lyrnn_model_download(&r->model, params);
    return params;
}

static void write_text(run *r, int32_t *text, size_t length)
{
    const int32_t prefix[] = {1, 2, 3};
    memcpy(text, prefix, sizeof prefix);
    greedy_text(&r->model, text, 3, length);
}

/* Text is compared only for models in which each character depends only on earlier ones. */
static void compare_with_cpu(const task *t)
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

static void losses_and_text_equal_the_cpus(void **state)
{
    (void)state;
    task shuffled = simplest;
    shuffled.sampling = LYRNN_SAMPLING_RANDOM;
    compare_with_cpu(&simplest);
    compare_with_cpu(&shuffled);
}

/* In several orders of the streams: if one forgot to wait for another, data would be missing. */
static void stacks_train_as_on_the_cpu(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        lyrnn_sim_set_seed(seed);
        for (int i = 0; i < NUM_STACKS; i++)
            compare_with_cpu(&stacks[i]);
    }
    lyrnn_sim_set_seed(0);
}

/* A checkpoint holds the flat parameters. Each backend generates the same text from the other's
 * parameters. */
static void parameters_go_both_ways(void **state)
{
    (void)state;
    run from, to;
    double losses[MAX_STEPS];
    int32_t text[40], again[40];
    const char *const devices[] = {"cpu", "cuda"};
    for (int i = 0; i < 2; i++) {
        run_open(&from, devices[i], &simplest);
        run_open(&to, devices[1 - i], &simplest);
        train(&from, SOME_STEPS, losses);
        float *params = params_of(&from);
        lyrnn_model_upload(&to.model, params);
        write_text(&from, text, 37);
        write_text(&to, again, 37);
        assert_memory_equal(again, text, sizeof text);
        free(params);
        run_close(&from);
        run_close(&to);
    }
}

/* Copies the state of a training as a checkpoint would. */
static void move(run *from, run *to, int steps)
{
    lyrnn_trainer_snapshot snapshot;
    float *params = params_of(from);
    assert_int_equal(lyrnn_trainer_snapshot_init(&snapshot, &from->model.config, B, false),
                     LYRNN_OK);
    lyrnn_trainer_download(&from->trainer, &snapshot);
    snapshot.epoch = steps / K;
    lyrnn_model_upload(&to->model, params);
    assert_int_equal(lyrnn_trainer_upload(&to->trainer, &snapshot), LYRNN_OK);
    lyrnn_trainer_snapshot_free(&snapshot);
    free(params);
}

/* Ten steps on one device and ten more on the other, compared with twenty on the first. */
static void check_moving(const task *t, const char *first, const char *then)
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

/* Moves in the middle of an epoch. test_trainer_resume.c checks that a training that resumes on the
 * same device continues with the same bits. */
static void a_training_continues_on_the_other_device(void **state)
{
    (void)state;
    const task tasks[] = {
        {{.cell = LYRNN_LSTM,
          .input_size = V,
          .hidden_size = 12,
          .num_layers = 2,
          .dropout = 0.25f},
         5,
         0,
         LYRNN_SAMPLING_CONSECUTIVE},
        {{.cell = LYRNN_GRU, .input_size = V, .hidden_size = 12, .num_layers = 1},
         5,
         0,
         LYRNN_SAMPLING_RANDOM},
    };
    for (int i = 0; i < 2; i++) {
        check_moving(&tasks[i], "cpu", "cuda");
        check_moving(&tasks[i], "cuda", "cpu");
    }
}

static void check_bits_repeat(const task *t)
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

static void every_run_gives_the_same_bits(void **state)
{
    (void)state;
    check_bits_repeat(&simplest);
    check_bits_repeat(&stacks[0]);
}

/* Rounded operands give other losses, and fewer bits differ more. Weights stay fp32. */
static void lower_precision_stays_near(void **state)
{
    (void)state;
    double losses[3][SOME_STEPS], distance[3] = {0};
    for (int precision = LYRNN_FP32; precision <= LYRNN_BF16; precision++) {
        run r;
        run_open_at(&r, "cuda", &simplest, (lyrnn_precision)precision);
        train(&r, SOME_STEPS, losses[precision]);
        run_close(&r);
        for (int step = 0; step < SOME_STEPS; step++)
            distance[precision] += fabs(losses[precision][step] - losses[0][step]) / SOME_STEPS;
    }
    print_message("    mean distance of losses: tf32 %.1e, bf16 %.1e\n", distance[1], distance[2]);
    assert_true(distance[1] > 0 && distance[1] < 1e-3);
    assert_true(distance[2] > distance[1] && distance[2] < 2e-2);
}

static void check_graph_launches(const task *t)
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
    assert_int_equal(counters.kernel_launches, 0);
    assert_int_equal(counters.captures, 0);
    assert_int_equal(counters.allocations, 0);
    assert_int_equal(counters.host_synchronizations, 0);
    assert_int_equal(counters.bytes_to_host, 0);
    assert_int_equal(lyrnn_trainer_counters(&r.trainer).step, K);
    run_close(&r);
}

static void a_step_is_one_graph_launch(void **state)
{
    (void)state;
    check_graph_launches(&simplest);
    for (int i = 0; i < NUM_STACKS; i++)
        check_graph_launches(&stacks[i]);
}

/* The host waits for every operation, so there are at least as many synchronizations as operations
 * in a step. */
static void with_debug_sync_nothing_is_recorded(void **state)
{
    enum { OPERATIONS = 11 };
    (void)state;
    run r;
    run_open(&r, "cuda", &simplest);
    r.backend.debug_sync = true;
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
    lyrnn_sim_reset_counters();
    for (int step = 0; step < K; step++)
        lyrnn_trainer_step(&r.trainer);
    lyrnn_sim_counters counters = lyrnn_sim_read_counters();
    assert_int_equal(counters.graph_launches, 0);
    assert_int_equal(counters.captures, 0);
    assert_true(counters.host_synchronizations >= K * OPERATIONS);
    run_close(&r);
}

/* Between two polls of the texts, 20 characters apart, the host only launches graphs. The number of
 * synchronizations does not depend on the number of samples. */
static void a_character_is_one_graph_launch(void **state)
{
    enum { LENGTH = 40, LOOKS = 2 };
    const lyrnn_listener nobody = {0};
    const int32_t prefix[] = {1, 2, 3};
    (void)state;
    for (size_t num_samples = 1; num_samples <= 3; num_samples += 2) {
        run r;
        lyrnn_generator generator;
        lyrnn_prompt prompt;
        run_open(&r, "cuda", &stacks[0]);
        lyrnn_generate_options options = lyrnn_greedy_options();
        options.sampler.temperature = 1.0f;
        options.num_samples = num_samples;
        options.poll_every = LENGTH / LOOKS;
        assert_int_equal(lyrnn_generator_init(&generator, &r.model, &options, 3 + LENGTH),
                         LYRNN_OK);
        assert_int_equal(lyrnn_prompt_from_ids(&prompt, prefix, 3), LYRNN_OK);
        assert_int_equal(lyrnn_generate(&generator, &prompt, LENGTH, &nobody), LYRNN_OK);
        lyrnn_sim_reset_counters();
        assert_int_equal(lyrnn_generate(&generator, &prompt, LENGTH, &nobody), LYRNN_OK);
        lyrnn_sim_counters counters = lyrnn_sim_read_counters();
        assert_int_equal(counters.graph_launches, 3 + LENGTH - 1);
        /* The first character of the prefix is read before the first step. */
        assert_in_range(counters.kernel_launches, 1, 2);
        assert_int_equal(counters.captures, 0);
        assert_int_equal(counters.allocations, 0);
        /* The prefix and the cursor are uploaded. Texts and states are downloaded, and each
         * download counts twice. */
        assert_in_range(counters.host_synchronizations, 1, 2 + 2 * 2 * LOOKS);
        assert_int_equal(counters.bytes_to_host, num_samples * (LENGTH * sizeof(int32_t) +
                                                                LOOKS * sizeof(lyrnn_text_state)));
        lyrnn_prompt_free(&prompt);
        lyrnn_generator_free(&generator);
        run_close(&r);
    }
}

/* Batches of samples and prompts differ only in data on the device, so their step is recorded
 * once. */
static void one_record_serves_all_batches_and_prompts(void **state)
{
    enum { LENGTH = 2, NUM_SAMPLES = 300, BATCHES = 2 };
    const task small = {
        {.cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = 4, .num_layers = 1},
        7,
        0,
        LYRNN_SAMPLING_CONSECUTIVE};
    const lyrnn_listener nobody = {0};
    const int32_t ids[] = {1, 2};
    (void)state;
    run r;
    lyrnn_generator generator;
    run_open(&r, "cuda", &small);
    lyrnn_generate_options options = lyrnn_greedy_options();
    options.num_samples = NUM_SAMPLES;
    assert_int_equal(lyrnn_generator_init(&generator, &r.model, &options, 2 + LENGTH), LYRNN_OK);
    assert_int_equal(generator.B * BATCHES, NUM_SAMPLES);
    lyrnn_sim_reset_counters();
    for (size_t prefix_length = 1; prefix_length <= 2; prefix_length++) {
        lyrnn_prompt prompt;
        assert_int_equal(lyrnn_prompt_from_ids(&prompt, ids, prefix_length), LYRNN_OK);
        assert_int_equal(lyrnn_generate(&generator, &prompt, LENGTH, &nobody), LYRNN_OK);
        lyrnn_prompt_free(&prompt);
    }
    lyrnn_sim_counters counters = lyrnn_sim_read_counters();
    assert_int_equal(counters.captures, 1);
    /* Every character of a text but the first is one step, and the very first step runs without a
     * graph. */
    assert_int_equal(counters.graph_launches, BATCHES * (LENGTH + LENGTH + 1) - 1);
    lyrnn_generator_free(&generator);
    run_close(&r);
}

/* The recorded step holds addresses that the next model may receive. */
static void freed_memory_takes_the_recorded_step_with_it(void **state)
{
    (void)state;
    run r;
    double first[SOME_STEPS], second[SOME_STEPS];
    run_open(&r, "cuda", &simplest);
    train(&r, SOME_STEPS, first);
    run_close(&r);
    run_open(&r, "cuda", &simplest);
    train(&r, SOME_STEPS, second);
    run_close(&r);
    assert_memory_equal(second, first, sizeof first);
}

static void nothing_stays_allocated(void **state)
{
    (void)state;
    size_t bytes;
    assert_int_equal(lyrnn_sim_live_allocations(&bytes), 0);
    assert_int_equal(bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_and_text_equal_the_cpus),
        cmocka_unit_test(stacks_train_as_on_the_cpu),
        cmocka_unit_test(parameters_go_both_ways),
        cmocka_unit_test(a_training_continues_on_the_other_device),
        cmocka_unit_test(every_run_gives_the_same_bits),
        cmocka_unit_test(lower_precision_stays_near),
        cmocka_unit_test(a_step_is_one_graph_launch),
        cmocka_unit_test(with_debug_sync_nothing_is_recorded),
        cmocka_unit_test(a_character_is_one_graph_launch),
        cmocka_unit_test(one_record_serves_all_batches_and_prompts),
        cmocka_unit_test(freed_memory_takes_the_recorded_step_with_it),
        cmocka_unit_test(nothing_stays_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
