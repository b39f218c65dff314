/* How far a stack's layers and directions, and the output layer, overlap on a device with several
 * streams (lyrnn's lanes). A CPU backend claims five lanes and keeps a clock for each. A recurrence
 * and the output layer take as long as they have steps. The gradients of W_hh and of the output
 * layer's weights take a quarter of that, everything else no time. Work in sequence takes the sum,
 * a wavefront takes less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lyrnn/device.h"
#include "lyrnn/model.h"
#include "lyrnn/rnn.h"
#include "lyrnn/trainer.h"

enum { NUM_LANES = 5, T = 64, B = 2, IN = 8, H = 16, V = 40 };

typedef struct {
    lyrnn_backend cpu;
    int lane, clocks[NUM_LANES];
    int slowdown; /* of the recurrence backward */
    bool fills_device;
    int losses_end;              /* when the last count_losses ends */
    int num_sums, sums_begin[2]; /* the sums over ranks, and when they begin */
    int sum_lane;
} timed_cpu;

static timed_cpu *timed(lyrnn_backend *self)
{
    return (timed_cpu *)self->state;
}

static void lane_use(lyrnn_backend *self, int lane)
{
    assert_in_range(lane, 0, NUM_LANES - 1);
    timed(self)->lane = lane;
}

static void lane_wait(lyrnn_backend *self, int other)
{
    int *clocks = timed(self)->clocks, lane = timed(self)->lane;
    if (clocks[other] > clocks[lane])
        clocks[lane] = clocks[other];
}

static void recurrence_forward(lyrnn_backend *self, const lyrnn_recurrence_forward_args *args)
{
    timed(self)->clocks[timed(self)->lane] += args->T;
    timed(self)->cpu.recurrence_forward(&timed(self)->cpu, args);
}

static void recurrence_backward(lyrnn_backend *self, const lyrnn_recurrence_backward_args *args)
{
    timed(self)->clocks[timed(self)->lane] += args->T * timed(self)->slowdown;
    timed(self)->cpu.recurrence_backward(&timed(self)->cpu, args);
}

/* No other layer has V outputs. */
static void linear_forward(lyrnn_backend *self, const lyrnn_linear_forward_args *args)
{
    timed(self)->clocks[timed(self)->lane] += args->out == V ? args->M / B : 0;
    timed(self)->cpu.linear_forward(&timed(self)->cpu, args);
}

static void linear_backward(lyrnn_backend *self, const lyrnn_linear_backward_args *args)
{
    timed(self)->clocks[timed(self)->lane] += args->out == V ? args->M / B : 0;
    timed(self)->cpu.linear_backward(&timed(self)->cpu, args);
}

static void linear_backward_weights(lyrnn_backend *self,
                                    const lyrnn_linear_backward_weights_args *args)
{
    timed(self)->clocks[timed(self)->lane] += args->out == V ? args->M / B / 4 : 0;
    timed(self)->cpu.linear_backward_weights(&timed(self)->cpu, args);
}

static void recurrence_backward_weights(lyrnn_backend *self,
                                        const lyrnn_recurrence_backward_weights_args *args)
{
    timed(self)->clocks[timed(self)->lane] += args->T / 4;
    timed(self)->cpu.recurrence_backward_weights(&timed(self)->cpu, args);
}

enum { ZERO_TIME = 5, LOSSES_TIME = 3, EARLY_TIME = T / 2, LATE_TIME = 7 };

/* Only the losses of the one shard are so few bytes. */
static void zero(lyrnn_backend *self, void *memory, size_t bytes)
{
    timed_cpu *clock = timed(self);
    clock->clocks[clock->lane] += bytes == LYRNN_LOSS_PARTS * sizeof(float) ? ZERO_TIME : 0;
    clock->cpu.zero(&clock->cpu, memory, bytes);
}

static void count_losses(lyrnn_backend *self, const lyrnn_count_losses_args *args)
{
    timed_cpu *clock = timed(self);
    clock->clocks[clock->lane] += LOSSES_TIME;
    clock->losses_end = clock->clocks[clock->lane];
    clock->cpu.count_losses(&clock->cpu, args);
}

/* There is one rank, whose sum is what it has. The last sum of a step is the late one. */
static void all_reduce(lyrnn_backend *self, const lyrnn_all_reduce_args *args)
{
    timed_cpu *clock = timed(self);
    assert_true(args->length > 0 && args->length % 4 == 0);
    assert_in_range(clock->num_sums, 0, 1);
    assert_true(clock->num_sums == 0 || clock->sum_lane == clock->lane);
    clock->sum_lane = clock->lane;
    clock->sums_begin[clock->num_sums++] = clock->clocks[clock->lane];
    bool is_early = clock->num_sums == 1 && !clock->fills_device;
    clock->clocks[clock->lane] += is_early ? EARLY_TIME : LATE_TIME;
}

