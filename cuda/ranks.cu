/* Joins the ranks of a training, and watches them while the host waits for the device.
 *
 * A device that sums with a rank that is gone waits forever. So if there are other ranks, the host
 * never waits in a call of CUDA: it polls, and looks for them meanwhile. If one is gone, this rank
 * leaves NCCL's group. Its device then continues, with undefined values. The caller finds the
 * failure in lyrnn_comm. */
#include "ranks.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where a rank computes. */
typedef struct {
    char host[64];
    char gpu[32]; /* its place on the bus */
    char uuid[16];
    char nccl[32]; /* its version */
} place;

/* Two ranks that cannot be in one group. */
typedef struct {
    enum { FIT, SAME_GPU, OTHER_NCCL } fault;
    int rank, other;
    place where, where_other;
} conflict;

/* The ranks that this process has joined. A call of CUDA that failed has no other way to them. */
static lyrnn_comm *joined;

static place find_place(const lyrnn_cuda_state *state, const lyrnn_nccl *nccl)
{
    const cudaDeviceProp *properties = &state->properties;
    place found = {};
    (void)gethostname(found.host, sizeof found.host - 1);
    snprintf(found.gpu, sizeof found.gpu, "%04x:%02x:%02x.0", properties->pciDomainID,
             properties->pciBusID, properties->pciDeviceID);
    memcpy(found.uuid, properties->uuid.bytes, sizeof found.uuid);
    memcpy(found.nccl, nccl->version, sizeof found.nccl);
    return found;
}

/* The place on the bus tells simulated GPUs apart, and the UUID those of hosts with one name. */
static bool same_gpu(const place &a, const place &b)
{
    return strcmp(a.gpu, b.gpu) == 0 && memcmp(a.uuid, b.uuid, sizeof a.uuid) == 0;
}

/* The first rank that does not fit to one before it; rank 0 knows the places. */
static conflict find_conflict(const place *places, int size)
{
    for (int r = 1; r < size; r++) {
        if (strcmp(places[r].nccl, places[0].nccl) != 0)
            return {conflict::OTHER_NCCL, 0, r, places[0], places[r]};
        for (int s = 0; s < r; s++)
            if (same_gpu(places[s], places[r]))
                return {conflict::SAME_GPU, s, r, places[s], places[r]};
    }
    return {};
}

static lyrnn_status check_places(const lyrnn_cuda_state *state, const lyrnn_nccl *nccl,
                                 lyrnn_comm *comm)
{
    const place mine = find_place(state, nccl);
    conflict found = {};
    place *places = NULL;
    if (comm->rank == 0) {
        places = (place *)calloc((size_t)comm->size, sizeof *places);
        LYRNN_CHECK(places != NULL);
    }
    lyrnn_status status = comm->gather(comm, &mine, sizeof mine, places);
    if (status == LYRNN_OK && comm->rank == 0)
        found = find_conflict(places, comm->size);
    free(places);
    LYRNN_TRY(status);
    LYRNN_TRY(comm->broadcast(comm, &found, sizeof found));
    if (found.fault == conflict::SAME_GPU)
        return lyrnn_fail(
            LYRNN_ERR_UNSUPPORTED,
            "cuda: rank %d (%s) and rank %d (%s) have the same GPU, %s; start at most "
            "one rank per GPU, or use --device cpu",
            found.rank, found.where.host, found.other, found.where_other.host, found.where.gpu);
    if (found.fault == conflict::OTHER_NCCL)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED,
                          "NCCL: rank %d (%s) has version %s and rank %d (%s) has %s; install the "
                          "same version on all hosts",
                          found.rank, found.where.host, found.where.nccl, found.other,
                          found.where_other.host, found.where_other.nccl);
    return LYRNN_OK;
}

/* Sums zeros. NCCL connects the ranks only in their first calls, and allocates memory for that. So
 * what keeps them apart shows here, and who looks at the free memory later sees what is left. */
static lyrnn_status connect(lyrnn_backend *self, lyrnn_comm *comm)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    const int lane = lyrnn_all_reduce_lane(LYRNN_CUDA_LANES);
    const size_t length = lyrnn_all_reduce_length(1, comm->size);
    float *zeros = (float *)state->lanes[lane].workspace;
    const lyrnn_all_reduce_args sum = {length, zeros, zeros + length};
    LYRNN_CHECK(2 * length * sizeof *zeros <= state->workspace_bytes);
    self->lane_use(self, lane);
    self->zero(self, zeros, length * sizeof *zeros);
    lyrnn_cuda_all_reduce(self, &sum);
    self->lane_use(self, 0);
    lyrnn_cuda_ranks_check(state);
    return comm->check(comm);
}

