/* Device and pinned memory, copies and fills. Address ranges are checked when the work runs,
 * because memory may be freed between the call and the run. Copies from pageable memory are staged
 * at the call. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "device.h"
#include "library.h"
#include "memory.h"
#include "queue.h"
#include "report.h"
#include "shared.h"

namespace sim
{

static std::map<void *, Region *> allocations;
static size_t bytes_in_use;

size_t device_bytes_in_use()
{
    return bytes_in_use;
}

std::vector<const Region *> live_regions()
{
    std::vector<const Region *> regions;
    regions.reserve(allocations.size());
    for (const auto &item : allocations)
        regions.push_back(item.second);
    return regions;
}

static void report_leaks()
{
    const char *wanted = getenv("LYRNN_SIM_LEAKS");
    size_t bytes = 0, count = lyrnn_sim_live_allocations(&bytes);
    if (count == 0 || (wanted != nullptr && strcmp(wanted, "0") == 0))
        return;
    fprintf(stderr, "lyrnn_sim: LEAK: %zu allocations of %zu bytes in all were not freed\n", count,
            bytes);
    fflush(nullptr);
    _Exit(86);
}

static cudaError_t allocate(void **memory, size_t bytes, Space space, const char *call)
{
    static bool watches_exit;
    *memory = nullptr;
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = forbid_in_capture();
    if (error != cudaSuccess || bytes == 0)
        return done(error);
    library_hooks.memory_changes(call);
    size_t total = device().properties.totalGlobalMem;
    if (space == Space::device && bytes > total - bytes_in_use)
        return done(cudaErrorMemoryAllocation);
    Region *region = region_create(bytes, space);
    if (region == nullptr)
        return done(cudaErrorMemoryAllocation);
    if (!watches_exit)
        atexit(report_leaks);
    watches_exit = true;
    *memory = reinterpret_cast<void *>(region->begin);
    allocations[*memory] = region;
    bytes_in_use += space == Space::device ? bytes : 0;
    counters.allocations++;
    return cudaSuccess;
}

static cudaError_t release(void *memory, Space space, const char *call)
{
    cudaError_t error = memory != nullptr ? forbid_in_capture() : cudaSuccess;
    if (memory == nullptr || error != cudaSuccess)
        return done(error != cudaSuccess ? error : device_error());
    library_hooks.memory_changes(call);
    error = device_error();
    /* Freeing waits for the device. After a device fault the memory is still freed, so that the
     * fault is not also reported as a leak. */
    if (error == cudaSuccess)
        error = drain_queue(call);
    auto found = allocations.find(memory);
    if (found == allocations.end() || found->second->space != space) {
        report(LYRNN_SIM_BAD_ARGUMENT, "free of %p, which is not a live allocation of this kind",
               memory);
        return done(cudaErrorInvalidValue);
    }
    Region *region = found->second;
    bytes_in_use -= space == Space::device ? region->end - region->begin : 0;
    region_free(region);
    allocations.erase(found);
    counters.frees++;
    return done(error);
}

/* Returns whether the address is device memory. is_pinned: whether it is pinned host memory, which
 * the device may use too. */
static bool is_device(const void *memory)
{
    const Region *region = region_holding(memory, 0);
    return region != nullptr ? region->space == Space::device
                             : in_arena(reinterpret_cast<uintptr_t>(memory)) && arena_begin != 0;
}

static bool is_pinned(const void *memory)
{
    const Region *region = region_holding(memory, 0);
    return region != nullptr && region->space == Space::pinned;
}

static bool kind_fits(cudaMemcpyKind kind, bool to_device, bool from_device)
{
    switch (kind) {
    case cudaMemcpyHostToHost:
        return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
        return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
        return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:
        return to_device && from_device;
    default:
        return true;
    }
}

/* Reports a range of simulated memory that is not within one live allocation, and returns false. */
static bool range_is_live(const void *memory, size_t bytes, const char *what)
{
    bool in_our_range = arena_begin != 0 && in_arena(reinterpret_cast<uintptr_t>(memory));
    if (!in_our_range || region_holding(memory, bytes) != nullptr)
        return true;
    report(LYRNN_SIM_BAD_ARGUMENT, "%s of %zu bytes at %p is not within one live allocation", what,
           bytes, memory);
    return false;
}

static void run_copy(void *to, const void *from, size_t bytes)
{
    if (!range_is_live(to, bytes, "copy to") || !range_is_live(from, bytes, "copy from"))
        return;
    bool to_device = is_device(to), from_device = is_device(from);
    memmove(to, from, bytes);
    if (to_device && from_device)
        copy_initialized(to, from, bytes);
    else if (to_device)
        mark_initialized(to, bytes);
    (to_device ? (from_device ? counters.bytes_within_device : counters.bytes_to_device)
               : counters.bytes_to_host) += bytes;
}

