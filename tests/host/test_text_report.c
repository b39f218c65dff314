/* The report on a text: counts compared with counts by hand, perplexity with the oracle's. */
#include "lyrnn/text_report.h"

#include <math.h>
#include <stdlib.h>

#include "compare.h"
#include "model_check.h"

enum { V = 9, MAX_LENGTH = 150 };

static lyrnn_text_report report_on(const model_check *check, const int32_t *ids, size_t length,
                                   size_t prefix_length)
{
    const int32_t corpus[] = {7, 5, 6, 8}, suffixes[] = {1, 2, 0, 3};
    const lyrnn_copies copies = {(int32_t *)corpus, (int32_t *)suffixes, 4};
    const lyrnn_sample sample = {.ids = ids, .length = length, .prefix_length = prefix_length};
    lyrnn_reporter reporter;
    lyrnn_text_report report;
    assert_int_equal(lyrnn_reporter_init(&reporter, &check->model, &copies), LYRNN_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(lyrnn_report_text(&reporter, &sample, &report), LYRNN_OK);
    lyrnn_reporter_free(&reporter);
    return report;
}

/* With partly filled chunks. The loss of each character is given all characters before it; the
 * prefix's own losses do not count. */
static void perplexity_equals_the_oracles(void **state)
{
    const size_t lengths[] = {2, 64, 65, 66, 129, MAX_LENGTH};
    (void)state;
    model_check check;
    const lyrnn_rnn_config config = {
        .cell = LYRNN_LSTM, .input_size = V, .hidden_size = 12, .num_layers = 2};
    model_check_open_config(&check, &config, 0);
    lyrnn_model_randomize(&check.model, 4);
    double *params = test_memory((size_t)check.count, sizeof *params);
    model_check_download(&check, check.model.params, params);
    int32_t ids[MAX_LENGTH];
    for (int i = 0; i < MAX_LENGTH; i++)
        ids[i] = random_id(3, (uint64_t)i, V);
    for (int i = 0; i < 6; i++) {
        size_t prefix = i % 2 ? 1 : lengths[i] / 2;
        double sums[2] = {0, 0};
        for (int j = 0; j < 2; j++) {
            int T = (int)(j == 0 ? lengths[i] : prefix) - 1;
            const oracle_batch batch = {T, 1, ids, ids + 1, NULL, NULL, {0}};
            const oracle_results results = {0};
            if (T > 0)
                sums[j] = oracle_model_loss(&check.shape, params, &batch, &results) * T;
        }
        lyrnn_text_report report = report_on(&check, ids, lengths[i], prefix);
        assert_number_near("perplexity", report.perplexity,
                           exp((sums[0] - sums[1]) / (double)(lengths[i] - prefix)), 1e-5);
    }
    free(params);
    model_check_close(&check);
}

static void runs_are_counted_in_what_was_written(void **state)
{
    (void)state;
    model_check check;
    model_check_open(&check, LYRNN_RNN_TANH, V, 4, 0);
    /* After the prefix 7, 5: 6 1 2 1 2 1. The runs are 61 12 21 12 21 and 612 121 212 121. */
    const int32_t ids[] = {7, 5, 6, 1, 2, 1, 2, 1};
    lyrnn_text_report report = report_on(&check, ids, 8, 2);
    assert_number_near("distinct-2", report.distinct_2, 3.0 / 5, 1e-12);
    assert_number_near("distinct-3", report.distinct_3, 3.0 / 4, 1e-12);
    assert_int_equal(report.longest_copy, 3);
    assert_int_equal(report.copy_start, 0);
    /* All weights are zero, so every character is equally likely. */
    assert_number_near("perplexity", report.perplexity, V, 1e-6);
    report = report_on(&check, ids, 4, 3);
    assert_int_equal(report.longest_copy, 0);
    report = report_on(&check, ids, 4, 2);
    assert_number_near("distinct-2", report.distinct_2, 1, 1e-12);
    assert_true(isnan(report.distinct_3));
    report = report_on(&check, ids, 2, 2);
    assert_true(isnan(report.perplexity) && isnan(report.distinct_2));
    assert_int_equal(report.longest_copy, 0);
    model_check_close(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perplexity_equals_the_oracles),
        cmocka_unit_test(runs_are_counted_in_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
