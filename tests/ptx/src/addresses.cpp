#include "addresses.h"

#include "memory.h" /* of the simulator */
#include "ptx_report.h"

namespace ptx
{

uint64_t address_of(Warp &warp, const Operand &operand, unsigned lane)
{
    const uint64_t base = operand.bytes == 4 ? row<uint32_t>(warp, operand)[lane]
                                             : row<uint64_t>(warp, operand)[lane];
    return base + static_cast<uint64_t>(static_cast<int64_t>(operand.offset));
}

template <typename T>
static void add_to_row(Warp &warp, const Operand &operand, uint64_t *addresses)
{
    const T *bases = row<T>(warp, operand);
    const uint64_t offset = static_cast<uint64_t>(static_cast<int64_t>(operand.offset));
    for (unsigned lane = 0; lane < num_lanes; lane++)
        addresses[lane] = bases[lane] + offset;
}

void addresses_of(Warp &warp, const Operand &operand, uint64_t *addresses)
{
    if (operand.bytes == 4)
        add_to_row<uint32_t>(warp, operand, addresses);
    else
        add_to_row<uint64_t>(warp, operand, addresses);
}

Block *block_at(uintptr_t address)
{
    for (Block &block : run->blocks)
        if (address >= block.shared->begin && address < block.shared->limit)
            return &block;
    return nullptr;
}

uintptr_t place_in_shared(Warp &warp, const Instruction &instruction, unsigned lane,
                          uint64_t address, Block **block)
{
    const uint64_t rank = address >> rank_shift;
    *block = warp.block;
    if (rank > warp.block->cluster->blocks.size())
        report(warp, instruction, lane, LYRNN_SIM_OUT_OF_BOUNDS,
               "%#zx is no address of shared memory in this cluster", static_cast<size_t>(address));
    if (rank != 0)
        *block = warp.block->cluster->blocks[rank - 1];
    if (*block != warp.block && !instruction.access.is_cluster)
        report(warp, instruction, lane, LYRNN_SIM_OUT_OF_BOUNDS,
               "%#zx is shared memory of block %zu of the cluster, which needs .shared::cluster",
               static_cast<size_t>(address), static_cast<size_t>(rank - 1));
    return (*block)->shared->begin + (address & ((1u << rank_shift) - 1));
}

static bool holds(uint32_t offset, size_t bytes)
{
    for (const SharedArray &array : run->program->shared) {
        const size_t size = array.is_dynamic ? run->launch->dynamic_bytes : array.bytes;
        if (offset >= array.offset && offset - array.offset < size &&
            bytes <= size - (offset - array.offset))
            return true;
    }
    return false;
}

static const char *wrong_in_shared(const Warp &warp, const Block &block, uintptr_t place,
                                   size_t bytes)
{
    if (block.cluster != warp.block->cluster)
        return "in the shared memory of a block outside the cluster";
    if (block.has_ended())
        return "in the shared memory of a block that has ended";
    return holds(static_cast<uint32_t>(place - block.shared->begin), bytes)
               ? nullptr
               : "outside the block's shared arrays";
}

static const char *wrong_in_device(const sim::Region *region, uintptr_t place, size_t bytes)
{
    if (region == nullptr || place < region->begin)
        return "in no allocation";
    if (!region->live)
        return "in freed memory";
    return place + bytes > region->end ? "beyond the end of its allocation" : nullptr;
}

/* What is wrong with a place outside the arena: a thread has its own local memory, and a launch its
 * parameters. */
static const char *wrong_outside(const Warp &warp, unsigned lane, uintptr_t place, size_t bytes)
{
    const Program &program = *warp.program;
    const uintptr_t local =
        reinterpret_cast<uintptr_t>(warp.local.data()) + lane * program.local_bytes;
    const uintptr_t parameters = reinterpret_cast<uintptr_t>(program.parameters.data());
    if (place >= local && place + bytes <= local + program.local_bytes)
        return nullptr;
    if (place >= parameters && place + bytes <= parameters + program.parameter_bytes)
        return nullptr;
    return place < sim::page_bytes ? "which is a null pointer" : "which is no device memory";
}

static uintptr_t place_of(Warp &warp, const Instruction &instruction, unsigned lane,
                          uint64_t address, Block **block)
{
    const Space space = instruction.access.space;
    if (space == Space::shared)
        return place_in_shared(warp, instruction, lane, address, block);
    const bool is_local =
        space == Space::local || (space == Space::param && address < warp.program->local_bytes);
    return is_local ? reinterpret_cast<uintptr_t>(warp.local.data()) +
                          lane * warp.program->local_bytes + address
                    : address;
}

char *memory_at(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address,
                size_t bytes, Use use, bool *is_checked)
{
    Block *block = nullptr;
    const uintptr_t place = place_of(warp, instruction, lane, address, &block);
    const char *wrong;
    *is_checked = sim::in_arena(place);
    if (!*is_checked) {
        wrong = wrong_outside(warp, lane, place, bytes);
    } else if (block != nullptr) {
        wrong = wrong_in_shared(warp, *block, place, bytes);
    } else {
        const sim::Region *region = sim::region_at(place);
        const bool is_shared = region != nullptr && region->space == sim::Space::shared;
        if (is_shared && instruction.access.space != Space::generic)
            wrong = "which is in shared memory";
        else if (is_shared && (block = block_at(place)) != nullptr)
            wrong = wrong_in_shared(warp, *block, place, bytes);
        else
            wrong = is_shared ? "in the shared memory of a block that has ended"
                              : wrong_in_device(region, place, bytes);
    }
    if (wrong != nullptr) {
        const bool is_host = !*is_checked && place >= sim::page_bytes;
        report(warp, instruction, lane, is_host ? LYRNN_SIM_HOST_ACCESS : LYRNN_SIM_OUT_OF_BOUNDS,
               "%s of %zu bytes at %#zx, %s", use == Use::read ? "read" : "write", bytes,
               static_cast<size_t>(address), wrong);
    }
    if (place % bytes != 0)
        report(warp, instruction, lane, LYRNN_SIM_MISALIGNED,
               "access to %#zx, which is not a multiple of %zu", static_cast<size_t>(address),
               bytes);
    return reinterpret_cast<char *>(place);
}

void read_memory(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address,
                 size_t bytes, void *to)
{
    bool is_checked;
    const char *from = memory_at(warp, instruction, lane, address, bytes, Use::read, &is_checked);
    if (is_checked)
        check_cells(warp, instruction, 1u << lane, reinterpret_cast<uintptr_t>(from), bytes,
                    Use::read);
    memcpy(to, from, bytes);
}

void write_memory(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address,
                  size_t bytes, const void *from)
{
    bool is_checked;
    char *to = memory_at(warp, instruction, lane, address, bytes, Use::write, &is_checked);
    if (is_checked)
        check_cells(warp, instruction, 1u << lane, reinterpret_cast<uintptr_t>(to), bytes,
                    Use::write);
    memcpy(to, from, bytes);
    run->progress++;
}

} // namespace ptx
