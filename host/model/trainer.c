/* One training step, queue_step, and the device memory that it works on. The step queues its
 * operations and never waits for the device, so the device may record them once and replay the
 * record (a CUDA graph). model.c has the forward and backward passes, trainer_ranks.c how ranks
 * share the shards. lyrnn/trainer.h describes the functions. */
#include "lyrnn/trainer.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "model/device_memory.h"
#include "model/stack.h"
#include "model/trainer_ranks.h"

/* The learning rates, the batch table and the state are for the whole batch, whatever the shards
 * are. */
static void lay_out_data(lyrnn_trainer *trainer, const lyrnn_rnn_config *config,
                         const lyrnn_parameters *parameters, lyrnn_arena *arena)
{
    const lyrnn_batches *batches = &trainer->batches;
    size_t num_groups = (parameters->count + LYRNN_DECAY_GROUP - 1) / LYRNN_DECAY_GROUP;
    size_t state_count = trainer->num_shards > 1 ? lyrnn_state_count(config, batches->B) : 0;
    trainer->counters = (lyrnn_counters *)lyrnn_arena_take(arena, 1, sizeof(lyrnn_counters));
    trainer->learning_rates = (float *)lyrnn_arena_take(arena, batches->K, sizeof(float));
    trainer->chunks = (lyrnn_chunk *)lyrnn_arena_take(arena, batches->K * (size_t)batches->B,
                                                      sizeof(lyrnn_chunk));
    trainer->ids = (int32_t *)lyrnn_arena_take(arena, batches->N, sizeof(int32_t));
    if (trainer->optimizer.weight_decay > 0.0f)
        trainer->decays = (uint8_t *)lyrnn_arena_take(arena, num_groups, 1);
    if (state_count > 0)
        trainer->h = (float *)lyrnn_arena_take(arena, state_count, sizeof(float));
    if (state_count > 0 && config->cell == LYRNN_LSTM)
        trainer->c = (float *)lyrnn_arena_take(arena, state_count, sizeof(float));
}

/* One gradient buffer, and one more for each level of the tree over this rank's shards. The first
 * one follows the losses without a gap, because ranks sum both. */
static void lay_out_gradients(lyrnn_trainer *trainer, size_t count, lyrnn_arena *arena)
{
    size_t num_losses = trainer->losses_length, num_grads = trainer->summed_length - num_losses;
    int num = 0;
    trainer->summed = (float *)lyrnn_arena_take(arena, num_losses, sizeof(float));
    trainer->grads[num++] = (float *)lyrnn_arena_take(arena, num_grads, sizeof(float));
    while (1 << num <= trainer->num_own_shards)
        trainer->grads[num++] = (float *)lyrnn_arena_take(arena, count, sizeof(float));
    if (num_losses > 0)
        trainer->scratch = (float *)lyrnn_arena_take(arena, trainer->summed_length, sizeof(float));
}

lyrnn_training_memory lyrnn_training_memory_of(const lyrnn_backend *backend,
                                               const lyrnn_rnn_config *config,
                                               const lyrnn_optimizer_config *optimizer,
                                               const lyrnn_batches *batches)
{
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, config);
    size_t flat_bytes = parameters.count * sizeof(float);
    lyrnn_trainer trainer = {.batches = *batches, .optimizer = *optimizer};
    lyrnn_trainer_share_shards(&trainer, backend->comm, parameters.count);
    lyrnn_arena arena = {NULL, 0}, gradients = {NULL, 0};
    lay_out_data(&trainer, config, &parameters, &arena);
    lay_out_gradients(&trainer, parameters.count, &gradients);
    lyrnn_training_memory memory = {
        .parameters_bytes = flat_bytes,
        .gradients_bytes = gradients.num_bytes,
        .moments_bytes = 2 * flat_bytes,
        .average_bytes = optimizer->average_decay > 0.0 ? flat_bytes : 0,
        .activations_bytes = lyrnn_activations_bytes(backend, config, batches->T,
                                                     batches->B / trainer.num_shards, true),
        .corpus_bytes = arena.num_bytes,
    };
    memory.total_bytes = memory.parameters_bytes + memory.gradients_bytes + memory.moments_bytes +
                         memory.average_bytes + memory.activations_bytes + memory.corpus_bytes;
    return memory;
}

