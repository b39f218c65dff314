/* Every resident plan of a recurrence: forward and backward for each cell, size of the cluster and
 * number of streams, compared with the oracle. The shapes use every kernel of the path, blocks
 * without units and clusters with too few streams. LYRNN_TEST_DEVICE names the device. */
#include <stdio.h>

#include "compare.h"
#include "lyrnn/parameters.h"
#include "recurrence_check.h"

/* Enough steps to use each of two buffers three times, for an odd number of streams. */
enum { T = 6, B = 3 };

/* The clusters for which the path has a kernel: a sum of their sizes. */
static const struct {
    int H, simple, gated;
} sizes[] = {{9, 15, 15}, {40, 15, 15}, {100, 15, 14}, {132, 14, 8}, {260, 8, 0}};
enum { NUM_SIZES = sizeof sizes / sizeof *sizes, MAX_CLUSTER = 8 };

static bool use(op_check *check, lyrnn_recurrence_shape shape, const char *plan)
{
    bool fits = true;
    for (int i = 0; i < 2 && fits; i++) {
        shape.is_backward = i;
        fits = check->backend.plan_use(&check->backend, &shape, plan) == LYRNN_OK;
    }
    return fits;
}

static bool has_plan(op_check *check, const lyrnn_recurrence_shape *shape, int cluster, int streams)
{
    char plan[LYRNN_PLAN_BYTES];
    snprintf(plan, sizeof plan, "resident.c%d.s%d", cluster, streams);
    return use(check, *shape, plan);
}

static void check_sums(op_check *check, lyrnn_cell cell, int H, bool reverse, const char *what)
{
    const oracle_recurrence s = {T, B, H, H, cell, reverse};
    recurrence_case layer = recurrence_case_new(check, s, 0, (uint64_t)H);
    recurrence_states states = recurrence_run_forward(check, &layer);
    recurrence_expected_states expected = recurrence_expect_forward(check, &layer);
    assert_near(what, states.h, expected.h, (size_t)recurrence_h_count(&layer), 1e-5);
    recurrence_grads d = recurrence_run_backward(check, &layer, &states);
    oracle_recurrence_grads expected_d = recurrence_expect_backward(check, &layer, &states);
    assert_near(what, d.dh, expected_d.dh, (size_t)(B * H), 1e-4);
    assert_near(what, d.dgates_x, expected_d.dgates_x, (size_t)recurrence_gates_count(&layer),
                1e-4);
}

static void check_plans(void **state, lyrnn_cell cell, int H, int clusters)
{
    const lyrnn_recurrence_shape shape = {cell, false, T, B, H};
    for (int cluster = 1; cluster <= MAX_CLUSTER; cluster *= 2)
        for (int streams = 1; streams <= 4; streams *= 2) {
            op_check *check = op_check_begin(state);
            const bool fits = has_plan(check, &shape, cluster, streams);
            if (streams == 1)
                assert_int_equal(fits, (clusters & cluster) != 0);
            if (!fits)
                continue;
            char what[64];
            snprintf(what, sizeof what, "%s H %d cluster %d streams %d", lyrnn_cell_name(cell), H,
                     cluster, streams);
            check_sums(check, cell, H, streams == 2, what);
            assert_true(use(check, shape, NULL));
        }
}

static void every_resident_plan_equals_the_oracle(void **state)
{
    op_check *check = op_check_begin(state);
    lyrnn_plan plans[LYRNN_MAX_PLANS];
    const lyrnn_recurrence_shape small = {LYRNN_RNN_TANH, false, T, B, 9};
    if (check->backend.plan_list(&check->backend, &small, plans) == 0)
        skip();
    const int all = has_plan(check, &small, 2, 1) ? 15 : 1;
    for (int i = 0; i < NUM_SIZES; i++)
        for (int cell = LYRNN_RNN_TANH; cell <= LYRNN_GRU; cell++) {
            /* The kernels of relu only differ in the cell. */
            if (cell == LYRNN_RNN_RELU && i > 0)
                continue;
            const int clusters = cell < LYRNN_LSTM ? sizes[i].simple : sizes[i].gated;
            check_plans(state, (lyrnn_cell)cell, sizes[i].H, clusters & all);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_resident_plan_equals_the_oracle)};
    return cmocka_run_group_tests(tests, op_check_setup, op_check_teardown);
}
