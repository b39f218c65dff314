/* One training step, queue_step, and the device memory that it works on. The step queues its
 * operations and never waits for the device, so the device may record them once and replay the
 * record (a CUDA graph). model.c has the forward and backward passes. lyrnn/trainer.h describes the
 * functions. */
#include "lyrnn/trainer.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "model/device_memory.h"

/* Lays out the counters, the learning rate, the batch table and the corpus, which stay on the
 * device for the whole training. */
static void lay_out_data(lyrnn_trainer *trainer, lyrnn_arena *arena)
{
    const lyrnn_batches *batches = &trainer->batches;
    trainer->counters = (lyrnn_counters *)lyrnn_arena_take(arena, 1, sizeof(lyrnn_counters));
    trainer->learning_rate = (float *)lyrnn_arena_take(arena, 1, sizeof(float));
    trainer->chunks = (lyrnn_chunk *)lyrnn_arena_take(arena, batches->K * (size_t)batches->B,
                                                      sizeof(lyrnn_chunk));
    trainer->ids = (int32_t *)lyrnn_arena_take(arena, batches->N, sizeof(int32_t));
}

lyrnn_training_memory lyrnn_training_memory_of(const lyrnn_rnn_config *config,
                                               const lyrnn_batches *batches, int num_lanes)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    size_t flat_bytes = parameters.count * sizeof(float);
    lyrnn_trainer trainer = {.batches = *batches};
    lyrnn_arena arena = {NULL, 0};
    lay_out_data(&trainer, &arena);
    lyrnn_training_memory memory = {
        .parameters_bytes = flat_bytes,
        .gradients_bytes = flat_bytes,
        .moments_bytes = 2 * flat_bytes,
        .activations_bytes =
            lyrnn_activations_bytes(config, num_lanes, batches->T, batches->B, true),
        .corpus_bytes = arena.num_bytes,
    };
    memory.total_bytes = 4 * flat_bytes + memory.activations_bytes + memory.corpus_bytes;
    return memory;
}

static lyrnn_status allocate_optimizer(lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t count = trainer->model->parameters.count, bytes = count * sizeof(float);
    void *memory;
    LYRNN_TRY(lyrnn_device_alloc(backend, bytes, "the gradients", "lower --hidden-size", &memory));
    trainer->grads = (float *)memory;
    backend->zero(backend, trainer->grads, bytes);
    LYRNN_TRY(
        lyrnn_device_alloc(backend, 2 * bytes, "Adam's moments", "lower --hidden-size", &memory));
    trainer->m = (float *)memory;
    trainer->v = trainer->m + count;
    backend->zero(backend, trainer->m, 2 * bytes);
    return LYRNN_OK;
}

/* Allocates what lay_out_data lays out, and uploads the corpus. */
static lyrnn_status allocate_data(lyrnn_trainer *trainer, const int32_t *ids)
{
    lyrnn_backend *backend = trainer->model->backend;
    const lyrnn_batches *batches = &trainer->batches;
    lyrnn_arena arena = {NULL, 0};
    lay_out_data(trainer, &arena);
    LYRNN_TRY(lyrnn_device_alloc(backend, arena.num_bytes, "the corpus", "lower --max-chars",
                                 &trainer->data));
    arena = (lyrnn_arena){(char *)trainer->data, 0};
    lay_out_data(trainer, &arena);
    backend->zero(backend, trainer->counters, sizeof(lyrnn_counters));
    trainer->activations.dropout = (lyrnn_dropout){batches->seed, trainer->counters};
    backend->upload(backend, trainer->learning_rate, &trainer->optimizer.learning_rate,
                    sizeof(float));
    backend->upload(backend, trainer->ids, ids, batches->N * sizeof(int32_t));
    size_t table_bytes = batches->K * (size_t)batches->B * sizeof(lyrnn_chunk);
    trainer->chunks_host = (lyrnn_chunk *)malloc(table_bytes);
    if (trainer->chunks_host == NULL)
        return lyrnn_out_of_memory("batch table", table_bytes, "give less text");
    return LYRNN_OK;
}

static lyrnn_status allocate_trainer(lyrnn_trainer *trainer, const int32_t *ids)
{
    LYRNN_TRY(lyrnn_activations_init(&trainer->activations, trainer->model, trainer->batches.T,
                                     trainer->batches.B, true));
    LYRNN_TRY(allocate_optimizer(trainer));
    return allocate_data(trainer, ids);
}

lyrnn_status lyrnn_trainer_init(lyrnn_trainer *trainer, lyrnn_model *model,
                                const lyrnn_batches *batches, const int32_t *ids,
                                const lyrnn_optimizer_config *optimizer)
{
    *trainer = (lyrnn_trainer){.model = model, .batches = *batches, .optimizer = *optimizer};
    lyrnn_status status = allocate_trainer(trainer, ids);
    if (status != LYRNN_OK)
        lyrnn_trainer_free(trainer);
    return status;
}

