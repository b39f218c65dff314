/* Work of libraries of communicating ranks: work that waits for other processes, and the checks of
 * its memory. lyrnn_sim_library.h describes the functions. */
#include "library.h"

#include <unistd.h>

#include <algorithm>
#include <memory>

#include "device.h"
#include "memory.h"
#include "queue.h"
#include "report.h"

namespace sim
{

static constexpr lyrnn_sim_library_hooks no_hooks = {[](const void *, const char *) {},
                                                     [](const char *) {}, [] {}, [] {}};
lyrnn_sim_library_hooks library_hooks = no_hooks;

void check_communicators(const std::vector<const void *> &earlier,
                         const std::vector<const void *> &later)
{
    for (const void *communicator : later)
        if (std::find(earlier.begin(), earlier.end(), communicator) != earlier.end()) {
            report(LYRNN_SIM_TWO_STREAMS,
                   "two calls of one communicator that nothing orders: ranks may run them in "
                   "different orders and wait for each other forever; use one stream");
            return;
        }
}

void pause_host()
{
    usleep(100);
}

/* One run of the work: the closure is copied for each. */
struct Run {
    std::shared_ptr<const lyrnn_sim_communication> communication;
    void *state;

    bool operator()()
    {
        return communication->poll(communication->work, &state) != 0;
    }
};

} // namespace sim

using namespace sim;

extern "C" void lyrnn_sim_set_library_hooks(const lyrnn_sim_library_hooks *hooks)
{
    library_hooks = hooks != nullptr ? *hooks : no_hooks;
}

extern "C" int lyrnn_sim_submit(void *stream, const lyrnn_sim_communication *communication)
{
    std::shared_ptr<const lyrnn_sim_communication> shared(
        new lyrnn_sim_communication(*communication), [](const lyrnn_sim_communication *last) {
            last->release(last->work);
            delete last;
        });
    Node node{[] {}};
    node.is_ready = Run{shared, nullptr};
    node.communicators = {communication->communicator};
    cudaError_t error = device_error();
    return done(error == cudaSuccess ? submit(static_cast<cudaStream_t>(stream), std::move(node))
                                     : error);
}

extern "C" int lyrnn_sim_is_capturing(void *stream)
{
    return is_capturing(static_cast<cudaStream_t>(stream)) ? 1 : 0;
}

extern "C" size_t lyrnn_sim_num_submitted(void)
{
    return num_submitted();
}

extern "C" int lyrnn_sim_has_work(const void *communicator)
{
    return queue_has(communicator) ? 1 : 0;
}

extern "C" void lyrnn_sim_advance(void)
{
    advance_queue();
}

extern "C" const char *lyrnn_sim_find_fault(const void *memory, size_t num_bytes)
{
    const uintptr_t begin = reinterpret_cast<uintptr_t>(memory);
    if (arena_begin == 0 || !in_arena(begin) || region_at(begin) == nullptr)
        return "is not device memory";
    const Region *region = region_at(begin);
    if (region->space != Space::device)
        return "is pinned host memory, not device memory";
    if (!region->live)
        return "is freed device memory";
    return region_holding(memory, num_bytes) == nullptr ? "does not end within its allocation"
                                                        : nullptr;
}

extern "C" const void *lyrnn_sim_find_unwritten(const void *memory, size_t num_bytes)
{
    return find_uninitialized(memory, num_bytes);
}

extern "C" void lyrnn_sim_set_written(const void *memory, size_t num_bytes)
{
    mark_initialized(memory, num_bytes);
}

extern "C" void lyrnn_sim_report(lyrnn_sim_defect defect, const char *text)
{
    report_text(defect, std::string(lyrnn_sim_defect_name(defect)) + ": " + text);
}

extern "C" int lyrnn_sim_bus(void)
{
    int number = 0;
    cudaDeviceProp properties = {};
    cudaGetDevice(&number);
    cudaGetDeviceProperties(&properties, number);
    return properties.pciBusID;
}
