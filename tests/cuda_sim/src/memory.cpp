/* The address range that holds all simulated memory; see memory.h. Address space costs nothing:
 * pages of memory and of its shadow appear when they are first touched. */
#include "memory.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "asan.h"
#include "lyrnn_sim.h"

namespace sim
{

uintptr_t arena_begin;
Region **region_of_page;
Cell *cells;
bool has_hooks;

static uintptr_t next_address;
/* All regions that ever existed: a page keeps the region that it belonged to, even a freed one. */
static std::deque<Region> regions;

static void *reserve(size_t bytes, int protection)
{
    void *memory =
        mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "lyrnn_sim: cannot reserve %zu GiB of address space\n", bytes >> 30);
        abort();
    }
    return memory;
}

static void reserve_arena()
{
    arena_begin = reinterpret_cast<uintptr_t>(reserve(arena_bytes, PROT_NONE));
    region_of_page = static_cast<Region **>(
        reserve(arena_bytes / page_bytes * sizeof(Region *), PROT_READ | PROT_WRITE));
    cells = static_cast<Cell *>(reserve(arena_bytes / 4 * sizeof(Cell), PROT_READ | PROT_WRITE));
    next_address = arena_begin + page_bytes;
}

Region *region_create(size_t bytes, Space space)
{
    if (arena_begin == 0)
        reserve_arena();
    if (bytes > arena_bytes)
        return nullptr;
    size_t mapped = (bytes + page_bytes - 1) / page_bytes * page_bytes;
    if (mapped + 2 * page_bytes > arena_begin + arena_bytes - next_address)
        return nullptr;
    char *memory = reinterpret_cast<char *>(next_address);
    if (mprotect(memory, mapped, PROT_READ | PROT_WRITE) != 0)
        return nullptr;
    regions.push_back(
        {next_address, next_address + bytes, next_address + mapped, space, true, nullptr});
    Region *region = &regions.back();
    next_address += mapped + page_bytes;
    /* The page after the region refers to it too, so that a report of an overrun can name it. */
    for (uintptr_t page = region->begin; page <= region->limit; page += page_bytes)
        region_of_page[(page - arena_begin) / page_bytes] = region;
    if (space != Space::shared)
        memset(memory, 0xff, bytes);
    asan_poison(memory + bytes, mapped - bytes);
    return region;
}

/* Returns the whole pages within [begin, end) to the system. They read as zero from then on. */
static void drop_pages(uintptr_t begin, uintptr_t end)
{
    begin = (begin + page_bytes - 1) / page_bytes * page_bytes;
    end = end / page_bytes * page_bytes;
    if (begin < end)
        madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

void region_free(Region *region)
{
    void *memory = reinterpret_cast<void *>(region->begin);
    size_t mapped = region->limit - region->begin;
    region->live = false;
    drop_pages(region->begin, region->limit);
    drop_pages(reinterpret_cast<uintptr_t>(cell_at(region->begin)),
               reinterpret_cast<uintptr_t>(cell_at(region->limit)));
    mprotect(memory, mapped, PROT_NONE);
    asan_poison(memory, mapped);
}

Region *region_holding(const void *memory, size_t bytes)
{
    uintptr_t begin = reinterpret_cast<uintptr_t>(memory);
    if (arena_begin == 0 || !in_arena(begin))
        return nullptr;
    Region *region = region_at(begin);
    bool inside = region != nullptr && region->live && region->space != Space::shared &&
                  begin >= region->begin && begin <= region->end && bytes <= region->end - begin;
    return inside ? region : nullptr;
}

void mark_initialized(const void *memory, size_t bytes)
{
    uintptr_t begin = reinterpret_cast<uintptr_t>(memory), end = begin + bytes;
    if (!has_hooks)
        return;
    while (begin < end && begin % 4 != 0)
        cell_at(begin)->initialized |= static_cast<uint8_t>(1u << begin % 4), begin++;
    for (; begin + 4 <= end; begin += 4)
        cell_at(begin)->initialized = 0xf;
    for (; begin < end; begin++)
        cell_at(begin)->initialized |= static_cast<uint8_t>(1u << begin % 4);
}

static bool is_initialized(uintptr_t address)
{
    return (cell_at(address)->initialized >> address % 4 & 1) != 0;
}

void copy_initialized(const void *to, const void *from, size_t bytes)
{
    uintptr_t target = reinterpret_cast<uintptr_t>(to), source = reinterpret_cast<uintptr_t>(from);
    if (!has_hooks)
        return;
    for (size_t i = 0; i < bytes; i++) {
        Cell *cell = cell_at(target + i);
        uint8_t bit = static_cast<uint8_t>(1u << (target + i) % 4);
        cell->initialized = static_cast<uint8_t>(
            is_initialized(source + i) ? cell->initialized | bit : cell->initialized & ~bit);
    }
}

const void *find_uninitialized(const void *memory, size_t bytes)
{
    uintptr_t begin = reinterpret_cast<uintptr_t>(memory), end = begin + bytes;
    if (!has_hooks)
        return nullptr;
    for (uintptr_t at = begin; at < end; at++) {
        if (at % 4 == 0 && at + 4 <= end && cell_at(at)->initialized == 0xf) {
            at += 3;
            continue;
        }
        if (!is_initialized(at))
            return reinterpret_cast<const void *>(at);
    }
    return nullptr;
}

void poison_shared(uintptr_t begin, size_t bytes)
{
    void *memory = reinterpret_cast<void *>(begin);
    asan_unpoison(memory, bytes);
    memset(memory, 0xff, bytes);
    if (has_hooks)
        memset(static_cast<void *>(cell_at(begin)), 0, (bytes + 3) / 4 * sizeof(Cell));
}

} // namespace sim

extern "C" int lyrnn_sim_has_hooks(void)
{
    return sim::has_hooks;
}