/* Allocates flat buffers of zeros. */
static lyrnn_status allocate_flat(const lyrnn_trainer *trainer, size_t num_bytes, const char *what,
                                  float **buffer)
{
    lyrnn_backend *backend = trainer->model->backend;
    void *memory;
    LYRNN_TRY(lyrnn_device_alloc(backend, num_bytes, what, "lower --hidden-size", &memory));
    *buffer = (float *)memory;
    backend->zero(backend, memory, num_bytes);
    return LYRNN_OK;
}

static lyrnn_status allocate_optimizer(lyrnn_trainer *trainer)
{
    lyrnn_model *model = trainer->model;
    size_t count = model->parameters.count, num_bytes = count * sizeof(float);
    lyrnn_arena arena = {NULL, 0};
    lay_out_gradients(trainer, count, &arena);
    LYRNN_TRY(allocate_flat(trainer, arena.num_bytes, "the gradients", &trainer->summed));
    arena = (lyrnn_arena){(char *)trainer->summed, 0};
    lay_out_gradients(trainer, count, &arena);
    LYRNN_TRY(allocate_flat(trainer, 2 * num_bytes, "Adam's moments", &trainer->m));
    trainer->v = trainer->m + count;
    if (trainer->optimizer.average_decay == 0.0)
        return LYRNN_OK;
    trainer->averaged = *model;
    trainer->averaged.params = NULL;
    LYRNN_TRY(
        allocate_flat(trainer, num_bytes, "the average of the weights", &trainer->averaged.params));
    model->backend->copy_rows(model->backend, trainer->averaged.params, num_bytes, model->params,
                              num_bytes, num_bytes, 1);
    return LYRNN_OK;
}

/* Uploads the table of the weights that decay. */
static lyrnn_status upload_decays(lyrnn_trainer *trainer)
{
    const lyrnn_parameters *parameters = &trainer->model->parameters;
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_groups = (parameters->count + LYRNN_DECAY_GROUP - 1) / LYRNN_DECAY_GROUP;
    if (trainer->decays == NULL)
        return LYRNN_OK;
    uint8_t *decays = (uint8_t *)calloc(num_groups, 1);
    if (decays == NULL)
        return lyrnn_out_of_memory("weight decay", num_groups, "close other programs");
    for (int i = 0; i < parameters->num; i++) {
        const lyrnn_parameter *item = &parameters->items[i];
        size_t end = item->offset + lyrnn_parameter_count(item);
        for (size_t at = item->offset; item->decays && at < end; at += LYRNN_DECAY_GROUP)
            decays[at / LYRNN_DECAY_GROUP] = 1;
    }
    backend->upload(backend, trainer->decays, decays, num_groups);
    free(decays);
    return LYRNN_OK;
}

static void reset_state(lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_bytes =
        lyrnn_state_count(&trainer->model->config, trainer->batches.B) * sizeof(float);
    lyrnn_activations_reset_state(&trainer->activations);
    if (trainer->h != NULL)
        backend->zero(backend, trainer->h, num_bytes);
    if (trainer->c != NULL)
        backend->zero(backend, trainer->c, num_bytes);
}

/* Allocates what lay_out_data lays out, and uploads the corpus. */
static lyrnn_status allocate_data(lyrnn_trainer *trainer, const int32_t *ids)
{
    lyrnn_backend *backend = trainer->model->backend;
    const lyrnn_rnn_config *config = &trainer->model->config;
    const lyrnn_parameters *parameters = &trainer->model->parameters;
    const lyrnn_batches *batches = &trainer->batches;
    lyrnn_arena arena = {NULL, 0};
    lay_out_data(trainer, config, parameters, &arena);
    LYRNN_TRY(lyrnn_device_alloc(backend, arena.num_bytes, "the corpus", "lower --max-chars",
                                 &trainer->data));
    arena = (lyrnn_arena){(char *)trainer->data, 0};
    lay_out_data(trainer, config, parameters, &arena);
    backend->zero(backend, trainer->counters, sizeof(lyrnn_counters));
    trainer->activations.dropout = (lyrnn_dropout){
        .seed = batches->seed, .counters = trainer->counters, .num_streams = batches->B};
    backend->upload(backend, trainer->ids, ids, batches->N * sizeof(int32_t));
    reset_state(trainer);
    size_t table_bytes = batches->K * (size_t)batches->B * sizeof(lyrnn_chunk);
    trainer->chunks_host = (lyrnn_chunk *)malloc(table_bytes);
    trainer->rates_host = (float *)malloc(batches->K * sizeof(float));
    if (trainer->chunks_host == NULL || trainer->rates_host == NULL)
        return lyrnn_out_of_memory("batch table", table_bytes, "give less text");
    return upload_decays(trainer);
}

