/* A trainer with ranks: the shards that it refuses, the memory that it takes, and what it says of a
 * rank that is gone. Each rank is a process. LYRNN_TEST_DEVICE names the device. */
#include <string.h>

#include "compare.h"
#include "model_check.h"
#include "rank_group.h"

enum { V = 11, H = 6, B = 12, T = 4, N = B * (3 * T + 1), SHARDS = 4 };

static const lyrnn_rnn_config config = {
    .cell = LYRNN_LSTM, .input_size = V, .hidden_size = H, .num_layers = 2};
static const lyrnn_optimizer_config optimizer = {.num_shards = SHARDS, .average_decay = 0.9};
static const int32_t ids[N];

typedef struct {
    model_check check;
    lyrnn_batches batches;
    lyrnn_trainer trainer;
} rank_training;

static lyrnn_status try_open(rank_training *r, lyrnn_comm *comm, int num_streams, int num_shards)
{
    const lyrnn_batch_options options = {
        .N = N, .B = num_streams, .T = T, .sampling = LYRNN_SAMPLING_RANDOM};
    lyrnn_optimizer_config used = optimizer;
    used.num_shards = num_shards;
    model_check_open_config(&r->check, &config, 1);
    rank_group_join(&r->check.backend, comm);
    assert_int_equal(lyrnn_batches_init(&r->batches, &options), LYRNN_OK);
    return lyrnn_trainer_init(&r->trainer, &r->check.model, &r->batches, ids, &used);
}

static void close_training(rank_training *r)
{
    lyrnn_trainer_free(&r->trainer);
    lyrnn_batches_free(&r->batches);
    model_check_close(&r->check);
}

/* Shards that four ranks cannot share, and what the error names. */
typedef struct {
    int B, num_shards;
    const char *error;
} misfit;

static void fail_to_open(lyrnn_comm *comm, void *context)
{
    const misfit *wrong = (const misfit *)context;
    rank_training r;
    assert_int_equal(try_open(&r, comm, wrong->B, wrong->num_shards), LYRNN_ERR_USAGE);
    assert_string_equal(lyrnn_error_text(), wrong->error);
    close_training(&r);
}

static void shards_that_ranks_cannot_share_are_usage_errors(void **state)
{
    (void)state;
    misfit misfits[] = {
        {12, 6,
         "--shards 6: 4 ranks cannot share them and the 12 text sequences of a batch equally; use "
         "multiples of 4 for --shards and --batch-size"},
        {6, 0,
         "--shards 4: 4 ranks cannot share them and the 6 text sequences of a batch equally; use "
         "multiples of 4 for --shards and --batch-size"},
        {24, 16,
         "--shards 16: does not divide the 24 text sequences of a batch; use 24, or another "
         "--batch-size"},
        {36, 8,
         "--shards 8: does not divide the 36 text sequences of a batch; use 12, or another "
         "--batch-size"},
    };
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++)
        rank_group_run(4, fail_to_open, &misfits[i]);
}

static size_t allocated_bytes;
static lyrnn_status (*allocate)(lyrnn_backend *self, size_t bytes, void **memory);

static lyrnn_status count_bytes(lyrnn_backend *self, size_t bytes, void **memory)
{
    allocated_bytes += bytes;
    return allocate(self, bytes, memory);
}

/* The model is allocated before the trainer. */
static void compare_memory(lyrnn_comm *comm, void *context)
{
    (void)context;
    rank_training r;
    assert_int_equal(try_open(&r, comm, B, SHARDS), LYRNN_OK);
    lyrnn_backend *backend = &r.check.backend;
    const lyrnn_training_memory memory =
        lyrnn_training_memory_of(backend, &config, &optimizer, &r.batches);
    size_t count = r.check.model.parameters.count, num_parts = SHARDS * LYRNN_LOSS_PARTS;
    /* One buffer per level of the tree over the own shards. Ranks add the losses to the first, and
     * have one more buffer of its length. */
    size_t floats = comm == NULL ? 3 * count : (comm->size == 2 ? 3 : 2) * count + 2 * num_parts;
    size_t padding = comm == NULL ? 0 : 2 * 512;
    assert_in_range(memory.gradients_bytes, floats * sizeof(float),
                    floats * sizeof(float) + padding);
    lyrnn_trainer_free(&r.trainer);
    allocate = backend->memory_alloc;
    backend->memory_alloc = count_bytes;
    assert_int_equal(lyrnn_trainer_init(&r.trainer, &r.check.model, &r.batches, ids, &optimizer),
                     LYRNN_OK);
    assert_int_equal(allocated_bytes, memory.total_bytes - memory.parameters_bytes);
    close_training(&r);
}

static void the_sizes_of_memory_are_those_of_its_allocations(void **state)
{
    (void)state;
    for (int size = 0; size <= 4; size += 2)
        rank_group_run(size, compare_memory, NULL);
}

static lyrnn_status say_gone(lyrnn_comm *self)
{
    (void)self;
    return lyrnn_fail(LYRNN_ERR_RANK, "rank 1: is gone");
}

static lyrnn_status fail_to_gather(lyrnn_comm *self, const void *mine, size_t num_bytes, void *all)
{
    (void)mine, (void)num_bytes, (void)all;
    return say_gone(self);
}

static lyrnn_status fail_to_exchange(lyrnn_comm *self, const void *pieces, void *received,
                                     size_t num_bytes)
{
    (void)pieces, (void)received, (void)num_bytes;
    return say_gone(self);
}

static lyrnn_status fail_to_broadcast(lyrnn_comm *self, void *bytes, size_t num_bytes)
{
    (void)bytes, (void)num_bytes;
    return say_gone(self);
}

/* The step in which the other rank is lost ends, but with undefined results. */
static void lose_a_rank(lyrnn_comm *comm, void *context)
{
    (void)context;
    rank_training r;
    assert_int_equal(try_open(&r, comm, B, SHARDS), LYRNN_OK);
    lyrnn_status (*broadcast)(lyrnn_comm *, void *, size_t) = comm->broadcast;
    comm->broadcast = fail_to_broadcast;
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_ERR_RANK);
    comm->broadcast = broadcast;
    assert_int_equal(lyrnn_trainer_begin_epoch(&r.trainer, 1), LYRNN_OK);
    lyrnn_trainer_step(&r.trainer);
    assert_int_equal(lyrnn_trainer_check(&r.trainer), LYRNN_OK);
    comm->check = say_gone;
    comm->gather = fail_to_gather;
    comm->exchange = fail_to_exchange;
    lyrnn_trainer_step(&r.trainer);
    (void)lyrnn_trainer_counters(&r.trainer);
    assert_int_equal(lyrnn_trainer_check(&r.trainer), LYRNN_ERR_RANK);
    assert_int_equal(lyrnn_trainer_gather_state(&r.trainer), LYRNN_ERR_RANK);
    close_training(&r);
}

static void a_rank_that_is_gone_shows(void **state)
{
    (void)state;
    rank_group_run(2, lose_a_rank, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_that_ranks_cannot_share_are_usage_errors),
        cmocka_unit_test(the_sizes_of_memory_are_those_of_its_allocations),
        cmocka_unit_test(a_rank_that_is_gone_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
