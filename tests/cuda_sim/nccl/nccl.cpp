/* NCCL for simulated ranks: the functions of nccl.h, as NCCL's user guide describes them. It moves
 * bytes between processes over Unix sockets, and accuses programs that misuse NCCL.
 *
 * Blocking communicators queue their calls at once. For others a call returns ncclInProgress, and
 * is queued only when ncclCommGetAsyncError is polled: before that, NCCL may not have done it. */
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <random>

#include "communicator.h"

using namespace fake;

/* The calls between ncclGroupStart and ncclGroupEnd. */
static struct {
    int depth;
    Call call;
    ncclComm *comm;
    cudaStream_t stream;
} group;

static std::string last_error;

/* For calls that are not for groups. */
static void check_group(ncclComm *comm)
{
    if (group.depth > 0)
        accuse(comm, {LYRNN_SIM_BAD_GROUP, "ncclGroupStart without ncclGroupEnd"});
}

ncclResult_t ncclGetVersion(int *version)
{
    *version = NCCL_VERSION_CODE;
    return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    std::random_device random;
    memset(id, 0, sizeof *id);
    snprintf(id->internal, sizeof id->internal, "fake-nccl-%08x%08x", random(), random());
    return ncclSuccess;
}

/* Waits for what a blocking communicator does. */
static ncclResult_t finish(ncclComm *comm, const char *what)
{
    const Time began = now();
    while (comm->is_blocking && comm->state == ncclInProgress) {
        advance(comm);
        usleep(100);
        if (now() - began > patience())
            accuse(comm, {LYRNN_SIM_UNMATCHED, std::string(what) + " waits for too long"});
    }
    last_error = comm->error;
    return comm->state;
}

static ncclResult_t open_communicator(ncclComm_t *comm, int size, const ncclUniqueId &id, int rank,
                                      bool is_blocking)
{
    *comm = nullptr;
    if (size < 1 || rank < 0 || rank >= size)
        return ncclInvalidArgument;
    watch_host();
    *comm = new ncclComm;
    (*comm)->rank = rank;
    (*comm)->size = size;
    (*comm)->is_blocking = is_blocking;
    meet(*comm, id.internal);
    return finish(*comm, "ncclCommInitRank");
}

ncclResult_t ncclCommInitRank(ncclComm_t *comm, int size, ncclUniqueId id, int rank)
{
    return open_communicator(comm, size, id, rank, true);
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t *config)
{
    const unsigned magic = 0xcafebeef;
    if (config->magic != magic || config->size < sizeof *config)
        return ncclInvalidArgument;
    return open_communicator(comm, size, id, rank, config->blocking != 0);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *result)
{
    if (!may_use(comm, __func__))
        return ncclInvalidUsage;
    check_group(comm);
    advance(comm);
    last_error = comm->error;
    *result = comm->state;
    return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm)
{
    if (!may_use(comm, __func__))
        return ncclInvalidUsage;
    check_group(comm);
    if (comm->state == ncclInProgress)
        accuse(comm, {LYRNN_SIM_IN_PROGRESS, "it ends before its last call was queued"});
    if (comm->state != ncclSuccess)
        return comm->state;
    comm->is_leaving = true;
    comm->state = ncclInProgress;
    for (Link &link : comm->links)
        link.say_goodbye();
    return finish(comm, __func__);
}

ncclResult_t ncclCommDestroy(ncclComm_t comm)
{
    if (!may_use(comm, __func__))
        return ncclInvalidUsage;
    check_graphs(comm);
    if (!comm->is_leaving) {
        comm->is_blocking = true;
        ncclCommFinalize(comm);
    }
    for (Link &link : comm->links)
        link.close();
    comm->is_destroyed = true;
    return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm)
{
    if (!may_use(comm, __func__))
        return ncclInvalidUsage;
    while (leaving_hangs())
        pause();
    fake::abort(comm);
    return ncclSuccess;
}

ncclResult_t ncclGroupStart(void)
{
    group.depth++;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void)
{
    if (group.depth == 0) {
        accuse(group.comm, {LYRNN_SIM_BAD_GROUP, "ncclGroupEnd without ncclGroupStart"});
        return ncclInvalidUsage;
    }
    group.depth--;
    if (group.depth > 0 || group.call.parts.empty())
        return ncclSuccess;
    Call call = {};
    std::swap(call, group.call);
    return make_call(group.comm, call, group.stream);
}

/* Adds to the group; without one, it is a group of its own. */
static ncclResult_t add(const Part &part, ncclComm *comm, cudaStream_t stream, const char *function)
{
    if (!may_use(comm, function))
        return ncclInvalidUsage;
    if (part.type < ncclInt8 || part.type > ncclBfloat16 || part.peer >= comm->size)
        return ncclInvalidArgument;
    if (!group.call.parts.empty() && (comm != group.comm || stream != group.stream)) {
        accuse(comm, {LYRNN_SIM_TWO_STREAMS, "a group has calls in two streams; use one"});
        return ncclInvalidUsage;
    }
    group.comm = comm;
    group.stream = stream;
    ncclGroupStart();
    group.call.parts.push_back(part);
    return ncclGroupEnd();
}

ncclResult_t ncclSend(const void *send, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream)
{
    return add({Kind::send, peer, count, type, static_cast<const char *>(send), nullptr}, comm,
               stream, __func__);
}

ncclResult_t ncclRecv(void *receive, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream)
{
    return add({Kind::receive, peer, count, type, nullptr, static_cast<char *>(receive)}, comm,
               stream, __func__);
}

ncclResult_t ncclAllGather(const void *send, void *receive, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream)
{
    return add({Kind::all_gather, -1, count, type, static_cast<const char *>(send),
                static_cast<char *>(receive)},
               comm, stream, __func__);
}

const char *ncclGetErrorString(ncclResult_t result)
{
    switch (result) {
    case ncclSuccess:
        return "no error";
    case ncclUnhandledCudaError:
        return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError:
        return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError:
        return "internal error - please report this issue to the NCCL developers";
    case ncclInvalidArgument:
        return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage:
        return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
        return "remote process exited or there was a network error";
    case ncclInProgress:
        return "NCCL operation in progress";
    }
    return "unknown result code";
}

const char *ncclGetLastError(ncclComm_t)
{
    return last_error.c_str();
}