static lyrnn_status allocate_trainer(lyrnn_trainer *trainer, const int32_t *ids)
{
    LYRNN_TRY(lyrnn_trainer_check_shards(trainer));
    LYRNN_TRY(lyrnn_activations_init(&trainer->activations, trainer->model, trainer->batches.T,
                                     trainer->batches.B / trainer->num_shards, true));
    LYRNN_TRY(allocate_optimizer(trainer));
    return allocate_data(trainer, ids);
}

lyrnn_status lyrnn_trainer_init(lyrnn_trainer *trainer, lyrnn_model *model,
                                const lyrnn_batches *batches, const int32_t *ids,
                                const lyrnn_optimizer_config *optimizer)
{
    *trainer = (lyrnn_trainer){.model = model, .batches = *batches, .optimizer = *optimizer};
    lyrnn_trainer_share_shards(trainer, model->backend->comm, model->parameters.count);
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
        backend->memory_free(backend, trainer->summed);
        backend->memory_free(backend, trainer->m);
    }
    lyrnn_model_free(&trainer->averaged);
    lyrnn_activations_free(&trainer->activations);
    free(trainer->chunks_host);
    free(trainer->rates_host);
    memset(trainer, 0, sizeof *trainer);
}

lyrnn_model *lyrnn_trainer_result(lyrnn_trainer *trainer)
{
    return trainer->averaged.params != NULL ? &trainer->averaged : trainer->model;
}

