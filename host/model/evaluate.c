/* Reads a text without learning from it: gather, forward, loss, carry the state, for each batch.
 * The corpus and the batch table are on the device, as in trainer.c. */
#include "lyrnn/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "model/device_memory.h"

/* Number of streams that the text fills, at most B. */
static int num_streams(size_t N, int B, int T)
{
    size_t most = N / ((size_t)T + 1);
    return most < (size_t)B ? (int)most : B;
}

static void lay_out_evaluator(lyrnn_evaluator *evaluator, lyrnn_arena *arena)
{
    const lyrnn_batches *batches = &evaluator->batches;
    size_t num_starts = batches->K * (size_t)batches->B;
    evaluator->counters = (lyrnn_counters *)lyrnn_arena_take(arena, 1, sizeof(lyrnn_counters));
    evaluator->starts = (int64_t *)lyrnn_arena_take(arena, num_starts, sizeof(int64_t));
    evaluator->ids = (int32_t *)lyrnn_arena_take(arena, batches->N, sizeof(int32_t));
}

static lyrnn_status make_batches(lyrnn_batches *batches, size_t N, int B, int T)
{
    int streams = num_streams(N, B, T);
    return lyrnn_batches_init(batches, N, streams > 0 ? streams : 1, T, LYRNN_SAMPLING_CONSECUTIVE,
                              0);
}

size_t lyrnn_evaluator_bytes(const lyrnn_rnn_config *config, int num_lanes, size_t N, int B, int T)
{
    lyrnn_evaluator evaluator = {0};
    lyrnn_arena arena = {NULL, 0};
    if (make_batches(&evaluator.batches, N, B, T) != LYRNN_OK)
        return 0;
    lay_out_evaluator(&evaluator, &arena);
    return arena.num_bytes +
           lyrnn_activations_bytes(config, num_lanes, T, evaluator.batches.B, false);
}

/* Makes and uploads the batch table. */
static lyrnn_status upload_batch_table(lyrnn_evaluator *evaluator)
{
    lyrnn_backend *backend = evaluator->model->backend;
    const lyrnn_batches *batches = &evaluator->batches;
    size_t num_bytes = batches->K * (size_t)batches->B * sizeof(int64_t);
    int64_t *starts = (int64_t *)malloc(num_bytes);
    if (starts == NULL)
        return lyrnn_out_of_memory("batch table", num_bytes, "give less text");
    lyrnn_status status = lyrnn_batches_starts(batches, 1, starts);
    if (status == LYRNN_OK)
        backend->upload(backend, evaluator->starts, starts, num_bytes);
    free(starts);
    return status;
}

static lyrnn_status allocate_evaluator(lyrnn_evaluator *evaluator, const int32_t *ids)
{
    lyrnn_backend *backend = evaluator->model->backend;
    const lyrnn_batches *batches = &evaluator->batches;
    LYRNN_TRY(lyrnn_activations_init(&evaluator->activations, evaluator->model, batches->T,
                                     batches->B, false));
    lyrnn_arena arena = {NULL, 0};
    lay_out_evaluator(evaluator, &arena);
    LYRNN_TRY(lyrnn_device_alloc(backend, arena.num_bytes, "the text to evaluate", "give less text",
                                 &evaluator->data));
    arena = (lyrnn_arena){(char *)evaluator->data, 0};
    lay_out_evaluator(evaluator, &arena);
    backend->upload(backend, evaluator->ids, ids, batches->N * sizeof *ids);
    return upload_batch_table(evaluator);
}

lyrnn_status lyrnn_evaluator_init(lyrnn_evaluator *evaluator, const lyrnn_model *model,
                                  const int32_t *ids, size_t N, int B, int T)
{
    *evaluator = (lyrnn_evaluator){.model = model};
    lyrnn_status status = make_batches(&evaluator->batches, N, B, T);
    if (status == LYRNN_OK)
        status = allocate_evaluator(evaluator, ids);
    if (status != LYRNN_OK)
        lyrnn_evaluator_free(evaluator);
    return status;
}

void lyrnn_evaluator_free(lyrnn_evaluator *evaluator)
{
    if (evaluator->model != NULL)
        evaluator->model->backend->memory_free(evaluator->model->backend, evaluator->data);
    lyrnn_activations_free(&evaluator->activations);
    memset(evaluator, 0, sizeof *evaluator);
}

static void queue_batch(void *context)
{
    lyrnn_evaluator *evaluator = (lyrnn_evaluator *)context;
    lyrnn_activations *a = &evaluator->activations;
    lyrnn_activations_gather(a, evaluator->ids, evaluator->starts, evaluator->counters);
    lyrnn_model_forward(evaluator->model, a);
    lyrnn_model_loss(evaluator->model, a, evaluator->counters);
    lyrnn_activations_carry_state(a);
}

lyrnn_status lyrnn_evaluate(lyrnn_evaluator *evaluator, const lyrnn_watcher *watcher,
                            double *nats_per_char)
{
    lyrnn_backend *backend = evaluator->model->backend;
    const lyrnn_batches *batches = &evaluator->batches;
    size_t batch_chars = (size_t)batches->B * (size_t)batches->T;
    lyrnn_counters counters = {0};
    backend->upload(backend, evaluator->counters, &counters, sizeof counters);
    lyrnn_activations_reset_state(&evaluator->activations);
    for (size_t k = 0; k < batches->K; k++) {
        backend->run_step(backend, queue_batch, evaluator);
        if (watcher != NULL)
            LYRNN_TRY(watcher->piece_done(watcher->context, (k + 1) * batch_chars,
                                          batches->K * batch_chars));
    }
    backend->download(backend, &counters, evaluator->counters, sizeof counters);
    double nats = counters.loss_sum / (double)counters.loss_count;
    *nats_per_char = isnan(nats) ? (double)NAN : nats; /* printed as "nan", never as "-nan" */
    return LYRNN_OK;
}
