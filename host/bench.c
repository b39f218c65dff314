/* Times training steps, and texts being written. A repetition is an epoch, its steps queued one after another,
 * or the whole of the texts; the clock stops when the device has answered for the last. */
#include "lyrnn/bench.h"

#include <stdlib.h>

#include "lyrnn/generate.h"
#include "lyrnn/philox.h"
#include "lyrnn/trainer.h"
#include "progress.h"

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static lyrnn_status time_repetitions(const lyrnn_bench_config *config, lyrnn_trainer *trainer,
                                     double *step_ms)
{
    for (int i = -1; i < config->num_repetitions; i++) {
        LYRNN_TRY(lyrnn_trainer_begin_epoch(trainer, (uint64_t)(i + 2)));
        double start = lyrnn_seconds();
        for (int step = 0; step < config->num_steps; step++)
            lyrnn_trainer_step(trainer);
        (void)lyrnn_trainer_counters(trainer);
        if (i >= 0)
            step_ms[i] = 1e3 * (lyrnn_seconds() - start) / config->num_steps;
    }
    return LYRNN_OK;
}

static void summarise(const lyrnn_bench_config *config, int T, double *step_ms,
                      lyrnn_bench_result *result)
{
    int n = config->num_repetitions;
    qsort(step_ms, (size_t)n, sizeof *step_ms, compare);
    result->min_ms = step_ms[0];
    result->max_ms = step_ms[n - 1];
    result->median_ms = 0.5 * (step_ms[(n - 1) / 2] + step_ms[n / 2]);
    result->chars_per_second = (double)(T * config->B) / (1e-3 * result->median_ms);
}

static lyrnn_status run(const lyrnn_bench_config *config, lyrnn_model *model, const int32_t *ids,
                        size_t N, double *step_ms, lyrnn_bench_result *result)
{
    const lyrnn_optimiser_config optimiser = {.learning_rate = 1e-3f, .clip_norm = 1e-2f};
    lyrnn_batches batches;
    lyrnn_trainer trainer;
    LYRNN_TRY(lyrnn_batches_init(&batches, N, config->B, config->T, LYRNN_SAMPLING_CONSECUTIVE, 1));
    LYRNN_TRY(lyrnn_trainer_init(&trainer, model, &batches, ids, &optimiser));
    lyrnn_status status = time_repetitions(config, &trainer, step_ms);
    lyrnn_trainer_free(&trainer);
    if (status != LYRNN_OK)
        return status;
    summarise(config, config->T, step_ms, result);
    result->device_bytes =
        lyrnn_training_memory_of(&config->model, &batches, model->backend->num_lanes).total_bytes;
    return LYRNN_OK;
}

lyrnn_status lyrnn_bench_training(const lyrnn_bench_config *config, lyrnn_backend *backend,
                                  lyrnn_bench_result *result)
{
    LYRNN_CHECK(config->num_steps > 0 && config->num_repetitions > 0);
    size_t N = (size_t)config->B * ((size_t)config->T * (size_t)config->num_steps + 1);
    lyrnn_model model;
    LYRNN_TRY(lyrnn_model_init(&model, &config->model, backend));
    lyrnn_model_randomise(&model, 1);
    int32_t *ids = (int32_t *)malloc(N * sizeof *ids);
    double *step_ms = (double *)malloc((size_t)config->num_repetitions * sizeof *step_ms);
    lyrnn_status status;
    if (ids == NULL || step_ms == NULL) {
        status = lyrnn_fail(LYRNN_ERR_MEMORY, "bench: %zu characters do not fit; lower --steps", N);
    } else {
        for (size_t i = 0; i < N; i++)
            ids[i] = (int32_t)(lyrnn_philox_bits(1, LYRNN_PURPOSE_BENCH, i) %
                               (uint32_t)config->model.input_size);
        status = run(config, &model, ids, N, step_ms, result);
    }
    free(step_ms);
    free(ids);
    lyrnn_model_free(&model);
    return status;
}

static lyrnn_status write_texts(const lyrnn_bench_config *config, lyrnn_generator *generator,
                                double *step_ms)
{
    int32_t id = 0;
    const lyrnn_prompt prompt = {.ids = &id, .length = 1};
    const lyrnn_listener nobody = {0};
    for (int i = -1; i < config->num_repetitions; i++) {
        double start = lyrnn_seconds();
        LYRNN_TRY(lyrnn_generate(generator, &prompt, (size_t)config->num_steps, &nobody));
        if (i >= 0)
            step_ms[i] = 1e3 * (lyrnn_seconds() - start) / config->num_steps;
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_bench_generation(const lyrnn_bench_config *config, const lyrnn_sampler *sampler,
                                    lyrnn_backend *backend, lyrnn_bench_result *result)
{
    LYRNN_CHECK(config->num_steps > 0 && config->num_repetitions > 0 && config->B > 0);
    lyrnn_generate_options options = lyrnn_greedy_options();
    options.sampler = *sampler;
    options.num_samples = (size_t)config->B;
    lyrnn_model model;
    LYRNN_TRY(lyrnn_model_init(&model, &config->model, backend));
    lyrnn_model_randomise(&model, 1);
    lyrnn_generator generator = {0};
    double *step_ms = (double *)malloc((size_t)config->num_repetitions * sizeof *step_ms);
    lyrnn_status status =
        step_ms != NULL ? LYRNN_OK
                        : lyrnn_fail(LYRNN_ERR_MEMORY, "bench: no memory; lower --repetitions");
    if (status == LYRNN_OK)
        status = lyrnn_generator_init(&generator, &model, &options, 1 + (size_t)config->num_steps);
    if (status == LYRNN_OK)
        status = write_texts(config, &generator, step_ms);
    *result = (lyrnn_bench_result){0};
    if (status == LYRNN_OK)
        summarise(config, 1, step_ms, result);
    free(step_ms);
    lyrnn_generator_free(&generator);
    lyrnn_model_free(&model);
    return status;
}