static bool fills_device(lyrnn_backend *self, const lyrnn_recurrence_shape *shape)
{
    (void)shape;
    return timed(self)->fills_device;
}

static lyrnn_backend timed_backend(timed_cpu *clock)
{
    *clock = (timed_cpu){.slowdown = 1};
    assert_int_equal(lyrnn_backend_open("cpu", 1, LYRNN_FP32, &clock->cpu), LYRNN_OK);
    lyrnn_backend backend = clock->cpu;
    backend.state = clock;
    backend.num_lanes = NUM_LANES;
    backend.lane_use = lane_use;
    backend.lane_wait = lane_wait;
    backend.recurrence_forward = recurrence_forward;
    backend.recurrence_backward = recurrence_backward;
    backend.linear_forward = linear_forward;
    backend.linear_backward = linear_backward;
    backend.linear_backward_weights = linear_backward_weights;
    backend.recurrence_backward_weights = recurrence_backward_weights;
    backend.all_reduce = all_reduce;
    return backend;
}

/* Measures when lane 0, which waits for all others, finishes a forward pass and a backward pass. */
static void measure(int num_layers, bool bidirectional, int *forward, int *backward)
{
    timed_cpu clock;
    lyrnn_backend backend = timed_backend(&clock);
    const lyrnn_rnn_config config = {.cell = LYRNN_LSTM,
                                     .input_size = IN,
                                     .hidden_size = H,
                                     .num_layers = num_layers,
                                     .bidirectional = bidirectional};
    float *input = calloc(T * B * IN, sizeof *input);
    float *output = calloc(T * B * 2 * H, sizeof *output);
    assert_true(input != NULL && output != NULL);
    lyrnn_rnn *rnn;
    assert_int_equal(lyrnn_rnn_open(&rnn, &config, false, &backend, 1), LYRNN_OK);
    assert_int_equal(
        lyrnn_rnn_forward(
            rnn, &(lyrnn_rnn_forward_args){.T = T, .B = B, .input = input, .output = output}),
        LYRNN_OK);
    *forward = clock.clocks[0];
    assert_int_equal(lyrnn_rnn_backward(rnn, &(lyrnn_rnn_backward_args){.doutput = output}),
                     LYRNN_OK);
    *backward = clock.clocks[0] - *forward;
    lyrnn_rnn_close(rnn);
    lyrnn_backend_close(&clock.cpu);
    free(output);
    free(input);
}

/* There are four chunks of T / 4 steps, and a layer is one chunk behind the layer below. Only the
 * last chunk's weight gradients, those of layer 0, do not overlap. */
static void layers_are_a_wavefront_both_ways(void **state)
{
    (void)state;
    for (int num_layers = 1; num_layers <= 3; num_layers++) {
        int forward, backward, expected = T + (num_layers - 1) * T / 4;
        measure(num_layers, false, &forward, &backward);
        assert_int_equal(forward, expected);
        assert_int_equal(backward, expected + T / 16);
    }
}

/* The weight gradients of each direction follow it in the same lane. */
static void directions_run_side_by_side(void **state)
{
    (void)state;
    for (int num_layers = 1; num_layers <= 2; num_layers++) {
        int forward, backward;
        measure(num_layers, true, &forward, &backward);
        assert_int_equal(forward, num_layers * T);
        assert_int_equal(backward, num_layers * T + 2 * T / 4);
    }
}

/* For a model's training step. Its recurrent layers are as above. */
static void measure_model(int num_layers, int *forward, int *backward)
{
    timed_cpu clock;
    lyrnn_backend backend = timed_backend(&clock);
    const lyrnn_rnn_config config = {
        .cell = LYRNN_LSTM, .input_size = V, .hidden_size = H, .num_layers = num_layers};
    lyrnn_model model, grads;
    lyrnn_activations a;
    assert_int_equal(lyrnn_model_init(&model, &config, &backend), LYRNN_OK);
    assert_int_equal(lyrnn_model_init(&grads, &config, &backend), LYRNN_OK);
    assert_int_equal(lyrnn_activations_init(&a, &model, T, B, true), LYRNN_OK);
    backend.zero(&backend, a.inputs, T * B * sizeof *a.inputs);
    lyrnn_model_forward(&model, &a);
    *forward = clock.clocks[0];
    lyrnn_model_backward(&model, &a, grads.params);
    *backward = clock.clocks[0] - *forward;
    lyrnn_activations_free(&a);
    lyrnn_model_free(&grads);
    lyrnn_model_free(&model);
    lyrnn_backend_close(&clock.cpu);
}