static cudaError_t queue_copy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                              cudaStream_t stream)
{
    bool to_device = is_device(to), from_device = is_device(from);
    if (!kind_fits(kind, to_device, from_device)) {
        report(LYRNN_SIM_BAD_ARGUMENT, "copy of kind %d from %s to %s memory", kind,
               from_device ? "device" : "host", to_device ? "device" : "host");
        return cudaErrorInvalidValue;
    }
    if (bytes == 0)
        return cudaSuccess;
    if (from_device || is_pinned(from) || is_capturing(stream))
        return submit(stream, [=] { run_copy(to, from, bytes); });
    const char *source = static_cast<const char *>(from);
    auto staged = std::make_shared<const std::vector<char>>(source, source + bytes);
    return submit(stream, [=] { run_copy(to, staged->data(), bytes); });
}

static void run_fill(void *memory, int value, size_t bytes)
{
    if (!range_is_live(memory, bytes, "memset"))
        return;
    memset(memory, value, bytes);
    mark_initialized(memory, bytes);
}

} // namespace sim

using namespace sim;

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    return allocate(memory, bytes, Space::device, __func__);
}

cudaError_t cudaMallocAsync(void **memory, size_t bytes, cudaStream_t)
{
    return allocate(memory, bytes, Space::device, __func__);
}

cudaError_t cudaFree(void *memory)
{
    return release(memory, Space::device, __func__);
}

cudaError_t cudaFreeAsync(void *memory, cudaStream_t)
{
    return release(memory, Space::device, __func__);
}

cudaError_t cudaMallocHost(void **memory, size_t bytes)
{
    return allocate(memory, bytes, Space::pinned, __func__);
}

cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned)
{
    return allocate(memory, bytes, Space::pinned, __func__);
}

cudaError_t cudaFreeHost(void *memory)
{
    return release(memory, Space::pinned, __func__);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = queue_copy(to, from, bytes, kind, stream);
    /* A download to pageable memory returns only after the data has arrived. */
    bool waits = is_device(from) && !is_device(to) && !is_pinned(to) && !is_capturing(stream);
    if (error == cudaSuccess && waits)
        error = synchronize_host(stream, __func__);
    return done(error);
}

/* Copies rows of `width` bytes, from device to device only: the backend needs nothing else. */
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess && (to_pitch < width || from_pitch < width))
        error = cudaErrorInvalidPitchValue;
    if (error == cudaSuccess && (!is_device(to) || !is_device(from)))
        error = cudaErrorNotSupported;
    if (error == cudaSuccess && !kind_fits(kind, true, true))
        error = cudaErrorInvalidMemcpyDirection;
    if (error != cudaSuccess || width == 0 || height == 0)
        return done(error);
    return done(submit(stream, [=] {
        for (size_t row = 0; row < height && device_error() == cudaSuccess; row++)
            run_copy(static_cast<char *>(to) + row * to_pitch,
                     static_cast<const char *>(from) + row * from_pitch, width);
    }));
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess)
        error = forbid_in_capture();
    if (error == cudaSuccess)
        error = queue_copy(to, from, bytes, kind, nullptr);
    if (error == cudaSuccess && !(is_device(to) && is_device(from)))
        error = synchronize_host(__func__);
    return done(error);
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream)
{
    cudaError_t error = device_error();
    if (error == cudaSuccess && !is_device(memory) && !is_pinned(memory))
        error = cudaErrorInvalidValue;
    if (error == cudaSuccess && bytes != 0)
        error = submit(stream, [=] { run_fill(memory, value, bytes); });
    return done(error);
}

cudaError_t cudaMemset(void *memory, int value, size_t bytes)
{
    cudaError_t error = forbid_in_capture();
    return error == cudaSuccess ? cudaMemsetAsync(memory, value, bytes, nullptr) : done(error);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    *total_bytes = device().properties.totalGlobalMem;
    *free_bytes = *total_bytes - bytes_in_use;
    return done(device_error());
}

cudaError_t cudaDeviceReset()
{
    drop_queue();
    while (!allocations.empty()) {
        region_free(allocations.begin()->second);
        allocations.erase(allocations.begin());
    }
    bytes_in_use = 0;
    forget_errors();
    return cudaSuccess;
}

extern "C" size_t lyrnn_sim_live_allocations(size_t *bytes)
{
    *bytes = 0;
    for (const auto &item : allocations)
        *bytes += item.second->end - item.second->begin;
    return allocations.size();
}
