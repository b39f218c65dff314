/* The sum over ranks: on every rank the bits of the tree in which one process adds its shards, for
 * each number of ranks, and without a change to memory next to the values. Each rank is a process.
 * LYRNN_TEST_DEVICE names the device. */
#include <math.h>
#include <string.h>

#include "bench/link_rates.h"
#include "compare.h"
#include "op_check.h"
#include "rank_group.h"

enum { MAX_LENGTH = 40320 }; /* above LYRNN_CPU_SERIAL_MAX, and a multiple of 4 * 2..8 */

typedef struct {
    int count;    /* the rest up to the length is padding */
    float poison; /* in the last value of the last rank; 0: none */
} task;

/* Large and small values, so that another order of addition has other bits. */
static float value_of(const task *t, int rank, int size, int i)
{
    if (rank == size - 1 && i == t->count - 1 && t->poison != 0)
        return t->poison;
    if (i >= t->count)
        return 0.0f;
    return ldexpf((float)random_number((uint64_t)rank, (uint64_t)i, 1), (i + 3 * rank) % 12);
}

/* The tree of lyrnn_trainer_step: two sums of the same number of shards are added as soon as both
 * are there. */
static float sum_in_tree(const float *values, int size)
{
    float sums[RANK_GROUP_MAX] = {0};
    int num = 0;
    for (int done = 0; done < size;) {
        sums[num++] = values[done++];
        for (int pairs = done; pairs % 2 == 0; pairs /= 2, num--)
            sums[num - 2] += sums[num - 1];
    }
    for (; num > 1; num--)
        sums[num - 2] += sums[num - 1];
    return sums[0];
}

/* Fills the expected sums. Returns how many differ from the sum of the ranks in turn. */
static int expect_sums(const task *t, int size, int length, float *expected)
{
    int num_different = 0;
    for (int i = 0; i < length; i++) {
        float values[RANK_GROUP_MAX], in_turn = 0;
        for (int rank = 0; rank < size; rank++) {
            values[rank] = value_of(t, rank, size, i);
            in_turn += values[rank];
        }
        expected[i] = sum_in_tree(values, size);
        num_different += expected[i] != in_turn;
    }
    return num_different;
}

/* One rank: twice, because the second run finds the first one's values in the scratch. */
static void reduce(lyrnn_comm *comm, void *context)
{
    const task *t = (const task *)context;
    int length = (int)lyrnn_all_reduce_length((size_t)t->count, comm->size);
    void *state = NULL;
    assert_int_equal(op_check_setup(&state), 0);
    op_check *check = op_check_begin(&state);
    rank_group_join(&check->backend, comm);
    float *mine = op_check_floats(check, length), *expected = op_check_floats(check, length);
    for (int i = 0; i < length; i++)
        mine[i] = value_of(t, comm->rank, comm->size, i);
    int num_different = expect_sums(t, comm->size, length, expected);
    assert_true((num_different > 0) == (comm->size > 3) || t->count < 100 || t->poison != 0);
    float *scratch = op_check_output_floats(check, length);
    for (int run = 0; run < 2; run++) {
        const lyrnn_all_reduce_args args = {.length = (size_t)length,
                                            .values = op_check_in_out_floats(check, mine, length),
                                            .scratch = scratch};
        lyrnn_bench_all_reduce(&check->backend, &args);
        assert_same_bits("sums", op_check_fetch(check, args.values, length), expected,
                         (size_t)length * sizeof *expected);
    }
    assert_int_equal(op_check_teardown(&state), 0);
}

static void every_rank_has_the_sum_in_the_order_of_the_tree(void **state)
{
    (void)state;
    const int counts[] = {1, 31, 5003, MAX_LENGTH};
    for (int size = 1; size <= RANK_GROUP_MAX; size++) {
        for (int i = 0; i < 4; i++) {
            task t = {.count = counts[i]};
            rank_group_run(size, reduce, &t);
        }
    }
}

/* Every rank gets a NaN or an infinity of one rank. */
static void what_is_not_finite_reaches_every_rank(void **state)
{
    (void)state;
    const float poisons[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        task t = {.count = 67, .poison = poisons[i]};
        rank_group_run(4, reduce, &t);
    }
}

static void the_length_fits_pieces_of_whole_vectors(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 64, 5003};
    for (int size = 1; size <= 9; size++) {
        for (int i = 0; i < 4; i++) {
            size_t length = lyrnn_all_reduce_length(counts[i], size);
            assert_int_equal(length % (4 * (size_t)size), 0);
            assert_true(length >= counts[i] && length < counts[i] + 4 * (size_t)size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rank_has_the_sum_in_the_order_of_the_tree),
        cmocka_unit_test(what_is_not_finite_reaches_every_rank),
        cmocka_unit_test(the_length_fits_pieces_of_whole_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
