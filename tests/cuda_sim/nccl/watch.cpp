/* What the host may not do while communicators exist or their calls are queued. */
#include "communicator.h"

namespace fake
{

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
