/* Device, pinned and shared memory, all in one address range, with a shadow cell per 4 bytes.
 *
 * Every allocation starts on its own page and is followed by an inaccessible page. Addresses are
 * never reused, so that a pointer to freed memory stays invalid. */
#ifndef LYRNN_SIM_MEMORY_H
#define LYRNN_SIM_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sim
{

struct Block;

enum class Space : uint8_t { device, pinned, shared };

struct Region {
    uintptr_t
        begin; /* [begin, end) may be accessed; shared memory: the most that a block may have */
    uintptr_t end;
    uintptr_t limit; /* start of the inaccessible page */
    Space space;
    bool live;
    /* Shared memory: the block that uses it now. */
    Block *block;
};

/* The time, the thread and the code address of the last access. */
struct Stamp {
    uint32_t time, thread, pc;
};

/* What is known about 4 bytes. The masks have one bit per byte. read_scope is the smallest group
 * that holds all readers since the last barrier (see access.cpp); read.thread is one of them. */
struct Cell {
    Stamp write, read;
    uint8_t write_mask, read_mask, initialized;
    uint8_t read_scope : 3, write_is_atomic : 1;
    /* For kernels that run as PTX (tests/ptx), where whole warps access memory: the lanes of
     * read.thread's warp that have read, and with which scope. */
    uint8_t write_scope, reading_scope;
    bool has_more_readers, has_more_writers, read_only;
    uint32_t reading_lanes;
};

constexpr size_t page_bytes = 4096;
constexpr size_t arena_bytes = size_t{64} << 30;
extern uintptr_t arena_begin;
extern Region **region_of_page;
extern Cell *cells;

inline bool in_arena(uintptr_t address)
{
    return address - arena_begin < arena_bytes;
}
inline Region *region_at(uintptr_t address)
{
    return region_of_page[(address - arena_begin) / page_bytes];
}
inline Cell *cell_at(uintptr_t address)
{
    return cells + (address - arena_begin) / 4;
}

/* Returns NULL if no addresses are left. Device memory starts as 0xFF bytes and counts as
 * uninitialized. */
Region *region_create(size_t bytes, Space space);
void region_free(Region *region);
/* Returns the live device or pinned region that holds all of [memory, memory + bytes), or NULL. */
Region *region_holding(const void *memory, size_t bytes);

/* The allocations of device and pinned memory, in the order of their addresses. */
std::vector<const Region *> live_regions();

/* For accesses by the host. They happen between kernels, so they cannot race with one. */
void mark_initialized(const void *memory, size_t bytes);
void copy_initialized(const void *to, const void *from, size_t bytes);
/* Returns the first byte that was never written, or NULL. Without hooks it is always NULL. */
const void *find_uninitialized(const void *memory, size_t bytes);

/* Fills shared memory with poison and resets its shadow cells. */
void poison_shared(uintptr_t begin, size_t bytes);

/* Constructors of instrumented object files set this. */
extern bool has_hooks;

} // namespace sim

#endif
