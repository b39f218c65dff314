/* The shared memory of blocks. Each running block has a part of the arena. The dynamic array comes
 * first, then the declared arrays in the order in which the launch first uses them, with gaps in
 * between. */
#include "shared.h"

#include <algorithm>

#include "cooperative_groups.h"
#include "grid.h"
#include "report.h"

namespace sim
{

static constexpr size_t slot_bytes = 256 << 10;
static constexpr size_t gap_bytes = 128;

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static void poison_arrays(Block *block)
{
    for (; block->num_poisoned < grid->shared_arrays.size(); block->num_poisoned++) {
        const SharedArray &array = grid->shared_arrays[block->num_poisoned];
        poison_shared(block->shared->begin + array.offset, array.bytes);
    }
}

void shared_begin_block(Block *block)
{
    if (block->shared == nullptr)
        block->shared = region_create(slot_bytes, Space::shared);
    block->shared->block = block;
    block->num_poisoned = 0;
    asan_poison_slot(*block->shared);
    poison_arrays(block);
}

bool shared_holds(const Region &region, uintptr_t address, size_t bytes)
{
    for (const SharedArray &array : grid->shared_arrays) {
        size_t at = address - region.begin - array.offset;
        if (at < array.bytes && bytes <= array.bytes - at)
            return true;
    }
    return false;
}

static const SharedArray &declare(const void *key, size_t bytes, size_t alignment)
{
    for (const SharedArray &array : grid->shared_arrays)
        if (array.key == key)
            return array;
    size_t used = bytes;
    for (const SharedArray &array : grid->shared_arrays)
        used += array.bytes;
    const SharedArray &last = grid->shared_arrays.back();
    size_t offset =
        round_up(last.offset + last.bytes + gap_bytes, alignment > 128 ? alignment : 128);
    if (used > grid->launch->shared_limit || offset + bytes > slot_bytes)
        report(LYRNN_SIM_BAD_ARGUMENT, "%zu bytes of shared memory requested, a block may have %zu",
               used, grid->launch->shared_limit);
    grid->shared_arrays.push_back({key, offset, bytes});
    for (Cluster *cluster : grid->resident)
        for (unsigned rank = 0; rank < grid->blocks_per_cluster; rank++)
            poison_arrays(cluster->blocks[rank]);
    return grid->shared_arrays.back();
}

void shared_end_block(const Block &block)
{
    if (grid->blocks_per_cluster == 1 || !has_hooks)
        return;
    const uint32_t last_barrier = std::max(block.cluster->time, grid->time);
    for (const SharedArray &array : grid->shared_arrays) {
        uintptr_t begin = block.shared->begin + array.offset;
        for (uintptr_t at = begin; at < begin + array.bytes; at += 4) {
            const Cell &cell = *cell_at(at);
            for (const Stamp *stamp : {&cell.write, &cell.read}) {
                bool theirs =
                    stamp->time != 0 && stamp->thread / grid->threads_per_block != block.serial;
                bool some_of_theirs = stamp == &cell.read && cell.read_scope >= 3;
                if ((theirs || some_of_theirs) && stamp->time >= last_barrier)
                    report(LYRNN_SIM_RACE,
                           "block (%u,%u,%u) ends while other blocks of its cluster access its "
                           "shared memory; call cluster.sync() first",
                           block.index.x, block.index.y, block.index.z);
                if (grid->canceled)
                    return;
            }
        }
    }
}

} // namespace sim

using namespace sim;

void *lyrnn_sim_static_shared(const void *key, size_t bytes, size_t alignment)
{
    Thread *self = kernel_thread("LYRNN_SHARED");
    Inside inside;
    return reinterpret_cast<void *>(self->block->shared->begin +
                                    declare(key, bytes, alignment).offset);
}

void *lyrnn_sim_dynamic_shared()
{
    return reinterpret_cast<void *>(kernel_thread("LYRNN_DYNAMIC_SHARED")->block->shared->begin);
}

void *lyrnn_sim_map_shared(const void *address, unsigned rank)
{
    const Block *block = kernel_thread("map_shared_rank")->block;
    Inside inside;
    uintptr_t offset = reinterpret_cast<uintptr_t>(address) - block->shared->begin;
    if (rank >= grid->blocks_per_cluster || offset >= slot_bytes)
        report(LYRNN_SIM_OUT_OF_BOUNDS,
               "map_shared_rank: the address is not in shared memory, or rank %u "
               "is not in the cluster of %u blocks",
               rank, grid->blocks_per_cluster);
    return reinterpret_cast<void *>(block->cluster->blocks[rank]->shared->begin + offset);
}
