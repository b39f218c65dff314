/* What a batch begins with: the gather of characters and targets out of the corpus, whole and in
 * parts, and rows of the state that become zero. LYRNN_TEST_DEVICE names the device. */
#include <string.h>

#include "compare.h"
#include "op_check.h"

/* batch_gather */

/* Chunks of every length from T down to 0. */
static void batch_gather_takes_the_batch_that_the_counter_names(void **state)
{
    enum { T = 7, B = 3, N = 101, K = 4 };
    op_check *check = op_check_begin(state);
    lyrnn_backend *backend = &check->backend;
    int32_t *ids = op_check_ids(check, N, 33, 1);
    lyrnn_chunk chunks[K * B];
    for (int i = 0; i < K * B; i++)
        chunks[i] = (lyrnn_chunk){.start = random_id(2, (uint64_t)i, N - T),
                                  .num_targets = (K * B - 1 - i) % (T + 1),
                                  .from_zero = i % 2};
    /* The last characters that a batch may read. */
    chunks[2 * B + 1] = (lyrnn_chunk){.start = N - T - 1, .num_targets = T};
    chunks[3 * B + 1] = (lyrnn_chunk){.start = N - 2, .num_targets = 1, .from_zero = 1};
    lyrnn_counters before = {
        .batch = 2, .step = 5, .bad_step = 3, .loss_count = 9, .loss_sum = 2.5};
    lyrnn_batch_gather_args args = {
        .T = T,
        .B = B,
        .num_streams = B,
        .is_last = true,
        .ids = op_check_input(check, ids, N * sizeof *ids),
        .chunks = op_check_input(check, chunks, sizeof chunks),
        .counters = op_check_counters(check, before),
        .inputs = op_check_output(check, T * B * sizeof(int32_t)),
        .targets = op_check_output(check, T * B * sizeof(int32_t)),
        .from_zero = op_check_output(check, B * sizeof(int32_t)),
    };
    for (int k = 2; k < K; k++) {
        backend->batch_gather(backend, &args);
        int32_t inputs[T * B], targets[T * B], from_zero[B];
        backend->download(backend, inputs, args.inputs, sizeof inputs);
        backend->download(backend, targets, args.targets, sizeof targets);
        backend->download(backend, from_zero, args.from_zero, sizeof from_zero);
        before.num_targets = 0;
        for (int b = 0; b < B; b++) {
            const lyrnn_chunk *chunk = &chunks[k * B + b];
            before.num_targets += chunk->num_targets;
            assert_int_equal(from_zero[b], chunk->from_zero);
            for (int t = 0; t < T; t++) {
                bool is_padding = t >= chunk->num_targets;
                assert_int_equal(inputs[t * B + b], is_padding ? 0 : ids[chunk->start + t]);
                assert_int_equal(targets[t * B + b],
                                 is_padding ? LYRNN_IGNORED_TARGET : ids[chunk->start + t + 1]);
            }
        }
        before.batch = k + 1;
        lyrnn_counters after = op_check_fetch_counters(check, args.counters);
        assert_memory_equal(&after, &before, sizeof after);
    }
}

/* The sum runs over more streams than a block of the device has threads. */
static void batch_gather_counts_the_targets_of_many_streams(void **state)
{
    enum { T = 2, B = 1000, N = 3 };
    op_check *check = op_check_begin(state);
    const int32_t ids[N] = {4, 5, 6};
    lyrnn_chunk chunks[B];
    int64_t num_targets = 0;
    for (int b = 0; b < B; b++) {
        chunks[b] = (lyrnn_chunk){.num_targets = (b + b / 256) % 3};
        num_targets += chunks[b].num_targets;
    }
    const lyrnn_batch_gather_args args = {
        .T = T,
        .B = B,
        .num_streams = B,
        .is_last = true,
        .ids = op_check_input(check, ids, sizeof ids),
        .chunks = op_check_input(check, chunks, sizeof chunks),
        .counters = op_check_counters(check, (lyrnn_counters){0}),
        .inputs = op_check_output(check, T * B * sizeof(int32_t)),
        .targets = op_check_output(check, T * B * sizeof(int32_t)),
        .from_zero = op_check_output(check, B * sizeof(int32_t)),
    };
    check->backend.batch_gather(&check->backend, &args);
    assert_int_equal(op_check_fetch_counters(check, args.counters).num_targets, num_targets);
}

