/* A stand-in for NCCL in a process without other ranks. It sends each piece to the rank itself: it
 * receives from rank r what it sends to rank r. STUB_WITHOUT_SEND leaves out a function. */
#include "stub_nccl.h"

#include <cuda_runtime.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vector>

#include "nccl.cuh"

extern "C" {
stub_nccl_state stub_nccl = {22809, 0, 2, 0, "", false, false, 0, 0, 0, 0, 0, 0, 0};
}

struct ncclComm {
    int num_polls;
    bool is_open;
    lyrnn_nccl_result state;
};

/* A send or a receipt of the open group. */
struct Transfer {
    const void *from;
    void *to;
    size_t num_bytes;
};

static std::vector<Transfer> transfers;
static cudaStream_t group_stream;

/* Begins a call that does not block: the group is in progress until enough polls were made. */
static lyrnn_nccl_result begin(ncclComm *group, int result)
{
    group->num_polls = 0;
    group->state = static_cast<lyrnn_nccl_result>(result);
    return stub_nccl.calls_in_progress == 0 ? group->state : LYRNN_NCCL_IN_PROGRESS;
}

static Transfer &transfer_with(int peer)
{
    if (transfers.size() <= static_cast<size_t>(peer))
        transfers.resize(static_cast<size_t>(peer) + 1);
    return transfers[static_cast<size_t>(peer)];
}

extern "C" {

lyrnn_nccl_result ncclGetVersion(int *version)
{
    *version = stub_nccl.version;
    return LYRNN_NCCL_SUCCESS;
}

const char *ncclGetErrorString(lyrnn_nccl_result result)
{
    return result == 1 ? "unhandled cuda error" : "another error";
}

const char *ncclGetLastError(ncclComm *)
{
    return stub_nccl.last_error;
}

lyrnn_nccl_result ncclGetUniqueId(lyrnn_nccl_id *id)
{
    memset(id, 7, sizeof *id);
    return LYRNN_NCCL_SUCCESS;
}

lyrnn_nccl_result ncclCommInitRankConfig(ncclComm **group, int, lyrnn_nccl_id, int,
                                         lyrnn_nccl_config *config)
{
    const char *blocking = getenv("NCCL_COMM_BLOCKING"); /* which NCCL prefers to the config */
    *group = NULL;
    if (config->blocking != 0 || (blocking != NULL && strcmp(blocking, "1") == 0))
        return static_cast<lyrnn_nccl_result>(4); /* ncclInvalidArgument */
    *group = new ncclComm{};
    stub_nccl.num_open_groups++;
    return begin(*group, stub_nccl.init_result);
}

lyrnn_nccl_result ncclCommGetAsyncError(ncclComm *group, lyrnn_nccl_result *result)
{
    const bool is_done =
        stub_nccl.calls_in_progress >= 0 && ++group->num_polls >= stub_nccl.calls_in_progress;
    *result = is_done ? group->state : LYRNN_NCCL_IN_PROGRESS;
    if (is_done && group->is_open && stub_nccl.later_result != 0)
        *result = static_cast<lyrnn_nccl_result>(stub_nccl.later_result);
    group->is_open = group->is_open || *result == LYRNN_NCCL_SUCCESS;
    return LYRNN_NCCL_SUCCESS;
}

lyrnn_nccl_result ncclCommFinalize(ncclComm *group)
{
    stub_nccl.num_finalized++;
    return begin(group, LYRNN_NCCL_SUCCESS);
}

lyrnn_nccl_result ncclCommDestroy(ncclComm *group)
{
    delete group;
    stub_nccl.num_destroyed++;
    stub_nccl.num_open_groups--;
    return LYRNN_NCCL_SUCCESS;
}

lyrnn_nccl_result ncclCommAbort(ncclComm *group)
{
    while (stub_nccl.abort_hangs)
        pause();
    delete group;
    stub_nccl.num_aborts++;
    stub_nccl.num_open_groups--;
    return LYRNN_NCCL_SUCCESS;
}

lyrnn_nccl_result ncclGroupStart(void)
{
    transfers.clear();
    return LYRNN_NCCL_SUCCESS;
}

#ifndef STUB_WITHOUT_SEND
lyrnn_nccl_result ncclSend(const void *values, size_t count, lyrnn_nccl_type, int peer,
                           ncclComm *group, cudaStream_t stream)
{
    stub_nccl.num_sends++;
    group_stream = stream;
    transfer_with(peer).from = values;
    transfer_with(peer).num_bytes = count * sizeof(float);
    return begin(group, LYRNN_NCCL_SUCCESS);
}
#endif

/* In a group, both answers mean that the call was accepted. */
lyrnn_nccl_result ncclRecv(void *values, size_t, lyrnn_nccl_type, int peer, ncclComm *,
                           cudaStream_t)
{
    transfer_with(peer).to = values;
    return LYRNN_NCCL_SUCCESS;
}

lyrnn_nccl_result ncclGroupEnd(void)
{
    stub_nccl.num_groups++;
    /* A call that a capture does not allow. */
    if (stub_nccl.spoils_capture && cudaStreamQuery(group_stream) != cudaSuccess)
        return static_cast<lyrnn_nccl_result>(1);
    for (const Transfer &transfer : transfers)
        if (cudaMemcpyAsync(transfer.to, transfer.from, transfer.num_bytes,
                            cudaMemcpyDeviceToDevice, group_stream) != cudaSuccess)
            return static_cast<lyrnn_nccl_result>(1);
    return stub_nccl.calls_in_progress == 0 ? LYRNN_NCCL_SUCCESS : LYRNN_NCCL_IN_PROGRESS;
}

lyrnn_nccl_result ncclAllGather(const void *, void *, size_t, lyrnn_nccl_type, ncclComm *group,
                                cudaStream_t)
{
    stub_nccl.num_gathers++;
    return begin(group, LYRNN_NCCL_SUCCESS);
}

} // extern "C"
