/* A call when it is its turn in a stream: it sends its bytes, waits for the calls of the other
 * ranks, and compares them with its own. */
#include <algorithm>
#include <cstring>

#include "communicator.h"

namespace fake
{

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

ncclResult_t queue_call(ncclComm *comm, const Call &call)
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

} // namespace fake
