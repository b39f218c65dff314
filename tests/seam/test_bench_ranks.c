/* The bench with ranks: what each rank computes and sends, its links, and that all ranks end
 * together if one of them cannot continue. Each rank is a process. LYRNN_TEST_DEVICE names the
 * device. Nothing here depends on how long anything takes. */
#include <math.h>
#include <string.h>

#include "bench/bench_run.h"
#include "bench/rank_outcome.h"
#include "compare.h"
#include "lyrnn/device.h"
#include "op_check.h"
#include "rank_group.h"

enum { MAX_TEXT = 256 };

/* What each rank leaves. The ranks share it. */
typedef struct {
    int failing_rank; /* -1: none */
    lyrnn_status statuses[RANK_GROUP_MAX];
    char texts[RANK_GROUP_MAX][MAX_TEXT];
    lyrnn_bench_result results[RANK_GROUP_MAX];
} shared_bench;

static void keep_failure(shared_bench *shared, int rank, lyrnn_status status)
{
    shared->statuses[rank] = status;
    snprintf(shared->texts[rank], MAX_TEXT, "%s", lyrnn_error_text());
}

static void fail_from(lyrnn_comm *comm, void *context)
{
    shared_bench *shared = (shared_bench *)context;
    lyrnn_status status = LYRNN_OK;
    if (shared->failing_rank >= 0 && comm->rank >= shared->failing_rank)
        status = lyrnn_fail(LYRNN_ERR_MEMORY, "memory: none on %d; wait", comm->rank);
    keep_failure(shared, comm->rank, lyrnn_bench_agree(comm, status));
}

static void all_ranks_have_the_first_failure(void **state)
{
    (void)state;
    static const char *const texts[] = {"memory: none on 0; wait",
                                        "rank 1: memory: none on 1; wait",
                                        "rank 2: memory: none on 2; wait"};
    for (int failing = -1; failing < 3; failing++) {
        shared_bench *shared = rank_group_memory(sizeof *shared);
        shared->failing_rank = failing;
        rank_group_run(3, fail_from, shared);
        for (int rank = 0; rank < 3; rank++) {
            assert_int_equal(shared->statuses[rank], failing < 0 ? LYRNN_OK : LYRNN_ERR_MEMORY);
            if (failing >= 0)
                assert_string_equal(shared->texts[rank], texts[failing]);
        }
        rank_group_free(shared, sizeof *shared);
    }
    assert_int_equal(lyrnn_bench_agree(NULL, LYRNN_ERR_IO), LYRNN_ERR_IO);
}

static const lyrnn_bench_config bench = {
    .model = {.cell = LYRNN_LSTM, .input_size = 9, .hidden_size = 8, .num_layers = 2},
    .T = 4,
    .B = 12,
    .num_steps = 2,
    .num_repetitions = 2,
    .sampler = {.repeat_penalty = 1.0f, .top_p = 1.0f},
};

static lyrnn_status (*allocate)(lyrnn_backend *backend, size_t bytes, void **memory);
static int num_allocations;

/* The first allocation is that of check_memory, before any other rank depends on this one. */
static lyrnn_status allocate_once(lyrnn_backend *backend, size_t bytes, void **memory)
{
    *memory = NULL;
    if (num_allocations++ > 0)
        return lyrnn_fail(LYRNN_ERR_MEMORY, "%zu bytes requested, 0 available", bytes);
    return allocate(backend, bytes, memory);
}

static void run_bench(lyrnn_comm *comm, void *context)
{
    shared_bench *shared = (shared_bench *)context;
    int rank = comm != NULL ? comm->rank : 0;
    lyrnn_backend backend;
    open_test_backend(&backend, 1);
    if (comm != NULL)
        assert_int_equal(backend.join(&backend, comm), LYRNN_OK);
    allocate = backend.memory_alloc;
    if (comm != NULL && rank == shared->failing_rank)
        backend.memory_alloc = allocate_once;
    keep_failure(shared, rank, lyrnn_bench_run(&bench, &backend, &shared->results[rank]));
    lyrnn_backend_close(&backend);
}