void lyrnn_trainer_free(lyrnn_trainer *trainer)
{
    if (trainer->model != NULL) {
        lyrnn_backend *backend = trainer->model->backend;
        backend->memory_free(backend, trainer->data);
        backend->memory_free(backend, trainer->grads);
        backend->memory_free(backend, trainer->m);
    }
    lyrnn_activations_free(&trainer->activations);
    free(trainer->chunks_host);
    memset(trainer, 0, sizeof *trainer);
}

/* Uploads the batch table of an epoch, unless the device has it already. */
static lyrnn_status upload_chunks(lyrnn_trainer *trainer, uint64_t epoch)
{
    lyrnn_backend *backend = trainer->model->backend;
    const lyrnn_batches *batches = &trainer->batches;
    if (trainer->has_chunks && !lyrnn_batches_vary(batches))
        return LYRNN_OK;
    LYRNN_TRY(lyrnn_batches_chunks(batches, epoch, trainer->chunks_host));
    backend->upload(backend, trainer->chunks, trainer->chunks_host,
                    batches->K * (size_t)batches->B * sizeof(lyrnn_chunk));
    trainer->has_chunks = true;
    return LYRNN_OK;
}

lyrnn_status lyrnn_trainer_begin_epoch(lyrnn_trainer *trainer, uint64_t epoch)
{
    lyrnn_backend *backend = trainer->model->backend;
    LYRNN_TRY(upload_chunks(trainer, epoch));
    lyrnn_counters counters = lyrnn_trainer_counters(trainer);
    counters.batch = 0;
    counters.loss_sum = 0.0;
    counters.loss_count = 0;
    backend->upload(backend, trainer->counters, &counters, sizeof counters);
    lyrnn_activations_reset_state(&trainer->activations);
    return LYRNN_OK;
}

/* One training step. The gradients are clipped and Adam updates the parameters in one operation. */
static void queue_step(void *context)
{
    lyrnn_trainer *trainer = (lyrnn_trainer *)context;
    lyrnn_model *model = trainer->model;
    lyrnn_backend *backend = model->backend;
    lyrnn_activations *a = &trainer->activations;
    lyrnn_sampling sampling = trainer->batches.sampling;

    lyrnn_clip_and_adam_args update = {
        .count = model->parameters.count,
        .params = model->params,
        .grads = trainer->grads,
        .m = trainer->m,
        .v = trainer->v,
        .learning_rate = trainer->learning_rate,
        .clip_norm = trainer->optimizer.clip_norm,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
        .counters = trainer->counters,
    };
    lyrnn_activations_gather(a, trainer->ids, trainer->chunks, trainer->counters);
    /* Consecutive sampling never begins within an epoch. */
    if (sampling != LYRNN_SAMPLING_CONSECUTIVE)
        lyrnn_activations_begin_streams(a);
    lyrnn_model_forward(model, a);
    lyrnn_model_loss(model, a, trainer->counters);
    lyrnn_model_backward(model, a, trainer->grads);
    backend->clip_and_adam(backend, &update);
    if (sampling != LYRNN_SAMPLING_RANDOM)
        lyrnn_activations_carry_state(a);
}

void lyrnn_trainer_step(lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    backend->run_step(backend, queue_step, trainer);
}

lyrnn_counters lyrnn_trainer_counters(const lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    lyrnn_counters counters;
    backend->download(backend, &counters, trainer->counters, sizeof counters);
    return counters;
}

void lyrnn_trainer_download(const lyrnn_trainer *trainer, lyrnn_trainer_snapshot *snapshot)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_bytes = trainer->model->parameters.count * sizeof(float);
    backend->download(backend, snapshot->m, trainer->m, num_bytes);
    backend->download(backend, snapshot->v, trainer->v, num_bytes);
    lyrnn_activations_get_carried_state(&trainer->activations, snapshot->h, snapshot->c);
    snapshot->counters = lyrnn_trainer_counters(trainer);
}

lyrnn_status lyrnn_trainer_upload(lyrnn_trainer *trainer, const lyrnn_trainer_snapshot *snapshot)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_bytes = trainer->model->parameters.count * sizeof(float);
    LYRNN_CHECK(snapshot->counters.batch >= 0 &&
                (uint64_t)snapshot->counters.batch <= trainer->batches.K);
    LYRNN_TRY(upload_chunks(trainer, (uint64_t)snapshot->epoch + 1));
    backend->upload(backend, trainer->m, snapshot->m, num_bytes);
    backend->upload(backend, trainer->v, snapshot->v, num_bytes);
    lyrnn_activations_set_state(&trainer->activations, snapshot->h, snapshot->c);
    backend->upload(backend, trainer->counters, &snapshot->counters, sizeof snapshot->counters);
    return LYRNN_OK;
}