/* Shards read a row of the table in parts. Only the last part moves on to the next row, and each
 * part counts the targets of the whole row. */
static void batch_gather_of_parts_equals_the_whole(void **state)
{
    enum { T = 5, B = 7, K = 3, N = 50 };
    const int widths[][4] = {{7}, {3, 4}, {1, 2, 1, 3}, {6, 1}};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        op_check *check = op_check_begin(state);
        lyrnn_backend *backend = &check->backend;
        int32_t *ids = op_check_ids(check, N, 33, 1);
        lyrnn_chunk chunks[K * B];
        for (int k = 0; k < K * B; k++)
            chunks[k] = (lyrnn_chunk){.start = random_id(2, (uint64_t)k, N - T),
                                      .num_targets = k % (T + 1),
                                      .from_zero = k % 3 == 0};
        lyrnn_batch_gather_args args = {
            .T = T,
            .num_streams = B,
            .ids = op_check_input(check, ids, N * sizeof *ids),
            .chunks = op_check_input(check, chunks, sizeof chunks),
            .counters = op_check_counters(check, (lyrnn_counters){.batch = 1}),
        };
        for (int part = 0; args.first_stream < B; part++) {
            int32_t inputs[T * B], targets[T * B], from_zero[B];
            args.B = widths[i][part];
            args.is_last = args.first_stream + args.B == B;
            size_t num_bytes = (size_t)(T * args.B) * sizeof(int32_t);
            args.inputs = op_check_output(check, num_bytes);
            args.targets = op_check_output(check, num_bytes);
            args.from_zero = op_check_output(check, (size_t)args.B * sizeof(int32_t));
            backend->batch_gather(backend, &args);
            backend->download(backend, inputs, args.inputs, num_bytes);
            backend->download(backend, targets, args.targets, num_bytes);
            backend->download(backend, from_zero, args.from_zero, (size_t)args.B * sizeof(int32_t));
            int64_t num_targets = 0;
            for (int b = 0; b < B; b++)
                num_targets += chunks[B + b].num_targets;
            for (int m = 0; m < T * args.B; m++) {
                const lyrnn_chunk *chunk = &chunks[B + args.first_stream + m % args.B];
                int t = m / args.B;
                bool is_padding = t >= chunk->num_targets;
                assert_int_equal(inputs[m], is_padding ? 0 : ids[chunk->start + t]);
                assert_int_equal(targets[m],
                                 is_padding ? LYRNN_IGNORED_TARGET : ids[chunk->start + t + 1]);
                assert_int_equal(from_zero[m % args.B], chunk->from_zero);
            }
            lyrnn_counters counters = op_check_fetch_counters(check, args.counters);
            assert_int_equal(counters.num_targets, num_targets);
            assert_int_equal(counters.batch, args.is_last ? 2 : 1);
            args.first_stream += args.B;
        }
    }
}

/* zero_rows */

static void check_zero_rows(void **state, int B, int H, int stride)
{
    op_check *check = op_check_begin(state);
    float *before = op_check_random(check, B * stride, 1, 1);
    int32_t *chosen = op_check_ids(check, B, 2, 2);
    const lyrnn_zero_rows_args args = {
        .B = B,
        .H = H,
        .stride = stride,
        .chosen = op_check_input(check, chosen, (size_t)B * sizeof *chosen),
        .rows = op_check_in_out_floats(check, before, B * stride),
    };
    check->backend.zero_rows(&check->backend, &args);
    const float *after = op_check_fetch(check, args.rows, B * stride);
    for (int b = 0; b < B; b++)
        for (int i = 0; i < stride; i++) {
            float expected = chosen[b] != 0 && i < H ? 0.0f : before[b * stride + i];
            assert_memory_equal(&after[b * stride + i], &expected, sizeof expected);
        }
}

static void zero_rows_zeroes_the_chosen_rows_only(void **state)
{
    check_zero_rows(state, 1, 1, 1);
    check_zero_rows(state, 7, 33, 33);
    check_zero_rows(state, 33, 7, 14);
    check_zero_rows(state, 300, 257, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_gather_takes_the_batch_that_the_counter_names),
        cmocka_unit_test(batch_gather_counts_the_targets_of_many_streams),
        cmocka_unit_test(batch_gather_of_parts_equals_the_whole),
        cmocka_unit_test(zero_rows_zeroes_the_chosen_rows_only),
    };
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
