/* Trainings with every option of the recipe on the simulated CUDA backend: the losses and texts of
 * the CPU, the same bits after a resume and in every order of threads, and a step that is one graph
 * launch. */
#include "training_run.h"

static const lyrnn_optimizer_config everything = {.learning_rate = 2e-2f,
                                                  .clip_norm = 0.3f,
                                                  .schedule = LYRNN_SCHEDULE_COSINE,
                                                  .warmup_steps = 2,
                                                  .num_steps = 4 * K,
                                                  .weight_decay = 0.2f,
                                                  .beta2 = 0.98,
                                                  .average_decay = 0.5,
                                                  .num_shards = B};
static const lyrnn_optimizer_config halves = {.learning_rate = 2e-2f,
                                              .clip_norm = 0.3f,
                                              .weight_decay = 0.2f,
                                              .no_momentum = true,
                                              .average_decay = 0.5,
                                              .num_shards = 2};

/* Embeddings, tied outputs with and without projection, dropout of every kind, AdamW, averages,
 * schedules and shards: in chunks, with songs, and in two directions. */
static const task recipes[] = {
    {.network = {.cell = LYRNN_LSTM,
                 .hidden_size = 12,
                 .num_layers = 2,
                 .dropout = 0.1f,
                 .embedding_size = 12,
                 .tied = true,
                 .dropout_input = 0.1f,
                 .dropout_output = 0.1f,
                 .dropout_weight = 0.2f},
     .T = 33,
     .steps = 12,
     .optimizer = &everything},
    {.network = {.cell = LYRNN_GRU,
                 .hidden_size = 12,
                 .num_layers = 1,
                 .embedding_size = 7,
                 .tied = true,
                 .dropout_input = 0.1f,
                 .dropout_output = 0.1f,
                 .dropout_weight = 0.2f},
     .T = 7,
     .steps = 12,
     .sampling = LYRNN_SAMPLING_SONGS,
     .optimizer = &halves},
    {.network = {.cell = LYRNN_RNN_RELU,
                 .hidden_size = 12,
                 .num_layers = 2,
                 .bidirectional = true,
                 .dropout = 0.1f,
                 .embedding_size = 5,
                 .dropout_input = 0.1f,
                 .dropout_output = 0.1f,
                 .dropout_weight = 0.2f},
     .T = 7,
     .steps = 12,
     .sampling = LYRNN_SAMPLING_RANDOM,
     .optimizer = &everything},
    {.network = {.cell = LYRNN_RNN_TANH,
                 .hidden_size = 12,
                 .num_layers = 1,
                 .dropout_output = 0.1f,
                 .dropout_weight = 0.2f},
     .T = 65,
     .steps = 12,
     .optimizer = &everything},
};
enum { NUM_RECIPES = sizeof recipes / sizeof *recipes };

static void recipes_train_as_on_the_cpu(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_RECIPES; i++) {
        lyrnn_sim_set_seed((uint64_t)i + 1);
        compare_with_cpu(&recipes[i]);
    }
    lyrnn_sim_set_seed(0);
}

/* In the simulator, where a step is a graph that has been recorded again. */
static void check_resuming(const task *t)
{
    enum { STEPS = 10, MORE = 4 };
    run stays, moves;
    double losses[STEPS];
    run_open(&stays, "cuda", t);
    run_open(&moves, "cuda", t);
    train(&stays, STEPS, losses);
    move(&stays, &moves, STEPS);
    train_on(&stays, STEPS, MORE, losses);
    train_on(&moves, STEPS, MORE, losses);
    size_t num_bytes = stays.model.parameters.count * sizeof(float);
    float *expected = params_of(&stays), *actual = params_of(&moves);
    assert_memory_equal(actual, expected, num_bytes);
    lyrnn_model_download(&stays.model, expected);
    lyrnn_model_download(&moves.model, actual);
    assert_memory_equal(actual, expected, num_bytes);
    free(expected);
    free(actual);
    run_close(&stays);
    run_close(&moves);
}

static void a_resumed_recipe_continues_with_the_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_RECIPES; i++)
        check_resuming(&recipes[i]);
}

static void a_recipe_continues_on_the_other_device(void **state)
{
    (void)state;
    check_moving(&recipes[1], "cpu", "cuda");
    check_moving(&recipes[2], "cuda", "cpu");
}

static void every_run_of_a_recipe_gives_the_same_bits(void **state)
{
    (void)state;
    check_bits_repeat(&recipes[1]);
    check_bits_repeat(&recipes[2]);
}

static void a_step_with_every_option_is_one_graph_launch(void **state)
{
    (void)state;
    for (int i = 0; i < NUM_RECIPES; i++)
        check_graph_launches(&recipes[i]);
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
        cmocka_unit_test(recipes_train_as_on_the_cpu),
        cmocka_unit_test(a_resumed_recipe_continues_with_the_same_bits),
        cmocka_unit_test(a_recipe_continues_on_the_other_device),
        cmocka_unit_test(every_run_of_a_recipe_gives_the_same_bits),
        cmocka_unit_test(a_step_with_every_option_is_one_graph_launch),
        cmocka_unit_test(nothing_stays_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