void lyrnn_trainer_continue(const lyrnn_trainer *trainer, lyrnn_activations *activations)
{
    if (trainer->h != NULL)
        lyrnn_activations_continue_state(activations, trainer->h, trainer->c, trainer->batches.B);
    else
        lyrnn_activations_continue(activations, &trainer->activations);
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

/* Uploads the learning rates of the epoch, unless the device has them already. */
static void upload_rates(lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t K = trainer->batches.K;
    bool are_known = trainer->has_rates;
    for (size_t k = 0; k < K; k++) {
        float rate = (float)lyrnn_learning_rate(&trainer->optimizer, trainer->num_halvings,
                                                trainer->first_step + (int64_t)k);
        are_known = are_known && trainer->rates_host[k] == rate;
        trainer->rates_host[k] = rate;
    }
    if (!are_known)
        backend->upload(backend, trainer->learning_rates, trainer->rates_host, K * sizeof(float));
    trainer->has_rates = true;
}

void lyrnn_trainer_halve_rate(lyrnn_trainer *trainer)
{
    trainer->num_halvings++;
    upload_rates(trainer);
}

lyrnn_status lyrnn_trainer_begin_epoch(lyrnn_trainer *trainer, uint64_t epoch)
{
    lyrnn_backend *backend = trainer->model->backend;
    LYRNN_TRY(lyrnn_trainer_agree(trainer));
    LYRNN_TRY(upload_chunks(trainer, epoch));
    trainer->first_step = trainer->num_steps;
    upload_rates(trainer);
    backend->zero(backend, trainer->counters, LYRNN_EPOCH_COUNTERS_BYTES);
    reset_state(trainer);
    return LYRNN_OK;
}

/* Where a shard's sum of losses goes, if the ranks sum it with the gradients. */
static float *loss_parts(const lyrnn_trainer *trainer, int shard)
{
    return trainer->summed + (size_t)shard * LYRNN_LOSS_PARTS;
}

/* The gradient of one shard: B/S streams of the batch, with their own state. */
static void queue_shard(lyrnn_trainer *trainer, int shard, float *grads)
{
    lyrnn_backend *backend = trainer->model->backend;
    lyrnn_activations *a = &trainer->activations;
    lyrnn_sampling sampling = trainer->batches.sampling;
    bool has_parts = trainer->num_own_shards > 1;
    int weights_lane = lyrnn_stack_weights_lane(a->stack);
    int B = trainer->batches.B, first = shard * a->B;
    const lyrnn_batch_source source = {
        .ids = trainer->ids,
        .chunks = trainer->chunks,
        .counters = trainer->counters,
        .num_streams = B,
        .first_stream = first,
        .is_last = shard == trainer->first_shard + trainer->num_own_shards - 1,
    };
    a->dropout.first_stream = first;
    a->loss_parts = trainer->scratch != NULL ? loss_parts(trainer, shard) : NULL;
    lyrnn_activations_gather(a, &source);
    if (has_parts)
        lyrnn_activations_load_state(a, trainer->h, trainer->c, B, first);
    /* Consecutive sampling never begins within an epoch. */
    if (sampling != LYRNN_SAMPLING_CONSECUTIVE)
        lyrnn_activations_begin_streams(a);
    lyrnn_model_forward(trainer->model, a);
    lyrnn_model_loss(trainer->model, a, trainer->counters);
    lyrnn_model_backward(trainer->model, a, grads);
    if (sampling == LYRNN_SAMPLING_RANDOM)
        return;
    /* In the lane of the weights' gradients, so that lane 0 can update the weights meanwhile. */
    backend->lane_use(backend, weights_lane);
    lyrnn_activations_carry_state(a);
    if (has_parts)
        lyrnn_activations_store_state(a, trainer->h, trainer->c, B, first);
    backend->lane_use(backend, 0);
    if (has_parts)
        backend->lane_wait(backend, weights_lane);
}

/* Adds the sum in the last of num_sums gradient buffers to the one before it. */
static void queue_sum(lyrnn_trainer *trainer, int num_sums)
{
    lyrnn_backend *backend = trainer->model->backend;
    const lyrnn_add_args args = {
        .count = trainer->model->parameters.count,
        .values = trainer->grads[num_sums - 1],
        .sum = trainer->grads[num_sums - 2],
    };
    backend->add(backend, &args);
}

/* The sum of the gradients of this rank's shards, in the first buffer. Two sums over the same
 * number of shards are added as soon as both are there: a binary tree whose order of addition
 * depends on the number of shards only. */
static void queue_shards(lyrnn_trainer *trainer)
{
    int num_sums = 0;
    for (int done = 0; done < trainer->num_own_shards;) {
        queue_shard(trainer, trainer->first_shard + done, trainer->grads[num_sums++]);
        done++;
        for (int pairs = done; pairs % 2 == 0; pairs /= 2)
            queue_sum(trainer, num_sums--);
    }
    while (num_sums > 1)
        queue_sum(trainer, num_sums--);
}

/* What the ranks sum, from an element on. */
static lyrnn_all_reduce_args sum_of_ranks(const lyrnn_trainer *trainer, size_t first, size_t end)
{
    return (lyrnn_all_reduce_args){.length = end - first,
                                   .values = trainer->summed + first,
                                   .scratch = trainer->scratch + first};
}

/* The same over all ranks, by the same tree: what a rank adds up is a subtree of it. The losses
 * travel with the gradients, so that every rank counts those of all shards. All sums over ranks are
 * queued in the same lane, so that their order is the same on all ranks. */
static void queue_ranks(lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    lyrnn_activations *a = &trainer->activations;
    int lane = lyrnn_stack_output_lane(a->stack);
    const lyrnn_all_reduce_args rest = sum_of_ranks(trainer, 0, trainer->late_length);
    const lyrnn_count_shards_args count = {
        .num = trainer->num_shards, .parts = loss_parts(trainer, 0), .counters = trainer->counters};
    LYRNN_CHECK(trainer->late_length > 0);
    /* The parts of other ranks' shards must be zero. Lane 0 does not wait for that. */
    backend->lane_use(backend, lyrnn_stack_weights_lane(a->stack));
    backend->lane_wait(backend, 0);
    backend->zero(backend, loss_parts(trainer, 0),
                  (size_t)trainer->num_shards * LYRNN_LOSS_PARTS * sizeof(float));
    backend->lane_use(backend, 0);
    a->output_sum = sum_of_ranks(trainer, trainer->late_length, trainer->summed_length);
    queue_shards(trainer);
    backend->lane_use(backend, lane);
    backend->lane_wait(backend, 0);
    backend->all_reduce(backend, &rest);
    backend->lane_use(backend, 0);
    backend->lane_wait(backend, lane);
    backend->count_shards(backend, &count);
}

/* One training step. The gradients are clipped and Adam updates the parameters in one operation. */
static void queue_step(void *context)
{
    lyrnn_trainer *trainer = (lyrnn_trainer *)context;
    lyrnn_model *model = trainer->model;
    const lyrnn_optimizer_config *optimizer = &trainer->optimizer;
    const lyrnn_clip_and_adam_args update = {
        .count = model->parameters.count,
        .params = model->params,
        .grads = trainer->grads[0],
        .m = trainer->m,
        .v = trainer->v,
        .learning_rates = trainer->learning_rates,
        .clip_norm = optimizer->clip_norm,
        .beta1 = optimizer->no_momentum ? 0.0 : 0.9,
        .beta2 = optimizer->beta2 > 0.0 ? optimizer->beta2 : 0.999,
        .epsilon = 1e-8,
        .weight_decay = optimizer->weight_decay,
        .decays = trainer->decays,
        .average = trainer->averaged.params,
        .average_decay = optimizer->average_decay,
        .counters = trainer->counters,
    };
    if (trainer->scratch != NULL)
        queue_ranks(trainer);
    else
        queue_shards(trainer);
    model->backend->clip_and_adam(model->backend, &update);
    model->backend->lane_wait(model->backend, lyrnn_stack_weights_lane(trainer->activations.stack));
}

void lyrnn_trainer_step(lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    backend->run_step(backend, queue_step, trainer);
    trainer->num_steps++;
}

lyrnn_counters lyrnn_trainer_counters(const lyrnn_trainer *trainer)
{
    lyrnn_backend *backend = trainer->model->backend;
    lyrnn_counters counters;
    backend->download(backend, &counters, trainer->counters, sizeof counters);
    return counters;
}

/* The state before the next batch. */
static void download_state(const lyrnn_trainer *trainer, lyrnn_trainer_snapshot *snapshot)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_bytes =
        lyrnn_state_count(&trainer->model->config, trainer->batches.B) * sizeof(float);
    if (trainer->num_shards == 1) {
        lyrnn_activations_get_carried_state(&trainer->activations, snapshot->h, snapshot->c);
        return;
    }
    backend->download(backend, snapshot->h, trainer->h, num_bytes);
    if (trainer->c != NULL)
        backend->download(backend, snapshot->c, trainer->c, num_bytes);
}

