/* What rank 0 reads from the disk for all ranks: the model that a training starts from, and the
 * state of a run to resume. The others need no access to these files. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "train/job.h"

static lyrnn_status share(lyrnn_comm *comm, void *bytes, size_t num_bytes)
{
    return num_bytes == 0 ? LYRNN_OK : comm->broadcast(comm, bytes, num_bytes);
}

/* A start without its vocabulary and its weights. */
typedef struct {
    lyrnn_start_kind kind;
    char model_path[sizeof((lyrnn_start *)NULL)->model_path];
    lyrnn_rnn_config config;
    bool is_tanh_or_relu;
    char dtype[sizeof((lyrnn_checkpoint *)NULL)->dtype];
    lyrnn_normalize normalize;
    int V;
} start_header;

static lyrnn_status share_header(lyrnn_start *start, lyrnn_comm *comm, start_header *header)
{
    lyrnn_checkpoint *checkpoint = &start->checkpoint;
    header->kind = start->kind;
    header->config = checkpoint->config;
    header->is_tanh_or_relu = checkpoint->is_tanh_or_relu;
    header->normalize = checkpoint->vocab.normalize;
    header->V = checkpoint->vocab.V;
    memcpy(header->model_path, start->model_path, sizeof header->model_path);
    memcpy(header->dtype, checkpoint->dtype, sizeof header->dtype);
    LYRNN_TRY(share(comm, header, sizeof *header));
    start->kind = header->kind;
    checkpoint->config = header->config;
    checkpoint->is_tanh_or_relu = header->is_tanh_or_relu;
    memcpy(start->model_path, header->model_path, sizeof header->model_path);
    memcpy(checkpoint->dtype, header->dtype, sizeof header->dtype);
    return LYRNN_OK;
}

/* A plain state_dict has no vocabulary. */
static lyrnn_status share_vocab(lyrnn_vocab *vocab, lyrnn_comm *comm, const start_header *header)
{
    size_t V = (size_t)header->V, num_bytes = V * sizeof(uint32_t);
    if (V == 0)
        return LYRNN_OK;
    uint32_t *chars = (uint32_t *)malloc(num_bytes);
    if (chars == NULL)
        return lyrnn_out_of_memory("vocabulary", num_bytes, "close other programs");
    if (comm->rank == 0)
        memcpy(chars, vocab->chars, num_bytes);
    lyrnn_status status = share(comm, chars, num_bytes);
    if (status == LYRNN_OK && comm->rank != 0) {
        status = lyrnn_vocab_from_chars(vocab, chars, V);
        vocab->normalize = header->normalize;
    }
    free(chars);
    return status;
}

lyrnn_status lyrnn_start_share(lyrnn_start *start, lyrnn_comm *comm)
{
    lyrnn_checkpoint *checkpoint = &start->checkpoint;
    lyrnn_parameters parameters;
    start_header header = {0};
    if (comm == NULL)
        return LYRNN_OK;
    LYRNN_TRY(share_header(start, comm, &header));
    LYRNN_TRY(share_vocab(&checkpoint->vocab, comm, &header));
    lyrnn_parameters_of_model(&parameters, &checkpoint->config);
    size_t num_bytes = parameters.count * sizeof(float);
    if (comm->rank != 0)
        checkpoint->params = (float *)malloc(num_bytes);
    if (checkpoint->params == NULL)
        return lyrnn_out_of_memory("model", num_bytes, "close other programs");
    return share(comm, checkpoint->params, num_bytes);
}

static lyrnn_status share_arrays(const train_job *job, lyrnn_comm *comm)
{
    const lyrnn_trainer_snapshot *snapshot = &job->state.snapshot;
    lyrnn_parameters parameters;
    lyrnn_parameters_of_model(&parameters, &job->config);
    size_t flat_bytes = parameters.count * sizeof(float);
    size_t state_bytes = lyrnn_state_count(&job->config, snapshot->B) * sizeof(float);
    LYRNN_TRY(share(comm, snapshot->m, flat_bytes));
    LYRNN_TRY(share(comm, snapshot->v, flat_bytes));
    LYRNN_TRY(share(comm, snapshot->h, state_bytes));
    if (snapshot->c != NULL)
        LYRNN_TRY(share(comm, snapshot->c, state_bytes));
    return snapshot->raw != NULL ? share(comm, snapshot->raw, flat_bytes) : LYRNN_OK;
}

/* A state without its arrays is numbers and short texts only. */
static lyrnn_trainer_state without_arrays(const lyrnn_trainer_state *state)
{
    lyrnn_trainer_state numbers = *state;
    lyrnn_trainer_snapshot *snapshot = &numbers.snapshot;
    snapshot->m = snapshot->v = snapshot->h = snapshot->c = snapshot->raw = NULL;
    numbers.learned = NULL;
    return numbers;
}

lyrnn_status train_share_state(train_job *job)
{
    lyrnn_comm *comm = job->backend->comm;
    lyrnn_trainer_snapshot *snapshot = &job->state.snapshot;
    if (comm == NULL)
        return LYRNN_OK;
    bool has_average = snapshot->raw != NULL;
    lyrnn_trainer_state numbers = without_arrays(&job->state);
    LYRNN_TRY(share(comm, &has_average, sizeof has_average));
    LYRNN_TRY(share(comm, &numbers, sizeof numbers));
    if (comm->rank != 0) {
        LYRNN_TRY(
            lyrnn_trainer_snapshot_init(snapshot, &job->config, numbers.snapshot.B, has_average));
        const lyrnn_trainer_snapshot arrays = *snapshot;
        job->state = numbers;
        snapshot->m = arrays.m;
        snapshot->v = arrays.v;
        snapshot->h = arrays.h;
        snapshot->c = arrays.c;
        snapshot->raw = arrays.raw;
    }
    return share_arrays(job, comm);
}
