/* Checks one memory access for bounds, initialization and races, with the shadow cells of memory.h.
 *
 * A cell keeps the last write and the readers since then. Readers that no barrier orders are stored
 * as one of them together with their scope: the smallest group (warp, block, cluster, grid) that
 * holds all of them. This loses nothing because groups nest: a barrier that orders the stored
 * reader before a later access, at that scope, orders all of the others before it too. */
#include "access.h"

#include <sys/types.h>

#include <algorithm>

#include "grid.h"
#include "report.h"
#include "shared.h"

extern "C" char __executable_start, end;

namespace sim
{

enum Scope { SCOPE_THREAD, SCOPE_WARP, SCOPE_BLOCK, SCOPE_CLUSTER, SCOPE_GRID, NUM_SCOPES };

/* What the checks need to know about the running thread at every access. It is computed once per
 * switch: the thread numbers in each of its groups, and the last barrier that ordered all of that
 * group. The entries for the grid and for the thread itself never change. */
static struct {
    uint32_t first[NUM_SCOPES], count[NUM_SCOPES], barrier[NUM_SCOPES];
    bool has_acquired;
} view = {{}, {0, 0, 0, 0, UINT32_MAX}, {UINT32_MAX}, false};

void look_from(const Thread &thread)
{
    const Block &block = *thread.block;
    const uint32_t size = grid->threads_per_block, cluster_size = size * grid->blocks_per_cluster;
    const uint32_t lane = thread.rank % 32, block_first = thread.id - thread.rank;
    view.first[SCOPE_THREAD] = thread.id;
    view.first[SCOPE_WARP] = thread.id - lane;
    view.first[SCOPE_BLOCK] = block_first;
    view.first[SCOPE_CLUSTER] = block_first - block.rank * size;
    view.count[SCOPE_THREAD] = 1;
    /* The last warp of a block may have fewer lanes. The thread numbers after it belong to another
     * block. */
    view.count[SCOPE_WARP] = std::min(32u, size - (thread.rank - lane));
    view.count[SCOPE_BLOCK] = size;
    view.count[SCOPE_CLUSTER] = cluster_size;
    view.barrier[SCOPE_GRID] = grid->time;
    view.barrier[SCOPE_CLUSTER] = std::max(grid->time, block.cluster->time);
    view.barrier[SCOPE_BLOCK] = std::max(view.barrier[SCOPE_CLUSTER], block.time);
    view.barrier[SCOPE_WARP] = std::max(view.barrier[SCOPE_BLOCK], thread.warp->time);
    view.has_acquired = !thread.acquired.empty() || !block.acquired.empty();
}

void look_for_acquired(const Thread &thread)
{
    view.has_acquired = !thread.acquired.empty() || !thread.block->acquired.empty();
}

/* Returns the smallest group that holds the running thread and the other one. */
static inline Scope common_scope(uint32_t other)
{
    int scope = SCOPE_THREAD;
    while (scope < SCOPE_GRID && other - view.first[scope] >= view.count[scope])
        scope++;
    return static_cast<Scope>(scope);
}

static inline bool ordered(const Stamp &stamp, Scope scope)
{
    return stamp.time < view.barrier[scope];
}

static bool released_in(const std::vector<Acquired> &acquired, const Stamp &stamp)
{
    uint32_t block = stamp.thread / grid->threads_per_block;
    for (const Acquired &item : acquired) {
        for (const Word &word : grid->words) {
            if (word.address != item.word)
                continue;
            for (size_t i = 0; i < item.count; i++) {
                const Release &release = word.releases[i];
                if ((release.thread == stamp.thread && stamp.time < release.thread_time) ||
                    (release.block == block && stamp.time < release.block_time))
                    return true;
            }
        }
    }
    return false;
}

/* Returns whether atomics order an access by another thread: "write, fence, atomic" there, and
 * "atomic, fence" here. This is asked last, only when no barrier orders the access. */
static bool ordered_by_atomics(const Stamp &stamp)
{
    return view.has_acquired &&
           (released_in(watched->acquired, stamp) || released_in(watched->block->acquired, stamp));
}

static const char *access_name(Access access)
{
    return access == Access::read ? "read" : access == Access::write ? "write" : "atomic";
}

/* Code addresses are stored as offsets from the start of the program, which fit in 32 bits. */
static uintptr_t code_base()
{
    return reinterpret_cast<uintptr_t>(&__executable_start);
}

static void report_race(uintptr_t address, Access access, uintptr_t pc, const Stamp &stamp,
                        const char *earlier)
{
    watched = nullptr;
    uint32_t size = grid->threads_per_block, serial = stamp.thread / size;
    const char *where = region_at(address)->space == Space::shared ? "shared" : "global";
    std::string place = source_place(code_base() + stamp.pc);
    report_at(LYRNN_SIM_RACE, pc,
              "%s of %s memory %#zx without a barrier after the %s by thread %u of block %u at %s",
              access_name(access), where, static_cast<size_t>(address), earlier,
              stamp.thread % size, serial, place.c_str());
}

static inline void check_cell(uintptr_t address, Cell *cell, uint8_t mask, Access access,
                              uintptr_t pc, bool check_initialized)
{
    if (access != Access::write && check_initialized && (cell->initialized & mask) != mask)
        report_at(LYRNN_SIM_UNINITIALIZED, pc, "read of memory at %#zx that was never written",
                  static_cast<size_t>(address));
    Stamp now = {clock_now, watched->id, static_cast<uint32_t>(pc - code_base())};

    bool both_atomic = access == Access::atomic && cell->write_is_atomic;
    if ((cell->write_mask & mask) != 0 && cell->write.time >= grid->time && !both_atomic &&
        !ordered(cell->write, common_scope(cell->write.thread)) && !ordered_by_atomics(cell->write))
        report_race(address, access, pc, cell->write, cell->write_is_atomic ? "atomic" : "write");

    bool readers = (cell->read_mask & mask) != 0 && cell->read.time >= grid->time;
    Scope scope = SCOPE_THREAD;
    if (readers) {
        scope = common_scope(cell->read.thread);
        if (scope < cell->read_scope)
            scope = static_cast<Scope>(cell->read_scope);
        readers = !ordered(cell->read, scope) && !ordered_by_atomics(cell->read);
    }
    if (access == Access::read) {
        cell->read_scope = readers ? static_cast<uint8_t>(scope & 7) : 0;
        cell->read_mask = static_cast<uint8_t>(readers ? cell->read_mask | mask : mask);
        cell->read = now;
        return;
    }
    if (readers)
        report_race(address, access, pc, cell->read, "read");
    cell->read_mask &= static_cast<uint8_t>(~mask);
    bool same = cell->write.thread == now.thread && cell->write.time == now.time;
    cell->write_mask = static_cast<uint8_t>(same ? cell->write_mask | mask : mask);
    cell->write = now;
    cell->write_is_atomic = access == Access::atomic;
    cell->initialized |= mask;
}

/* Checks an access outside the arena. A kernel may access its own stack, the program's constants,
 * and the launch's arguments. */
static void check_host_access(uintptr_t address, Access access, uintptr_t pc)
{
    const uintptr_t arguments = reinterpret_cast<uintptr_t>(grid->call->arguments.get());
    bool in_program = address >= code_base() && address < reinterpret_cast<uintptr_t>(&end);
    if (fiber_owns(*watched->fiber, address) || in_program ||
        address - arguments < grid->call->argument_bytes)
        return;
    lyrnn_sim_defect defect =
        address < page_bytes ? LYRNN_SIM_OUT_OF_BOUNDS : LYRNN_SIM_HOST_ACCESS;
    report_at(defect, pc, "%s of %#zx, which is %s", access_name(access),
              static_cast<size_t>(address),
              address < page_bytes ? "a null pointer" : "host memory or another thread's stack");
}

/* Tests for the usual cases first: device memory within its allocation, and the block's own dynamic
 * array. */
static inline bool is_plainly_inside(const Region *region, uintptr_t address, size_t bytes)
{
    if (region == nullptr || !region->live)
        return false;
    size_t at = address - region->begin;
    if (region->space == Space::shared)
        return region->block == watched->block && at + bytes <= grid->shared_arrays[0].bytes;
    return at + bytes <= region->end - region->begin;
}

static void check_bounds(const Region *region, uintptr_t address, size_t bytes, Access access,
                         uintptr_t pc)
{
    const char *wrong = nullptr;
    if (region == nullptr || address < region->begin)
        wrong = "in no allocation";
    else if (!region->live)
        wrong = "in freed memory";
    else if (region->space != Space::shared) {
        if (address + bytes > region->end)
            wrong = "beyond the end of its allocation";
    } else if (region->block == nullptr || region->block->cluster != watched->block->cluster)
        wrong = "in the shared memory of a block outside the cluster";
    else if (region->block->num_finished == grid->threads_per_block)
        wrong = "in the shared memory of a block that has ended";
    else if (!shared_holds(*region, address, bytes))
        wrong = "outside the block's shared arrays";
    if (wrong != nullptr)
        report_at(LYRNN_SIM_OUT_OF_BOUNDS, pc, "%s of %zu bytes at %#zx, %s (offset %zd, size %zu)",
                  access_name(access), bytes, static_cast<size_t>(address), wrong,
                  region == nullptr ? 0 : static_cast<ssize_t>(address - region->begin),
                  region == nullptr ? 0 : static_cast<size_t>(region->end - region->begin));
}

bool in_kernel()
{
    return watched != nullptr;
}

/* Returns whether initialization is tracked. Writes by the host to pinned memory and by kernels
 * without hooks are not seen. */
static inline bool checks_initialized(const Region &region)
{
    return has_hooks && region.space != Space::pinned;
}

void check_access(const void *memory, size_t bytes, Access access, uintptr_t pc)
{
    uintptr_t address = reinterpret_cast<uintptr_t>(memory), last = address + bytes;
    if (arena_begin == 0 || bytes == 0)
        return;
    if (watched == nullptr) {
        const Region *region = in_arena(address) ? region_at(address) : nullptr;
        if (running == nullptr && in_arena(address) &&
            (region == nullptr || region->space != Space::pinned))
            report_at(LYRNN_SIM_HOST_ACCESS, pc, "%s of device memory by host code",
                      access_name(access));
        return;
    }
    if (!in_arena(address)) {
        check_host_access(address, access, pc);
        return;
    }
    const Region *region = region_at(address);
    if (!is_plainly_inside(region, address, bytes))
        check_bounds(region, address, bytes, access, pc);
    bool initialized = checks_initialized(*region);
    while (address < last) {
        uintptr_t word = address / 4 * 4, stop = last < word + 4 ? last : word + 4;
        unsigned mask = (0xfu << (address - word) & 0xfu) & (0xfu >> (word + 4 - stop));
        check_cell(address, cell_at(word), static_cast<uint8_t>(mask), access, pc, initialized);
        address = stop;
    }
}

void report_misaligned(uintptr_t address, size_t alignment, uintptr_t pc)
{
    report_at(LYRNN_SIM_MISALIGNED, pc, "access to %#zx, which is not a multiple of %zu",
              static_cast<size_t>(address), alignment);
}

void check_aligned_access(const void *memory, size_t bytes, Access access, uintptr_t pc)
{
    uintptr_t address = reinterpret_cast<uintptr_t>(memory);
    if (bytes <= 8 && address % bytes == 0 && watched != nullptr && in_arena(address)) {
        const Region *region = region_at(address);
        if (!is_plainly_inside(region, address, bytes))
            check_bounds(region, address, bytes, access, pc);
        unsigned mask = bytes < 4 ? ((1u << bytes) - 1u) << address % 4 : 0xfu;
        bool initialized = checks_initialized(*region);
        check_cell(address, cell_at(address), static_cast<uint8_t>(mask), access, pc, initialized);
        if (bytes == 8)
            check_cell(address + 4, cell_at(address + 4), 0xf, access, pc, initialized);
        return;
    }
    if (address % bytes != 0 && watched != nullptr && in_arena(address))
        report_misaligned(address, bytes, pc);
    check_access(memory, bytes, access, pc);
}

} // namespace sim
