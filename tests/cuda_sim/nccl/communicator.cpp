/* What a communicator does when it is its turn in a stream, and what the host may not do
 * meanwhile. */
#include "communicator.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

namespace fake
{

static std::set<ncclComm *> communicators;

std::chrono::duration<double> patience()
{
    const char *seconds = getenv("LYRNN_SIM_PATIENCE");
    return std::chrono::duration<double>(seconds != nullptr ? strtod(seconds, nullptr) : 5.0);
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

static bool has_failed(const ncclComm *comm)
{
    return comm->state != ncclSuccess && comm->state != ncclInProgress;
}

/* One run of a call in a stream. */
struct Run {
    Time began;
    uint64_t number;           /* of the call, from 1 on */
    std::vector<bool> is_done; /* (size): the rank's call arrived, matched, and was copied */
};

/* A call in streams and graphs. */
struct Queued {
    ncclComm *comm;
    Call call;
};

/* Copies what the peer sent to where this rank receives it. */
static void take_data(const Call &call, int peer, const std::vector<char> &data)
{
    const char *from = data.data();
    for (const Part &part : call.parts) {
        if (part.kind == Kind::send || (part.kind == Kind::receive && part.peer != peer))
            continue;
        const size_t bytes = part.bytes();
        char *to =
            part.to + (part.kind == Kind::all_gather ? static_cast<size_t>(peer) * bytes : 0);
        memmove(to, from, bytes);
        lyrnn_sim_set_written(to, bytes);
        from += bytes;
    }
}

/* What the call sends to the peer, in the order in which it receives it. */
static std::vector<char> data_for(const Call &call, int peer)
{
    std::vector<char> data;
    for (const Part &part : call.parts)
        if (part.kind == Kind::all_gather || (part.kind == Kind::send && part.peer == peer))
            data.insert(data.end(), part.from, part.from + part.bytes());
    return data;
}

static std::string histories(const ncclComm *comm, int peer)
{
    return "; " + comm->history.text(comm->rank) + "; " +
           comm->links[static_cast<size_t>(peer)].history.text(peer);
}

static std::string call_name(uint64_t number, const Call &call)
{
    return "call " + std::to_string(number) + " (" + call.text() + ")";
}

/* Why the call of this rank cannot continue: what the peer, which has not made it, does instead. */
static Accusation judge_absence(const ncclComm *comm, const Run &run, const Call &call, int peer)
{
    const Link &link = comm->links[static_cast<size_t>(peer)];
    const std::string name = "rank " + std::to_string(peer);
    const bool is_late = now() - std::max(run.began, link.last_heard) > patience();
    if (link.has_left)
        return {LYRNN_SIM_CALLS_DIFFER,
                name + " left the group after " + std::to_string(link.history.num_calls) +
                    " calls, without " + call_name(run.number, call) + histories(comm, peer)};
    if (is_late && link.is_gone)
        return {LYRNN_SIM_BLIND_WAIT, name + " is gone, and the device still waits for it in " +
                                          call_name(run.number, call) +
                                          ": look for ranks that are gone, and abort"};
    if (is_late)
        return {LYRNN_SIM_UNMATCHED, name + " did nothing for too long, and is not in " +
                                         call_name(run.number, call) + histories(comm, peer)};
    return {LYRNN_SIM_NO_DEFECT, ""};
}

/* Returns whether the peer's part of the call is done. */
static bool try_peer(ncclComm *comm, const Run &run, const Call &call, int peer)
{
    Link &link = comm->links[static_cast<size_t>(peer)];
    if (link.arrived.empty()) {
        accuse(comm, judge_absence(comm, run, call, peer));
        return false;
    }
    Accusation accusation = compare(call, comm->rank, link.arrived.front().call, peer);
    accusation.text = call_name(run.number, call) + ": " + accusation.text + histories(comm, peer);
    if (!accuse(comm, accusation))
        return false;
    take_data(call, peer, link.arrived.front().data);
    link.arrived.pop_front();
    return true;
}

static Run *begin(ncclComm *comm, const Call &call)
{
    comm->history.add(call);
    Run *run =
        new Run{now(), comm->history.num_calls, std::vector<bool>(static_cast<size_t>(comm->size))};
    Accusation accusation = check_buffers(call, comm->rank, comm->size);
    if (accusation.defect == LYRNN_SIM_NO_DEFECT)
        accusation = check_written(call);
    accusation.text = call_name(run->number, call) + ": " + accusation.text;
    if (!accuse(comm, accusation))
        return run;
    for (int peer = 0; peer < comm->size; peer++)
        if (peer != comm->rank)
            comm->links[static_cast<size_t>(peer)].send_call(call, data_for(call, peer));
    const Accusation own = compare(call, comm->rank, call, comm->rank);
    accuse(comm, {own.defect, call_name(run->number, call) + ": " + own.text});
    take_data(call, comm->rank, data_for(call, comm->rank));
    run->is_done[static_cast<size_t>(comm->rank)] = true;
    return run;
}

/* The values of a call that was aborted are undefined. */
static void end_undefined(const Queued &queued)
{
    const size_t size = static_cast<size_t>(queued.comm->size);
    for (const Part &part : queued.call.parts)
        if (part.kind != Kind::send)
            lyrnn_sim_set_written(part.to,
                                  part.bytes() * (part.kind == Kind::all_gather ? size : 1));
}

/* Returns whether all ranks' parts of the call are done. */
static bool try_peers(ncclComm *comm, Run *run, const Call &call)
{
    bool all_done = true;
    for (int peer = 0; peer < comm->size && !has_failed(comm); peer++) {
        auto is_done = run->is_done.begin() + peer;
        comm->links[static_cast<size_t>(peer)].advance();
        *is_done = *is_done || try_peer(comm, *run, call, peer);
        all_done = all_done && *is_done && comm->links[static_cast<size_t>(peer)].has_sent_all();
    }
    return all_done && !has_failed(comm);
}

static int poll(void *work, void **state)
{
    Queued *queued = static_cast<Queued *>(work);
    ncclComm *comm = queued->comm;
    if (comm->is_destroyed)
        may_use(comm, "a graph with a call");
    const bool is_undefined = comm->is_aborted || comm->is_destroyed;
    if (!is_undefined && *state == nullptr)
        *state = begin(comm, queued->call);
    Run *run = static_cast<Run *>(*state);
    if (is_undefined)
        end_undefined(*queued);
    else if (!try_peers(comm, run, queued->call))
        return 0;
    delete run;
    *state = nullptr;
    return 1;
}

static void release(void *work)
{
    Queued *queued = static_cast<Queued *>(work);
    queued->comm->num_captured -= queued->call.is_captured ? 1 : 0;
    delete queued;
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

static ncclResult_t queue_call(ncclComm *comm, const Call &call)
{
    const bool is_captured = lyrnn_sim_is_capturing(comm->stream) != 0;
    if (is_captured != call.is_captured &&
        !accuse(comm, {LYRNN_SIM_IN_PROGRESS, "a capture began or ended before the call was "
                                              "queued; poll ncclCommGetAsyncError"}))
        return ncclInvalidUsage;
    comm->num_captured += is_captured ? 1 : 0;
    const lyrnn_sim_communication communication = {new Queued{comm, call}, poll, release, comm};
    return lyrnn_sim_submit(comm->stream, &communication) == 0 ? ncclSuccess
                                                               : ncclUnhandledCudaError;
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
    if (lyrnn_sim_has_work(comm) == 0 && has_sent_all && comm->state == ncclInProgress)
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

static bool is_watched(const ncclComm *comm)
{
    return comm->size > 1 && !comm->is_aborted && !comm->is_destroyed;
}

static void host_waits(const void *communicator, const char *call)
{
    ncclComm *comm = static_cast<ncclComm *>(const_cast<void *>(communicator));
    if (is_watched(comm))
        accuse(comm, {LYRNN_SIM_BLIND_WAIT,
                      std::string(call) + " waits for other ranks, and cannot notice that one is "
                                          "gone; poll cudaStreamQuery or cudaEventQuery"});
}

static void memory_changes(const char *call)
{
    for (ncclComm *comm : communicators)
        if (is_watched(comm) && lyrnn_sim_has_work(comm) != 0)
            accuse(comm, {LYRNN_SIM_MEMORY_IN_FLIGHT,
                          std::string(call) + " while a call is queued and not done: it may wait "
                                              "for the device of a rank that waits for this one"});
}

static void global_capture_begins()
{
    for (ncclComm *comm : communicators)
        if (!comm->is_aborted && !comm->is_destroyed)
            accuse(comm, {LYRNN_SIM_GLOBAL_CAPTURE,
                          "a capture with cudaStreamCaptureModeGlobal, in which NCCL's own threads "
                          "may not call CUDA; use cudaStreamCaptureModeThreadLocal"});
}

/* Now and then sends the others a sign that this rank is at work. */
static void work_ran()
{
    static Time last;
    if (now() - last < patience() / 10)
        return;
    last = now();
    for (ncclComm *comm : communicators)
        for (Link &link : comm->links)
            link.say_alive();
}

void watch_host()
{
    static const lyrnn_sim_library_hooks hooks = {host_waits, memory_changes, global_capture_begins,
                                                  work_ran};
    lyrnn_sim_set_library_hooks(&hooks);
}

} // namespace fake
