/* A communicator: one rank's place in a group, and the calls that it has queued. */
#ifndef LYRNN_FAKE_NCCL_COMMUNICATOR_H
#define LYRNN_FAKE_NCCL_COMMUNICATOR_H

#include <memory>
#include <set>

#include "link.h"

struct ncclComm {
    int rank = 0, size = 0;
    bool is_blocking = true;
    ncclResult_t state = ncclSuccess; /* what ncclCommGetAsyncError returns */
    std::string error = {};           /* of a state that is an error */
    bool is_aborted = false, is_destroyed = false, is_leaving = false;
    std::unique_ptr<fake::Meeting> meeting = {}; /* until all ranks have met */
    std::vector<fake::Link> links = {};          /* (size); its own is closed */
    fake::History history = {};
    cudaStream_t stream = nullptr; /* of all its calls, if it has one */
    bool has_stream = false;
    int num_captured = 0;              /* calls in captures and graphs */
    std::vector<bool> has_called = {}; /* (size): sends or receives with the rank were eager */

    /* A call of a communicator that does not block, which is queued at the second poll. */
    struct {
        bool exists;
        int polls;
        fake::Call call;
        size_t num_submitted; /* to the device, when the call was made */
    } pending = {};
};

namespace fake
{

/* All that ever were. */
extern std::set<ncclComm *> communicators;

/* Reports a defect, unless there is none. Returns whether there is none. */
bool accuse(ncclComm *comm, const Accusation &accusation);

/* Returns false, after a report, if no communicator is there or it may not be used any more. */
bool may_use(ncclComm *comm, const char *function);

/* Begins to meet the other ranks. */
void meet(ncclComm *comm, const char *name);
/* Continues what does not block: the meeting, the call that is not queued, the end. */
void advance(ncclComm *comm);
/* Queues a call in the stream, or notes it for `advance`. */
ncclResult_t make_call(ncclComm *comm, Call call, cudaStream_t stream);
/* Puts the call in the stream of the communicator (run.cpp). */
ncclResult_t queue_call(ncclComm *comm, const Call &call);
/* Leaves the group: work that has not ended ends now, with undefined values. */
void abort(ncclComm *comm);
/* Reports graphs that still hold calls of the communicator. */
void check_graphs(ncclComm *comm);
/* From now on the simulator reports what the host does (watch.cpp). */
void watch_host();
/* How long a rank may wait for another that does nothing: LYRNN_SIM_PATIENCE, or 5 s. */
std::chrono::duration<double> patience();

/* Whether no rank can leave a group, neither at once nor after its work. */
bool leaving_hangs();

} // namespace fake

#endif
