/* Communicators: how they begin, how their calls enter a stream, and how they end. */
#include "communicator.h"

#include <cstdlib>

namespace fake
{

std::set<ncclComm *> communicators;

std::chrono::duration<double> patience()
{
    const char *seconds = getenv("LYRNN_SIM_PATIENCE");
    return std::chrono::duration<double>(seconds != nullptr ? strtod(seconds, nullptr) : 5.0);
}

bool leaving_hangs()
{
    return getenv("LYRNN_SIM_LEAVING_HANGS") != nullptr;
}

bool accuse(ncclComm *comm, const Accusation &accusation)
{
    if (accusation.defect == LYRNN_SIM_NO_DEFECT)
        return true;
    std::string text = "NCCL: ";
    if (comm != nullptr)
        text += "rank " + std::to_string(comm->rank) + " of " + std::to_string(comm->size) + ": ";
    text += accusation.text;
    if (comm != nullptr)
        comm->state = ncclInternalError;
    lyrnn_sim_report(accusation.defect, text.c_str());
    return false;
}

bool may_use(ncclComm *comm, const char *function)
{
    if (communicators.count(comm) == 0)
        return accuse(nullptr, {LYRNN_SIM_DEAD_COMMUNICATOR,
                                std::string(function) + " of what is no communicator"});
    if (comm->is_aborted || comm->is_destroyed)
        return accuse(comm, {LYRNN_SIM_DEAD_COMMUNICATOR,
                             std::string(function) + " after the communicator was " +
                                 (comm->is_aborted ? "aborted" : "destroyed")});
    return true;
}

/* Graphs can be replayed only after NCCL has connected the ranks, which it does eagerly. */
static Accusation check_first(ncclComm *comm, const Call &call)
{
    for (const Part &part : call.parts) {
        if (part.kind == Kind::all_gather)
            continue;
        const size_t peer = static_cast<size_t>(part.peer);
        if (call.is_captured && !comm->has_called[peer])
            return {LYRNN_SIM_FIRST_CALL_CAPTURED, "the first sends and receives with rank " +
                                                       std::to_string(peer) +
                                                       " are captured; make one eagerly before"};
        comm->has_called[peer] = true;
    }
    return {LYRNN_SIM_NO_DEFECT, ""};
}

ncclResult_t make_call(ncclComm *comm, Call call, cudaStream_t stream)
{
    if (comm->state == ncclInProgress) {
        accuse(comm, {LYRNN_SIM_IN_PROGRESS,
                      "a call before the last one was queued; poll ncclCommGetAsyncError"});
        return ncclInvalidUsage;
    }
    if (comm->has_stream && comm->stream != stream) {
        accuse(comm, {LYRNN_SIM_TWO_STREAMS, "its calls are in two streams; use one"});
        return ncclInvalidUsage;
    }
    comm->stream = stream;
    comm->has_stream = true;
    call.is_captured = lyrnn_sim_is_capturing(stream) != 0;
    if (!accuse(comm, check_buffers(call, comm->rank, comm->size)) ||
        !accuse(comm, check_first(comm, call)))
        return ncclInvalidArgument;
    if (comm->is_blocking)
        return queue_call(comm, call);
    comm->pending = {true, 0, std::move(call), lyrnn_sim_num_submitted()};
    return comm->state = ncclInProgress;
}

void meet(ncclComm *comm, const char *name)
{
    comm->links.resize(static_cast<size_t>(comm->size));
    comm->has_called.resize(static_cast<size_t>(comm->size));
    comm->state = ncclInProgress;
    comm->meeting = std::make_unique<Meeting>(name, Hello{comm->rank, comm->size, lyrnn_sim_bus()});
    communicators.insert(comm);
}

static void advance_meeting(ncclComm *comm)
{
    const bool have_met = comm->meeting->advance(&comm->links);
    if (comm->meeting->error.empty() && !have_met)
        return;
    comm->error = comm->meeting->error;
    comm->state = comm->error.empty() ? ncclSuccess : ncclInvalidUsage;
    comm->meeting.reset();
}

/* NCCL's threads need a moment. A program that does not wait for it queues its next work too
 * early. */
static void advance_call(ncclComm *comm)
{
    if (comm->pending.polls++ == 0)
        return;
    comm->pending.exists = false;
    if (comm->pending.num_submitted != lyrnn_sim_num_submitted()) {
        accuse(comm,
               {LYRNN_SIM_IN_PROGRESS, "other work was queued before " + comm->pending.call.text() +
                                           " was; poll ncclCommGetAsyncError first"});
        return;
    }
    comm->state = queue_call(comm, comm->pending.call);
}

/* It goes after its work is done and its last words are sent. */
static void advance_leaving(ncclComm *comm)
{
    lyrnn_sim_advance();
    bool has_sent_all = true;
    for (Link &link : comm->links) {
        link.advance();
        has_sent_all = has_sent_all && link.has_sent_all();
    }
    if (lyrnn_sim_has_work(comm) == 0 && has_sent_all && !leaving_hangs() &&
        comm->state == ncclInProgress)
        comm->state = ncclSuccess;
}

void advance(ncclComm *comm)
{
    if (comm->state != ncclInProgress)
        return;
    if (comm->meeting != nullptr)
        advance_meeting(comm);
    else if (comm->pending.exists)
        advance_call(comm);
    else if (comm->is_leaving)
        advance_leaving(comm);
}

void check_graphs(ncclComm *comm)
{
    if (comm->num_captured > 0)
        accuse(comm, {LYRNN_SIM_GRAPH_OUTLIVES,
                      "graphs with its calls are left: destroy them before the communicator, or "
                      "NCCL waits for their end forever"});
}

void abort(ncclComm *comm)
{
    comm->is_aborted = true;
    comm->meeting.reset();
    for (Link &link : comm->links)
        link.close();
    lyrnn_sim_advance();
    check_graphs(comm);
}

} // namespace fake
