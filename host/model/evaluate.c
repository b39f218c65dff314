/* Reads a text without learning from it: gather, forward, loss, carry the state, for each batch.
 * The text and the batch table are on the device, as in trainer.c. */
#include "lyrnn/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "model/device_memory.h"

/* Number of streams that a running text fills, at least 1 and at most B. */
static int num_streams(size_t N, int B, int T)
{
    size_t most = N / ((size_t)T + 1);
    if (most < 1)
        return 1;
    return most < (size_t)B ? (int)most : B;
}

static lyrnn_status make_batches(lyrnn_evaluator *evaluator, const lyrnn_evaluation_text *text,
                                 int B, int T)
{
    bool has_songs = text->num_songs > 0;
    const lyrnn_batch_options options = {.N = text->N,
                                         .B = has_songs ? B : num_streams(text->N, B, T),
                                         .T = T,
                                         .sampling = has_songs ? LYRNN_SAMPLING_SONGS
                                                               : LYRNN_SAMPLING_CONSECUTIVE,
                                         .songs = text->songs,
                                         .num_songs = text->num_songs,
                                         .for_evaluation = true};
    if (!has_songs) {
        size_t most = text->num_context / (size_t)T;
        evaluator->num_context_batches = (LYRNN_EVALUATION_CONTEXT - 1) / (size_t)T + 1;
        if (evaluator->num_context_batches > most)
            evaluator->num_context_batches = most;
        evaluator->context_chars = evaluator->num_context_batches * (size_t)T;
    }
    return lyrnn_batches_init(&evaluator->batches, &options);
}

static size_t num_rows(const lyrnn_evaluator *evaluator)
{
    return evaluator->num_context_batches + evaluator->batches.K;
}

static void lay_out_evaluator(lyrnn_evaluator *evaluator, lyrnn_arena *arena)
{
    const lyrnn_batches *batches = &evaluator->batches;
    evaluator->counters = (lyrnn_counters *)lyrnn_arena_take(arena, 1, sizeof(lyrnn_counters));
    evaluator->chunks = (lyrnn_chunk *)lyrnn_arena_take(
        arena, num_rows(evaluator) * (size_t)batches->B, sizeof(lyrnn_chunk));
    evaluator->ids =
        (int32_t *)lyrnn_arena_take(arena, evaluator->context_chars + batches->N, sizeof(int32_t));
}

size_t lyrnn_evaluator_bytes(const lyrnn_backend *backend, const lyrnn_rnn_config *config,
                             const lyrnn_evaluation_text *text, int B, int T)
{
    lyrnn_evaluator evaluator = {0};
    lyrnn_arena arena = {NULL, 0};
    if (make_batches(&evaluator, text, B, T) != LYRNN_OK)
        return 0;
    lay_out_evaluator(&evaluator, &arena);
    size_t num_bytes =
        arena.num_bytes + lyrnn_activations_bytes(backend, config, T, evaluator.batches.B, false);
    lyrnn_batches_free(&evaluator.batches);
    return num_bytes;
}

/* Running text: the context of a stream ends where its own text begins, so that the chunks of all
 * rows follow each other. */
static void running_chunks(const lyrnn_evaluator *evaluator, lyrnn_chunk *chunks)
{
    size_t B = (size_t)evaluator->batches.B, T = (size_t)evaluator->batches.T;
    size_t stream_chars = evaluator->batches.N / B;
    for (size_t k = 0; k < num_rows(evaluator); k++)
        for (size_t b = 0; b < B; b++)
            chunks[k * B + b] = (lyrnn_chunk){.start = (int64_t)(b * stream_chars + k * T),
                                              .num_targets = evaluator->batches.T};
}

/* Makes and uploads the batch table. */
static lyrnn_status upload_batch_table(lyrnn_evaluator *evaluator)
{
    lyrnn_backend *backend = evaluator->model->backend;
    const lyrnn_batches *batches = &evaluator->batches;
    size_t num_bytes = num_rows(evaluator) * (size_t)batches->B * sizeof(lyrnn_chunk);
    lyrnn_chunk *chunks = (lyrnn_chunk *)malloc(num_bytes);
    if (chunks == NULL)
        return lyrnn_out_of_memory("batch table", num_bytes, "give less text");
    lyrnn_status status = LYRNN_OK;
    if (batches->sampling == LYRNN_SAMPLING_SONGS)
        status = lyrnn_batches_chunks(batches, 1, chunks);
    else
        running_chunks(evaluator, chunks);
    if (status == LYRNN_OK)
        backend->upload(backend, evaluator->chunks, chunks, num_bytes);
    free(chunks);
    return status;
}