/* One chunk of the output layer does not overlap: the last one forward, the first one backward. The
 * weight gradients of layer 0's last chunk do not either. */
static void the_output_layer_runs_beside_the_recurrence(void **state)
{
    (void)state;
    for (int num_layers = 1; num_layers <= 3; num_layers++) {
        int forward, backward, expected = T + num_layers * T / 4;
        measure_model(num_layers, &forward, &backward);
        assert_int_equal(forward, expected);
        assert_int_equal(backward, expected + T / 16);
    }
}

static lyrnn_status broadcast(lyrnn_comm *self, void *bytes, size_t num_bytes)
{
    (void)self, (void)bytes, (void)num_bytes;
    return LYRNN_OK;
}

/* One training step, without ranks or as the only one. The clocks begin at zero and the step ends
 * when lane 0 does. */
static timed_cpu measure_step(const lyrnn_rnn_config *config, int num_shards, bool has_ranks,
                              bool fills)
{
    timed_cpu clock;
    lyrnn_comm comm = {.size = 1, .broadcast = broadcast};
    lyrnn_backend backend = timed_backend(&clock);
    const lyrnn_batch_options options = {.N = 4 * B * T, .B = B, .T = T};
    const lyrnn_optimizer_config optimizer = {.learning_rate = 1e-2f, .num_shards = num_shards};
    static const int32_t ids[4 * B * T];
    lyrnn_model model;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    backend.zero = zero;
    backend.count_losses = count_losses;
    backend.fills_device = fills_device;
    backend.comm = has_ranks ? &comm : NULL;
    clock.fills_device = fills;
    clock.slowdown = 4;
    assert_int_equal(lyrnn_model_init(&model, config, &backend), LYRNN_OK);
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_init(&trainer, &model, &batches, ids, &optimizer), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_begin_epoch(&trainer, 1), LYRNN_OK);
    lyrnn_trainer_step(&trainer);
    assert_int_equal(clock.lane, 0);
    lyrnn_trainer_free(&trainer);
    lyrnn_batches_free(&batches);
    lyrnn_model_free(&model);
    lyrnn_backend_close(&clock.cpu);
    return clock;
}

/* If the recurrence takes longer than the output layer, the sum of the output layer's gradients
 * takes no time of its own. The other sum comes last. */
static void ranks_sum_the_output_layer_beside_the_recurrence(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        const lyrnn_rnn_config config = {.cell = LYRNN_LSTM,
                                         .input_size = V,
                                         .hidden_size = H,
                                         .num_layers = 1 + i / 2,
                                         .embedding_size = i % 2 * H};
        timed_cpu alone = measure_step(&config, 1, false, false);
        timed_cpu ranks = measure_step(&config, 1, true, false);
        assert_int_equal(alone.num_sums, 0);
        assert_int_equal(ranks.num_sums, 2);
        assert_int_equal(ranks.clocks[0], alone.clocks[0] + LATE_TIME);
        assert_int_equal(ranks.sums_begin[1], alone.clocks[0]);
        assert_true(ranks.sums_begin[1] >= ranks.losses_end);
    }
}

/* There is one sum if nothing can overlap with the recurrence, if a later shard adds to the
 * gradients, or if the recurrence's input adds to those of the output layer. */
static void other_trainings_have_one_sum(void **state)
{
    (void)state;
    const lyrnn_rnn_config config = {
        .cell = LYRNN_LSTM, .input_size = V, .hidden_size = H, .num_layers = 1};
    lyrnn_rnn_config tied = config;
    tied.embedding_size = H;
    tied.tied = true;
    assert_int_equal(measure_step(&config, 1, true, true).num_sums, 1);
    assert_int_equal(measure_step(&config, 2, true, false).num_sums, 1);
    assert_int_equal(measure_step(&tied, 1, true, false).num_sums, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_a_wavefront_both_ways),
        cmocka_unit_test(directions_run_side_by_side),
        cmocka_unit_test(the_output_layer_runs_beside_the_recurrence),
        cmocka_unit_test(ranks_sum_the_output_layer_beside_the_recurrence),
        cmocka_unit_test(other_trainings_have_one_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
