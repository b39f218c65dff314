/* How training steps are launched: kernels at the priorities of their lanes, the grids of the
 * recurrence one after the other, four steps in flight, one wait of the host per epoch, and few
 * nodes per step. */
#include "training_run.h"

/* Two layers, as a wavefront of chunks in several lanes. */
static const task two_layers = {
    {.cell = LYRNN_LSTM, .input_size = V, .hidden_size = 12, .num_layers = 2},
    33,
    0,
    LYRNN_SAMPLING_CONSECUTIVE,
    NULL};

static lyrnn_sim_counters count_step(run *r)
{
    lyrnn_sim_reset_counters();
    lyrnn_trainer_step(&r->trainer);
    r->backend.synchronize(&r->backend);
    return lyrnn_sim_read_counters();
}

/* CUDA runs a graph at the priority of the stream that launches it, unless its instantiation asks
 * for the priorities of the streams that were captured. */
static void a_replayed_step_keeps_the_priorities_of_the_lanes(void **state)
{
    (void)state;
    run r;
    run_open(&r, "cuda", &two_layers);
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
    r.backend.synchronize(&r.backend);
    lyrnn_sim_counters eager = count_step(&r);
    lyrnn_sim_counters captured = count_step(&r), replayed = count_step(&r);
    int num_priorities = 0;
    for (int i = 0; i < LYRNN_SIM_PRIORITIES; i++)
        num_priorities += eager.kernels_at_priority[i] > 0;
    assert_int_equal(num_priorities, 4);
    assert_int_equal(eager.graph_launches, 0);
    assert_int_equal(captured.graph_launches + replayed.graph_launches, 2);
    assert_memory_equal(captured.kernels_at_priority, eager.kernels_at_priority,
                        sizeof eager.kernels_at_priority);
    assert_memory_equal(replayed.kernels_at_priority, eager.kernels_at_priority,
                        sizeof eager.kernels_at_priority);
    run_close(&r);
}

/* Neither the shared memory of one multiprocessor holds W_hh (256 KiB), nor that of two holds it
 * twice. So two grids of the recurrence do not fit on a device with two multiprocessors, and the
 * simulator reports those that no event orders. */
static void grids_run_one_after_the_other(void **state)
{
    const char *path = getenv("LYRNN_DEBUG_RECURRENCE");
    const lyrnn_rnn_config layers = {.cell = LYRNN_LSTM, .hidden_size = 128, .num_layers = 2};
    const lyrnn_rnn_config directions = {
        .cell = LYRNN_LSTM, .hidden_size = 128, .num_layers = 1, .bidirectional = true};
    /* Other recurrences are cut into chunks from 32 time steps on. Those that fill the device are
     * one grid per layer or direction. */
    const task tasks[] = {{layers, 32, 0, LYRNN_SAMPLING_CONSECUTIVE, NULL},
                          {directions, 2, 0, LYRNN_SAMPLING_CONSECUTIVE, NULL}};
    const uint64_t expected[] = {2 * 2, 2 * 2};
    (void)state;
    if (path == NULL || strcmp(path, "grid") != 0)
        skip();
    for (int i = 0; i < 2; i++) {
        run r;
        run_open(&r, "cuda", &tasks[i]);
        assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
        /* The second step is captured. No grid of a capture may wait for one outside of it, or the
         * reverse. */
        for (int step = 0; step < 2; step++) {
            assert_int_equal(count_step(&r).cooperative_run, expected[i]);
            lyrnn_model_forward(&r.model, &r.trainer.activations);
            r.backend.synchronize(&r.backend);
        }
        run_close(&r);
    }
}

/* The host may neither run far ahead of the device, nor wait for it while fewer steps are queued.
 * The first step is eager, so it is not among the graphs. */
static void four_steps_are_in_flight(void **state)
{
    const task tiny = {{.cell = LYRNN_RNN_TANH, .hidden_size = 4, .num_layers = 1},
                       2,
                       0,
                       LYRNN_SAMPLING_CONSECUTIVE,
                       NULL};
    (void)state;
    run r;
    run_open(&r, "cuda", &tiny);
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
    r.backend.synchronize(&r.backend);
    for (int step = 1; step <= K; step++) {
        lyrnn_sim_reset_counters();
        lyrnn_trainer_step(&r.trainer);
        lyrnn_sim_counters counters = lyrnn_sim_read_counters();
        assert_int_equal(counters.most_graphs_pending, step <= 4 ? step - 1 : 4);
        assert_int_equal(counters.event_waits, step > 4);
        assert_int_equal(counters.host_synchronizations, 0);
    }
    run_close(&r);
}

