/* A whole training on the simulated CUDA backend, compared with the CPU backend: the same losses
 * and text, checkpoints that either can read, the same bits in every run, and a step that is one
 * graph launch and nothing else. */
#include "training_run.h"

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
     LYRNN_SAMPLING_CONSECUTIVE,
     NULL},
    {{.cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = 12, .num_layers = 1},
     65,
     8,
     LYRNN_SAMPLING_CONSECUTIVE,
     NULL},
    {{.cell = LYRNN_GRU, .input_size = V, .hidden_size = 12, .num_layers = 4},
     48,
     8,
     LYRNN_SAMPLING_CONSECUTIVE,
     NULL},
    {{.cell = LYRNN_RNN_RELU,
      .input_size = V,
      .hidden_size = 12,
      .num_layers = 2,
      .bidirectional = true,
      .dropout = 0.25f},
     7,
     8,
     LYRNN_SAMPLING_RANDOM,
     NULL},
    {{.cell = LYRNN_LSTM,
      .input_size = V,
      .hidden_size = 12,
      .num_layers = 1,
      .bidirectional = true},
     7,
     8,
     LYRNN_SAMPLING_CONSECUTIVE,
     NULL},
    {{.cell = LYRNN_LSTM, .input_size = V, .hidden_size = 12, .num_layers = 2, .dropout = 0.25f},
     7,
     8,
     LYRNN_SAMPLING_SONGS,
     NULL},
    {{.cell = LYRNN_GRU, .input_size = V, .hidden_size = 40, .num_layers = 1},
     5,
     8,
     LYRNN_SAMPLING_SONGS,
     NULL},
    {{.cell = LYRNN_RNN_TANH,
      .input_size = V,
      .hidden_size = 12,
      .num_layers = 1,
      .bidirectional = true},
     5,
     8,
     LYRNN_SAMPLING_SONGS,
     NULL},
};
enum { NUM_STACKS = sizeof stacks / sizeof *stacks };

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
         LYRNN_SAMPLING_CONSECUTIVE,
         NULL},
        {{.cell = LYRNN_GRU, .input_size = V, .hidden_size = 12, .num_layers = 1},
         5,
         0,
         LYRNN_SAMPLING_RANDOM,
         NULL},
    };
    for (int i = 0; i < 2; i++) {
        check_moving(&tasks[i], "cpu", "cuda");
        check_moving(&tasks[i], "cuda", "cpu");
    }
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

/* Between two polls of the texts, 20 characters apart, the host only launches graphs, with four in
 * flight. The number of synchronizations does not depend on the number of samples. */
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
        assert_int_equal(counters.most_graphs_pending, 4);
        /* The first character of the prefix is read before the first step. */
        assert_in_range(counters.kernel_launches, 1, 2);
        assert_int_equal(counters.captures, 0);
        assert_int_equal(counters.allocations, 0);
        /* The prefix and the cursor are uploaded. Texts and states are downloaded. Each download
         * counts twice, and also reads whether a kernel gave up waiting. */
        assert_in_range(counters.host_synchronizations, 1, 2 + 2 * 2 * LOOKS);
        assert_int_equal(counters.bytes_to_host, num_samples * (LENGTH * sizeof(int32_t) +
                                                                LOOKS * sizeof(lyrnn_text_state)) +
                                                     2 * LOOKS * sizeof(unsigned));
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
        LYRNN_SAMPLING_CONSECUTIVE,
        NULL};
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