lyrnn_status lyrnn_cuda_join(lyrnn_backend *self, lyrnn_comm *comm)
{
    lyrnn_cuda_state *state = lyrnn_cuda_state_of(self);
    lyrnn_nccl nccl;
    LYRNN_CHECK(state->ranks == NULL);
    if (comm->size > LYRNN_CUDA_MAX_RANKS)
        return lyrnn_fail(LYRNN_ERR_UNSUPPORTED, "cuda: %d ranks are more than %d; start fewer",
                          comm->size, LYRNN_CUDA_MAX_RANKS);
    LYRNN_TRY(lyrnn_nccl_load(&nccl));
    LYRNN_TRY(check_places(state, &nccl, comm));
    LYRNN_TRY(lyrnn_nccl_open(&nccl, comm));
    state->ranks = (lyrnn_cuda_ranks *)malloc(sizeof *state->ranks);
    LYRNN_CHECK(state->ranks != NULL);
    *state->ranks = {comm, nccl, false,
                     state->lanes[lyrnn_all_reduce_lane(LYRNN_CUDA_LANES)].stream};
    joined = comm;
    const lyrnn_status status = connect(self, comm);
    if (status == LYRNN_OK)
        self->comm = comm;
    else
        lyrnn_cuda_ranks_close(state);
    return status;
}

/* NCCL says "Cuda failure 2 'out of memory'" or "Failed to CUDA calloc 4096 bytes". */
static bool is_out_of_memory(const char *reason)
{
    return strstr(reason, "out of memory") != NULL || strstr(reason, "CUDA malloc") != NULL ||
           strstr(reason, "CUDA calloc") != NULL;
}

static void report_failure(const lyrnn_cuda_ranks *ranks, lyrnn_nccl_result result)
{
    char text[512];
    const char *reason = lyrnn_nccl_reason(&ranks->nccl, result);
    snprintf(text, sizeof text, "NCCL: %s; %s", reason,
             is_out_of_memory(reason)
                 ? "end other programs on the GPU, or lower --batch-size"
                 : "check the network and the GPUs, set NCCL_DEBUG=INFO to see more");
    ranks->comm->fail(ranks->comm, text);
}

bool lyrnn_cuda_ranks_finish(lyrnn_cuda_ranks *ranks, lyrnn_nccl_result result)
{
    const lyrnn_status status = lyrnn_nccl_wait(&ranks->nccl, ranks->comm, &result);
    if (status == LYRNN_OK && result != LYRNN_NCCL_SUCCESS)
        report_failure(ranks, result);
    ranks->has_failed = status != LYRNN_OK || result != LYRNN_NCCL_SUCCESS;
    return !ranks->has_failed;
}

void lyrnn_cuda_ranks_check(lyrnn_cuda_state *state)
{
    lyrnn_cuda_ranks *ranks = state->ranks;
    if (!ranks->has_failed)
        ranks->has_failed = ranks->comm->check(ranks->comm) != LYRNN_OK ||
                            !lyrnn_cuda_ranks_finish(ranks, lyrnn_nccl_poll(&ranks->nccl));
    if (!ranks->has_failed || ranks->nccl.group == NULL)
        return;
    lyrnn_cuda_forget_steps(state);
    lyrnn_nccl_abort(&ranks->nccl, ranks->comm);
}

void lyrnn_cuda_ranks_end_if_failed(void)
{
    const lyrnn_status failure = joined != NULL ? lyrnn_nccl_find_failure(joined) : LYRNN_OK;
    if (failure != LYRNN_OK)
        joined->end(joined, failure);
}

/* Polls until `query` no longer says that the device is busy. */
template <typename Query> static cudaError_t wait_until(lyrnn_cuda_state *state, Query query)
{
    long pause_ns = 0;
    cudaError_t error = query();
    while (error == cudaErrorNotReady) {
        /* Otherwise the next launch would report this error. */
        (void)cudaGetLastError();
        lyrnn_cuda_ranks_check(state);
        lyrnn_nccl_pause(&pause_ns);
        error = query();
    }
    return error;
}

cudaError_t lyrnn_cuda_wait(lyrnn_cuda_state *state, cudaStream_t stream)
{
    if (state->ranks == NULL)
        return cudaStreamSynchronize(stream);
    return wait_until(state, [stream] { return cudaStreamQuery(stream); });
}

cudaError_t lyrnn_cuda_wait(lyrnn_cuda_state *state, cudaEvent_t event)
{
    if (state->ranks == NULL)
        return cudaEventSynchronize(event);
    return wait_until(state, [event] { return cudaEventQuery(event); });
}

void lyrnn_cuda_ranks_close(lyrnn_cuda_state *state)
{
    if (state->ranks != NULL)
        lyrnn_nccl_close(&state->ranks->nccl, state->ranks->comm);
    free(state->ranks);
    state->ranks = NULL;
    joined = NULL;
}