/* The host waits for the device once per epoch, to read the loss. Where the batch table or the
 * learning rates are not those of the epoch before, it also waits once for the upload of each. */
static void the_host_waits_once_per_epoch(void **state)
{
    enum { EPOCHS = 3, DOWNLOAD = 2 }; /* the simulator counts the copy and the wait for it */
    static const lyrnn_optimizer_config cosine = {
        .learning_rate = 1e-2f, .schedule = LYRNN_SCHEDULE_COSINE, .num_steps = EPOCHS * K};
    const lyrnn_rnn_config tiny = {.cell = LYRNN_RNN_TANH, .hidden_size = 4, .num_layers = 1};
    const task tasks[] = {{tiny, 2, 0, LYRNN_SAMPLING_CONSECUTIVE, NULL},
                          {tiny, 2, 0, LYRNN_SAMPLING_CONSECUTIVE, &cosine},
                          {tiny, 2, 0, LYRNN_SAMPLING_RANDOM, &cosine}};
    (void)state;
    for (int num_uploads = 0; num_uploads < 3; num_uploads++) {
        run r;
        run_open(&r, "cuda", &tasks[num_uploads]);
        int num_steps = (int)r.batches.K;
        for (int epoch = 1; epoch <= EPOCHS; epoch++) {
            lyrnn_sim_reset_counters();
            assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, (uint64_t)epoch), LYRNN_OK);
            for (int step = 0; step < num_steps; step++)
                lyrnn_trainer_step(&r.trainer);
            lyrnn_counters counters = lyrnn_trainer_counters(&r.trainer);
            assert_int_equal(counters.step, epoch * num_steps);
            assert_int_equal(counters.batch, num_steps);
            assert_int_equal(counters.loss_count, num_steps * B * 2);
            assert_int_equal(lyrnn_sim_read_counters().host_synchronizations,
                             DOWNLOAD + (epoch == 1 ? 2 : num_uploads));
        }
        run_close(&r);
    }
}

/* A node of a graph takes one to three microseconds even if it does little. The tutorial's network
 * takes its 35 time steps in two chunks, but in one over the grid, which leaves no room for other
 * work. The longest chain of one chunk is gather, lookup, recurrence, output layer and softmax;
 * then either the sum of the losses, the zeroed gradient and the sorted ids, or the output layer
 * and the recurrence backward; then the gradient of W_hh, norm and Adam. */
static void a_step_has_few_nodes(void **state)
{
    const char *path = getenv("LYRNN_DEBUG_RECURRENCE");
    const bool is_grid = path != NULL && strcmp(path, "grid") == 0;
    const struct {
        int T, nodes, chain;
    } steps[] = {{35, is_grid ? 19 : 27, is_grid ? 11 : 16}, {31, 19, 11}};
    (void)state;
    if (!is_grid && (path == NULL || strcmp(path, "resident") != 0))
        skip();
    for (int i = 0; i < 2; i++) {
        const task tutorial = {{.cell = LYRNN_RNN_TANH, .hidden_size = 16, .num_layers = 1},
                               steps[i].T,
                               0,
                               LYRNN_SAMPLING_CONSECUTIVE,
                               NULL};
        run r;
        run_open(&r, "cuda", &tutorial);
        assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
        count_step(&r);
        lyrnn_sim_counters captured = count_step(&r);
        print_message("T %d: %d nodes, %d in a row\n", steps[i].T, (int)captured.captured_nodes,
                      (int)captured.captured_chain);
        assert_int_equal(captured.captured_nodes, steps[i].nodes);
        assert_int_equal(captured.captured_chain, steps[i].chain);
        run_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replayed_step_keeps_the_priorities_of_the_lanes),
        cmocka_unit_test(grids_run_one_after_the_other),
        cmocka_unit_test(four_steps_are_in_flight),
        cmocka_unit_test(the_host_waits_once_per_epoch),
        cmocka_unit_test(a_step_has_few_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
