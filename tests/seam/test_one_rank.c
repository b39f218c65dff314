/* A group of one rank: a training has the same bits as without a group. On a GPU its gradients go
 * through NCCL, also in captured steps. So one GPU shows what it can of a training on several.
 * LYRNN_TEST_DEVICE names the device. */
#include <string.h>

#include "compare.h"
#include "lyrnn/philox.h"
#include "model_check.h"
#include "rank_group.h"

enum { V = 61, B = 4, T = 4, K = 3, N = B * (K * T + 1), STEPS = 2 * K };

/* More than the parameters of the largest model. */
enum { MAX_FLAT = 1 << 15 };

typedef struct {
    lyrnn_rnn_config config;
    int num_shards;
    /* Out: the training's end. */
    lyrnn_counters counters;
    float params[MAX_FLAT], m[MAX_FLAT], v[MAX_FLAT];
} run;

static void train(lyrnn_comm *comm, void *context)
{
    run *r = (run *)context;
    const lyrnn_batch_options options = {
        .N = N, .B = B, .T = T, .sampling = LYRNN_SAMPLING_RANDOM, .seed = 3};
    const lyrnn_optimizer_config optimizer = {
        .learning_rate = 1e-2f, .clip_norm = 0.3f, .num_shards = r->num_shards};
    model_check check;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    int32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)(lyrnn_philox_bits(3, 99, (uint64_t)i) % V);
    model_check_open_config(&check, &r->config, 0);
    if (comm != NULL)
        rank_group_join(&check.backend, comm);
    lyrnn_model_randomize(&check.model, 1);
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_int_equal(lyrnn_trainer_init(&trainer, &check.model, &batches, ids, &optimizer),
                     LYRNN_OK);
    for (int step = 0; step < STEPS; step++) {
        if (step % K == 0)
            assert_int_equal(lyrnn_trainer_begin_epoch(&trainer, (uint64_t)step / K + 1), LYRNN_OK);
        lyrnn_trainer_step(&trainer);
    }
    const size_t num_bytes = check.model.parameters.count * sizeof(float);
    assert_true(num_bytes <= sizeof r->params);
    r->counters = lyrnn_trainer_counters(&trainer);
    check.backend.download(&check.backend, r->params, check.model.params, num_bytes);
    check.backend.download(&check.backend, r->m, trainer.m, num_bytes);
    check.backend.download(&check.backend, r->v, trainer.v, num_bytes);
    assert_int_equal(lyrnn_trainer_check(&trainer), LYRNN_OK);
    lyrnn_trainer_free(&trainer);
    lyrnn_batches_free(&batches);
    model_check_close(&check);
}

static const lyrnn_rnn_config configs[] = {
    {.cell = LYRNN_RNN_TANH, .input_size = V, .hidden_size = 40, .num_layers = 1},
    {.cell = LYRNN_LSTM, .input_size = V, .hidden_size = 24, .num_layers = 2, .dropout = 0.5f},
    {.cell = LYRNN_GRU, .input_size = V, .hidden_size = 16, .num_layers = 1, .bidirectional = true},
};

static void one_rank_has_the_bits_of_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        for (int num_shards = 1; num_shards <= 4; num_shards *= 4) {
            run *runs = rank_group_memory(2 * sizeof *runs);
            for (int size = 0; size < 2; size++) {
                runs[size].config = configs[i];
                runs[size].num_shards = num_shards;
                rank_group_run(size, train, &runs[size]);
            }
            assert_int_equal(runs[1].counters.step, STEPS);
            assert_same_bits("counters", &runs[1].counters, &runs[0].counters,
                             sizeof runs[0].counters);
            assert_same_bits("params", runs[1].params, runs[0].params, sizeof runs[0].params);
            assert_same_bits("m", runs[1].m, runs[0].m, sizeof runs[0].m);
            assert_same_bits("v", runs[1].v, runs[0].v, sizeof runs[0].v);
            rank_group_free(runs, 2 * sizeof *runs);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_rank_has_the_bits_of_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
