/* Ranks train one model: which shards a rank computes, and how their state comes together. The
 * step itself is in trainer.c, the ranks' interface in lyrnn/comm.h. */
#include "model/trainer_ranks.h"

#include <stdlib.h>

#include "base/memory.h"

enum { ALIGNMENT = 64 }; /* of the gradients, in floats: that of a device allocation */

static size_t round_up(size_t number, size_t multiple)
{
    return (number + multiple - 1) / multiple * multiple;
}

void lyrnn_trainer_share_shards(lyrnn_trainer *trainer, const lyrnn_comm *comm, size_t count)
{
    int num_ranks = comm != NULL ? comm->size : 1, rank = comm != NULL ? comm->rank : 0;
    int S = trainer->optimizer.num_shards > 0 ? trainer->optimizer.num_shards : num_ranks;
    trainer->num_shards = S;
    trainer->num_own_shards = S / num_ranks;
    trainer->first_shard = rank * trainer->num_own_shards;
    trainer->summed_length = count;
    if (comm == NULL)
        return;
    trainer->losses_length = round_up((size_t)S * LYRNN_LOSS_PARTS, ALIGNMENT);
    trainer->summed_length = lyrnn_all_reduce_length(trainer->losses_length + count, num_ranks);
}

static int num_ranks_of(const lyrnn_trainer *trainer)
{
    const lyrnn_comm *comm = trainer->model->backend->comm;
    return comm != NULL ? comm->size : 1;
}

lyrnn_status lyrnn_trainer_check_shards(const lyrnn_trainer *trainer)
{
    int B = trainer->batches.B, S = trainer->num_shards, N = num_ranks_of(trainer), next = S;
    if (S <= LYRNN_MAX_SHARDS && S % N == 0 && B % S == 0)
        return LYRNN_OK;
    if (S % N != 0 || B % N != 0)
        return lyrnn_fail(LYRNN_ERR_USAGE,
                          "--shards %d: %d ranks cannot share them and the %d text sequences of a "
                          "batch equally; use multiples of %d for --shards and --batch-size",
                          S, N, B, N);
    do
        next += N;
    while (next < B && B % next != 0);
    return lyrnn_fail(LYRNN_ERR_USAGE,
                      "--shards %d: does not divide the %d text sequences of a batch; use %d, or "
                      "another --batch-size",
                      S, B, next < B ? next : B);
}

/* The gradients of the output layer are the last of the flat buffer, and the first to be complete.
 * So the ranks can sum them while the recurrence still computes its own, if the device has room for
 * both. If a rank adds up several shards, none is complete before the last. */
static size_t late_length_of(const lyrnn_trainer *trainer)
{
    const lyrnn_model *model = trainer->model;
    lyrnn_backend *backend = model->backend;
    const lyrnn_parameter *output = lyrnn_parameters_output_weight(&model->parameters);
    const lyrnn_recurrence_shape shape = {model->config.cell, true, trainer->activations.T,
                                          trainer->activations.B, model->config.hidden_size};
    size_t late =
        round_up(trainer->losses_length + output->offset, 4 * (size_t)backend->comm->size);
    bool is_tied = output == lyrnn_parameters_embedding(&model->parameters);
    bool can_be_early = backend->num_lanes > 1 && trainer->num_own_shards == 1 && !is_tied &&
                        late < trainer->summed_length && !backend->fills_device(backend, &shape);
    return can_be_early ? late : trainer->summed_length;
}

lyrnn_status lyrnn_trainer_agree(lyrnn_trainer *trainer)
{
    lyrnn_comm *comm = trainer->model->backend->comm;
    if (comm == NULL || trainer->late_length > 0)
        return LYRNN_OK;
    size_t late = late_length_of(trainer);
    LYRNN_TRY(comm->broadcast(comm, &late, sizeof late));
    trainer->late_length = late;
    return LYRNN_OK;
}

lyrnn_status lyrnn_trainer_check(const lyrnn_trainer *trainer)
{
    lyrnn_comm *comm = trainer->model->backend->comm;
    return comm != NULL ? comm->check(comm) : LYRNN_OK;
}

/* One row of a state (B,H) is the pieces of all ranks, one after another. own (B/N,H) and row (B,H)
 * are host memory. */
static lyrnn_status gather_row(lyrnn_backend *backend, size_t count, float *state, float *own,
                               float *row)
{
    lyrnn_comm *comm = backend->comm;
    size_t num_bytes = count * sizeof *state;
    backend->download(backend, own, state + (size_t)comm->rank * count, num_bytes);
    LYRNN_TRY(comm->gather(comm, own, num_bytes, row));
    if (comm->rank == 0)
        backend->upload(backend, state, row, (size_t)comm->size * num_bytes);
    return LYRNN_OK;
}

static lyrnn_status gather_rows(const lyrnn_trainer *trainer, float *own, float *row)
{
    lyrnn_backend *backend = trainer->model->backend;
    const lyrnn_rnn_config *config = &trainer->model->config;
    size_t width = (size_t)trainer->batches.B * (size_t)config->hidden_size;
    size_t num_rows = lyrnn_state_count(config, trainer->batches.B) / width;
    float *const both[] = {trainer->h, trainer->c};
    for (int i = 0; i < 2 && both[i] != NULL; i++)
        for (size_t at = 0; at < num_rows; at++)
            LYRNN_TRY(gather_row(backend, width / (size_t)backend->comm->size, both[i] + at * width,
                                 own, row));
    return LYRNN_OK;
}

lyrnn_status lyrnn_trainer_gather_state(lyrnn_trainer *trainer)
{
    const lyrnn_comm *comm = trainer->model->backend->comm;
    if (comm == NULL || comm->size == 1)
        return LYRNN_OK;
    const lyrnn_activations *a = &trainer->activations;
    if (trainer->num_own_shards == 1)
        lyrnn_activations_store_state(a, trainer->h, trainer->c, trainer->batches.B,
                                      trainer->first_shard * a->B);
    size_t width = (size_t)trainer->batches.B * (size_t)trainer->model->config.hidden_size;
    size_t own = width / (size_t)comm->size;
    float *memory = (float *)malloc((own + width) * sizeof *memory);
    if (memory == NULL)
        return lyrnn_out_of_memory("carried state", (own + width) * sizeof *memory,
                                   "close other programs");
    lyrnn_status status = gather_rows(trainer, memory, memory + own);
    free(memory);
    return status;
}
