/* Device, pinned and shared memory, all in one range of addresses, and a shadow cell per 4 bytes of it.
 *
 * Every allocation begins a page of its own and is followed by an inaccessible one; addresses are never
 * given out twice, so that a pointer to freed memory stays wrong. */
#ifndef LYRNN_SIM_MEMORY_H
#define LYRNN_SIM_MEMORY_H

#include <cstddef>
#include <cstdint>

namespace sim
{

struct Block;

enum class Space : uint8_t { device, pinned, shared };

struct Region {
    uintptr_t begin,
        end;         /* what may be accessed; of shared memory: what a block may have at most */
    uintptr_t limit; /* begin of the inaccessible page                                        */
    Space space;
    bool live;
    Block *block; /* shared memory: the block that has it now */
};

/* When, by whom and where memory was accessed last. */
struct Stamp {
    uint32_t time, thread, pc;
};

/* What is known of 4 bytes. Masks have a bit a byte. read_scope says how far apart the readers since the
 * last barrier were (see shadow.cpp); read.thread is one of them. */
struct Cell {
    Stamp write, read;
    uint8_t write_mask, read_mask, initialised;
    uint8_t read_scope : 3, write_is_atomic : 1;
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

/* NULL when no addresses are left. Device memory comes filled with 0xFF bytes, uninitialised. */
Region *region_create(size_t bytes, Space space);
void region_free(Region *region);
/* The live device or pinned region that holds all of [memory, memory + bytes), or NULL. */
Region *region_holding(const void *memory, size_t bytes);

/* Host-side accesses, which come between kernels and so race with nothing. */
void mark_initialised(const void *memory, size_t bytes);
void copy_initialised(const void *to, const void *from, size_t bytes);
/* The first byte that nobody wrote, or NULL; always NULL without hooks. */
const void *find_uninitialised(const void *memory, size_t bytes);

/* Fills a stretch of shared memory with poison and forgets what was known of it. */
void poison_shared(uintptr_t begin, size_t bytes);

/* Set by the constructors of instrumented objects. */
extern bool has_hooks;

} // namespace sim

#endif