static shared_bench *bench_on(int num_ranks, int failing_rank)
{
    shared_bench *shared = rank_group_memory(sizeof *shared);
    shared->failing_rank = failing_rank;
    rank_group_run(num_ranks, run_bench, shared);
    return shared;
}

static const lyrnn_bench_operation *find(const lyrnn_bench_result *result, const char *name)
{
    for (int i = 0; i < result->num_operations; i++)
        if (strcmp(result->operations[i].name, name) == 0)
            return &result->operations[i];
    return NULL;
}

static void assert_close(double a, double b)
{
    assert_true(fabs(a - b) <= 1e-9 * fabs(b));
}

/* What must hold for a rank of `num`, whatever the times are. */
static void assert_rank(const lyrnn_bench_result *result, const lyrnn_bench_result *alone, int num)
{
    const lyrnn_bench_communication *c = &result->communication;
    const lyrnn_bench_operation *sum = find(result, "all_reduce");
    const lyrnn_device_rates *rates = &result->rates;
    assert_non_null(sum);
    assert_true(sum->calls == 1 && find(result, "count_shards")->calls == 1);
    /* The memory moves four times what the ranks sum. */
    assert_close(sum->sent, 2.0 * (num - 1) / num * sum->bytes / 4);
    assert_close(c->bytes, sum->sent);
    assert_true(c->ms == sum->time.median_ms && c->share == sum->share && c->share > 0);
    assert_true(c->links.bytes_per_second > 0 && c->links.latency_seconds > 0);
    assert_close(c->floor_ms,
                 1e3 * (c->bytes / c->links.bytes_per_second + c->links.latency_seconds));
    double device_ms =
        1e3 * fmax(sum->flop / rates->flop_per_second, sum->bytes / rates->bytes_per_second);
    assert_close(sum->estimate_ms, device_ms + c->floor_ms);
    /* Each rank has its share of the batch, and the speed is that of all. */
    assert_close(find(result, "recurrence_forward")->flop,
                 find(alone, "recurrence_forward")->flop / num);
    assert_close(find(result, "clip_and_adam")->flop, find(alone, "clip_and_adam")->flop);
    assert_close(1e-3 * result->step.median_ms * result->chars_per_second, bench.B * bench.T);
}

static void ranks_share_the_batch_and_sum_the_gradients(void **state)
{
    (void)state;
    shared_bench *alone = bench_on(0, -1);
    assert_null(find(&alone->results[0], "all_reduce"));
    assert_true(alone->results[0].communication.bytes == 0 &&
                alone->results[0].communication.share == 0);
    for (int num = 2; num <= 3; num++) {
        shared_bench *shared = bench_on(num, -1);
        for (int rank = 0; rank < num; rank++) {
            assert_int_equal(shared->statuses[rank], LYRNN_OK);
            assert_rank(&shared->results[rank], &alone->results[0], num);
            /* Rank 0's clock measures the links. */
            assert_true(shared->results[rank].communication.links.latency_seconds ==
                        shared->results[0].communication.links.latency_seconds);
        }
        rank_group_free(shared, sizeof *shared);
    }
    rank_group_free(alone, sizeof *alone);
}

/* The others would wait for it in the first step. */
static void a_rank_without_memory_ends_all(void **state)
{
    (void)state;
    for (int failing = 0; failing < 2; failing++) {
        shared_bench *shared = bench_on(2, failing);
        for (int rank = 0; rank < 2; rank++) {
            assert_int_equal(shared->statuses[rank], LYRNN_ERR_MEMORY);
            assert_int_equal(strncmp(shared->texts[rank], "rank 1: ", 8) == 0, failing == 1);
            assert_non_null(strstr(shared->texts[rank], "bytes requested, 0 available"));
        }
        rank_group_free(shared, sizeof *shared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ranks_have_the_first_failure),
        cmocka_unit_test(ranks_share_the_batch_and_sum_the_gradients),
        cmocka_unit_test(a_rank_without_memory_ends_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
