/* The report on a text (lyrnn/text_report.h). For the perplexity the model reads the text in chunks
 * of T characters and carries its state from chunk to chunk. */
#include "lyrnn/text_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/device_memory.h"

enum { CHUNK = 64 };

static lyrnn_status allocate_reporter(lyrnn_reporter *reporter)
{
    const lyrnn_model *model = reporter->model;
    /* A bidirectional model reads one character at a time, as in generation, so that it does not
     * see the characters that it predicts. */
    int T = model->config.bidirectional ? 1 : CHUNK;
    void *memory;
    LYRNN_TRY(lyrnn_activations_init(&reporter->activations, model, T, 1, false));
    LYRNN_TRY(lyrnn_device_alloc(model->backend, sizeof *reporter->counters, "--report",
                                 "leave it out", &memory));
    reporter->counters = (lyrnn_counters *)memory;
    model->backend->zero(model->backend, reporter->counters, sizeof *reporter->counters);
    return LYRNN_OK;
}

lyrnn_status lyrnn_reporter_init(lyrnn_reporter *reporter, const lyrnn_model *model,
                                 const lyrnn_copies *copies)
{
    *reporter = (lyrnn_reporter){.model = model, .copies = copies};
    lyrnn_status status = allocate_reporter(reporter);
    if (status != LYRNN_OK)
        lyrnn_reporter_free(reporter);
    return status;
}

void lyrnn_reporter_free(lyrnn_reporter *reporter)
{
    if (reporter->model != NULL)
        reporter->model->backend->memory_free(reporter->model->backend, reporter->counters);
    lyrnn_activations_free(&reporter->activations);
    memset(reporter, 0, sizeof *reporter);
}

/* Reads num <= T characters: losses[i] = -log p(ids[i + 1] | all characters up to ids[i]). */
static void measure_chunk(lyrnn_reporter *reporter, const int32_t *ids, size_t num, float *losses)
{
    lyrnn_activations *a = &reporter->activations;
    lyrnn_backend *backend = reporter->model->backend;
    int32_t padded[2][CHUNK] = {{0}, {0}};
    memcpy(padded[0], ids, num * sizeof *ids);
    memcpy(padded[1], ids + 1, num * sizeof *ids);
    size_t num_bytes = (size_t)a->T * sizeof *ids;
    backend->upload(backend, a->inputs, padded[0], num_bytes);
    backend->upload(backend, a->targets, padded[1], num_bytes);
    lyrnn_model_forward(reporter->model, a);
    lyrnn_model_loss(reporter->model, a, reporter->counters);
    lyrnn_activations_carry_state(a);
    backend->download(backend, losses, a->losses, num * sizeof *losses);
}

static double perplexity_of(lyrnn_reporter *reporter, const lyrnn_sample *sample)
{
    size_t T = (size_t)reporter->activations.T;
    double sum = 0;
    lyrnn_activations_reset_state(&reporter->activations);
    for (size_t i = 0; i + 1 < sample->length; i += T) {
        float losses[CHUNK];
        size_t left = sample->length - 1 - i, num = left < T ? left : T;
        measure_chunk(reporter, sample->ids + i, num, losses);
        for (size_t j = 0; j < num; j++)
            if (i + j + 1 >= sample->prefix_length)
                sum += (double)losses[j];
    }
    return exp(sum / (double)(sample->length - sample->prefix_length));
}

static int compare_runs(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Distinct runs of n ids divided by all runs of n ids (distinct-n). runs has room for num. An id
 * has at most 21 bits, so up to 3 ids fit a uint64_t. */
static double distinct_ratio(const int32_t *ids, size_t num, size_t n, uint64_t *runs)
{
    if (num < n)
        return NAN;
    size_t num_runs = num - n + 1, num_distinct = 0;
    for (size_t i = 0; i < num_runs; i++) {
        runs[i] = 0;
        for (size_t j = 0; j < n; j++)
            runs[i] = runs[i] << 21 | (uint64_t)ids[i + j];
    }
    qsort(runs, num_runs, sizeof *runs, compare_runs);
    for (size_t i = 0; i < num_runs; i++)
        num_distinct += i == 0 || runs[i] != runs[i - 1];
    return (double)num_distinct / (double)num_runs;
}

lyrnn_status lyrnn_report_text(lyrnn_reporter *reporter, const lyrnn_sample *sample,
                               lyrnn_text_report *report)
{
    const int32_t *written = sample->ids + sample->prefix_length;
    size_t num = sample->length - sample->prefix_length;
    *report = (lyrnn_text_report){.distinct_2 = NAN, .distinct_3 = NAN, .perplexity = NAN};
    if (num == 0)
        return LYRNN_OK;
    uint64_t *runs = (uint64_t *)malloc(num * sizeof *runs);
    if (runs == NULL)
        return lyrnn_out_of_memory("--report", num * sizeof *runs, "leave it out");
    report->distinct_2 = distinct_ratio(written, num, 2, runs);
    report->distinct_3 = distinct_ratio(written, num, 3, runs);
    free(runs);
    report->longest_copy = lyrnn_copies_longest(reporter->copies, sample->ids, sample->length,
                                                sample->prefix_length, &report->copy_start);
    report->perplexity = perplexity_of(reporter, sample);
    return LYRNN_OK;
}