static void upload_state(lyrnn_trainer *trainer, const lyrnn_trainer_snapshot *snapshot)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_bytes =
        lyrnn_state_count(&trainer->model->config, trainer->batches.B) * sizeof(float);
    if (trainer->num_shards == 1) {
        lyrnn_activations_set_state(&trainer->activations, snapshot->h, snapshot->c);
        return;
    }
    backend->upload(backend, trainer->h, snapshot->h, num_bytes);
    if (trainer->c != NULL)
        backend->upload(backend, trainer->c, snapshot->c, num_bytes);
    if (trainer->num_own_shards == 1)
        lyrnn_activations_load_state(&trainer->activations, trainer->h, trainer->c,
                                     trainer->batches.B,
                                     trainer->first_shard * trainer->activations.B);
}

void lyrnn_trainer_download(const lyrnn_trainer *trainer, lyrnn_trainer_snapshot *snapshot)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_bytes = trainer->model->parameters.count * sizeof(float);
    backend->download(backend, snapshot->m, trainer->m, num_bytes);
    backend->download(backend, snapshot->v, trainer->v, num_bytes);
    if (snapshot->raw != NULL)
        lyrnn_model_download(trainer->model, snapshot->raw);
    download_state(trainer, snapshot);
    snapshot->counters = lyrnn_trainer_counters(trainer);
    snapshot->num_halvings = trainer->num_halvings;
}

lyrnn_status lyrnn_trainer_upload(lyrnn_trainer *trainer, const lyrnn_trainer_snapshot *snapshot)
{
    lyrnn_backend *backend = trainer->model->backend;
    size_t num_bytes = trainer->model->parameters.count * sizeof(float);
    LYRNN_CHECK(snapshot->counters.batch >= 0 &&
                (uint64_t)snapshot->counters.batch <= trainer->batches.K);
    LYRNN_TRY(lyrnn_trainer_agree(trainer));
    LYRNN_TRY(upload_chunks(trainer, (uint64_t)snapshot->epoch + 1));
    backend->upload(backend, trainer->m, snapshot->m, num_bytes);
    backend->upload(backend, trainer->v, snapshot->v, num_bytes);
    if (snapshot->raw != NULL)
        lyrnn_model_upload(trainer->model, snapshot->raw);
    upload_state(trainer, snapshot);
    trainer->num_halvings = snapshot->num_halvings;
    trainer->num_steps = snapshot->counters.step;
    trainer->first_step = snapshot->counters.step - snapshot->counters.batch;
    upload_rates(trainer);
    backend->upload(backend, trainer->counters, &snapshot->counters, sizeof snapshot->counters);
    return LYRNN_OK;
}