static lyrnn_status allocate_evaluator(lyrnn_evaluator *evaluator,
                                       const lyrnn_evaluation_text *text)
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
    backend->upload(backend, evaluator->ids, text->ids - evaluator->context_chars,
                    (evaluator->context_chars + text->N) * sizeof *text->ids);
    return upload_batch_table(evaluator);
}

lyrnn_status lyrnn_evaluator_init(lyrnn_evaluator *evaluator, const lyrnn_model *model,
                                  const lyrnn_evaluation_text *text, int B, int T)
{
    *evaluator = (lyrnn_evaluator){.model = model};
    lyrnn_status status = make_batches(evaluator, text, B, T);
    if (status == LYRNN_OK)
        status = allocate_evaluator(evaluator, text);
    if (status != LYRNN_OK)
        lyrnn_evaluator_free(evaluator);
    return status;
}

void lyrnn_evaluator_free(lyrnn_evaluator *evaluator)
{
    if (evaluator->model != NULL)
        evaluator->model->backend->memory_free(evaluator->model->backend, evaluator->data);
    lyrnn_activations_free(&evaluator->activations);
    lyrnn_batches_free(&evaluator->batches);
    memset(evaluator, 0, sizeof *evaluator);
}

static void queue_batch(void *context)
{
    lyrnn_evaluator *evaluator = (lyrnn_evaluator *)context;
    lyrnn_activations *a = &evaluator->activations;
    const lyrnn_batch_source source = {.ids = evaluator->ids,
                                       .chunks = evaluator->chunks,
                                       .counters = evaluator->counters,
                                       .num_streams = evaluator->batches.B,
                                       .is_last = true};
    lyrnn_activations_gather(a, &source);
    if (evaluator->batches.sampling == LYRNN_SAMPLING_SONGS)
        lyrnn_activations_begin_streams(a);
    lyrnn_model_forward(evaluator->model, a);
    lyrnn_model_loss(evaluator->model, a, evaluator->counters);
    lyrnn_activations_carry_state(a);
}

/* Sums the losses up from the next batch on, which is row `batch` of the table. */
static void begin_sums(const lyrnn_evaluator *evaluator, size_t batch)
{
    lyrnn_backend *backend = evaluator->model->backend;
    const lyrnn_counters counters = {.batch = (int64_t)batch};
    backend->upload(backend, evaluator->counters, &counters, sizeof counters);
}

lyrnn_status lyrnn_evaluate(lyrnn_evaluator *evaluator, const lyrnn_trainer *carried,
                            const lyrnn_watcher *watcher, double *nats_per_char)
{
    lyrnn_backend *backend = evaluator->model->backend;
    size_t num_context = evaluator->num_context_batches, num = num_rows(evaluator);
    size_t batch_chars = (size_t)evaluator->batches.B * (size_t)evaluator->batches.T;
    begin_sums(evaluator, 0);
    lyrnn_activations_reset_state(&evaluator->activations);
    if (carried != NULL)
        lyrnn_trainer_continue(carried, &evaluator->activations);
    for (size_t k = 0; k < num; k++) {
        if (k == num_context)
            begin_sums(evaluator, k);
        backend->run_step(backend, queue_batch, evaluator);
        if (watcher != NULL)
            LYRNN_TRY(
                watcher->piece_done(watcher->context, (k + 1) * batch_chars, num * batch_chars));
    }
    lyrnn_counters counters;
    backend->download(backend, &counters, evaluator->counters, sizeof counters);
    double nats = counters.loss_sum / (double)counters.loss_count;
    *nats_per_char = isnan(nats) ? (double)NAN : nats; /* printed as "nan", never as "-nan" */
    return LYRNN_OK;
}
