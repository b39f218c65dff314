/* Instructions that turn addresses of one state space into those of another. */
#include "addresses.h"
#include "memory.h" /* of the simulator */
#include "ptx_report.h"

namespace ptx
{

namespace
{

/* Which conversion a handler does. */
enum Conversion : uint8_t {
    SAME,
    SHARED_TO_GENERIC,
    GENERIC_TO_SHARED,
    LOCAL_TO_GENERIC,
    GENERIC_TO_LOCAL
};

uint64_t local_begin(const Warp &warp, unsigned lane)
{
    return reinterpret_cast<uintptr_t>(warp.local.data()) +
           lane * static_cast<uint64_t>(warp.program->local_bytes);
}

/* A peer's block is named by its rank, the own one by 0. */
uint64_t window_address(const Warp &warp, const Block &block, uint64_t generic)
{
    const uint64_t rank = &block == warp.block ? 0 : block.rank + 1;
    return rank << rank_shift | (generic - block.shared->begin);
}

uint64_t generic_to_shared(Warp &warp, const Instruction &instruction, unsigned lane,
                           uint64_t generic)
{
    Block *block = block_at(generic);
    if (block == nullptr || block->cluster != warp.block->cluster)
        report(warp, instruction, lane, LYRNN_SIM_OUT_OF_BOUNDS,
               "%#zx is no generic address of shared memory", static_cast<size_t>(generic));
    return window_address(warp, *block, generic);
}

void convert_address(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        uint64_t address = row<uint64_t>(warp, instruction.operands[1])[lane];
        Block *block;
        switch (instruction.variant) {
        case SHARED_TO_GENERIC:
            address = place_in_shared(warp, instruction, lane, address, &block);
            break;
        case GENERIC_TO_SHARED:
            address = generic_to_shared(warp, instruction, lane, address);
            break;
        case LOCAL_TO_GENERIC:
            address += local_begin(warp, lane);
            break;
        case GENERIC_TO_LOCAL:
            address -= local_begin(warp, lane);
            break;
        default:
            break;
        }
        row<uint64_t>(warp, instruction.operands[0])[lane] = address;
    });
}

uint32_t checked_rank(Warp &warp, const Instruction &instruction, unsigned lane)
{
    const uint32_t rank = row<uint32_t>(warp, instruction.operands[2])[lane];
    if (rank >= warp.block->cluster->blocks.size())
        report(warp, instruction, lane, LYRNN_SIM_OUT_OF_BOUNDS,
               "rank %u is not in the cluster of %zu blocks", rank,
               warp.block->cluster->blocks.size());
    return rank;
}

/* mapa: the same place in the shared memory of another block. */
void map_address(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        const uint64_t generic = row<uint64_t>(warp, instruction.operands[1])[lane];
        const Block *own = block_at(generic);
        const uint32_t rank = checked_rank(warp, instruction, lane);
        if (own == nullptr || own->cluster != warp.block->cluster)
            report(warp, instruction, lane, LYRNN_SIM_OUT_OF_BOUNDS,
                   "%#zx is no address of shared memory in this cluster",
                   static_cast<size_t>(generic));
        row<uint64_t>(warp, instruction.operands[0])[lane] =
            generic - own->shared->begin + own->cluster->blocks[rank]->shared->begin;
    });
}

template <typename T>
void map_window_address(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        const T offset = row<T>(warp, instruction.operands[1])[lane] & ((1u << rank_shift) - 1);
        const uint32_t rank = checked_rank(warp, instruction, lane);
        row<T>(warp, instruction.operands[0])[lane] =
            static_cast<T>(static_cast<T>(rank + 1) << rank_shift | offset);
    });
}

/* getctarank: the rank of the block whose shared memory holds the address. */
void rank_of_address(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const Operand &from = instruction.operands[1];
    for_each_lane(lanes, [&](unsigned lane) {
        uint64_t address =
            from.bytes == 8 ? row<uint64_t>(warp, from)[lane] : row<uint32_t>(warp, from)[lane];
        if (instruction.variant == GENERIC_TO_SHARED)
            address = generic_to_shared(warp, instruction, lane, address);
        const uint32_t named = static_cast<uint32_t>(address >> rank_shift);
        row<uint32_t>(warp, instruction.operands[0])[lane] =
            named == 0 ? warp.block->rank : named - 1;
    });
}

/* isspacep: whether a generic address is of this space. */
void is_in_space(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    Lanes result = 0;
    for_each_lane(lanes, [&](unsigned lane) {
        const uint64_t address = row<uint64_t>(warp, instruction.operands[1])[lane];
        const Block *block = block_at(address);
        const uint64_t local = address - local_begin(warp, lane);
        const Space space = local < warp.program->local_bytes ? Space::local
                            : block != nullptr                ? Space::shared
                                                              : Space::global;
        const bool is_peer = block != nullptr && block != warp.block;
        result |= (space == instruction.access.space && !(is_peer && instruction.variant != 0))
                      ? 1u << lane
                      : 0;
    });
    set_predicate(warp, instruction.operands[0], lanes, result);
}

void nothing(Warp &, const Instruction &, Lanes)
{
}

Form space_form(Space space, uint8_t is_own_only)
{
    Form form = {is_in_space, "pd", Kind::plain, is_own_only};
    form.access.space = space;
    return form;
}

} // namespace

void add_address_forms(Forms *forms)
{
    Forms &all = *forms;
    for (const char *space : {"global", "const", "param", "param::entry"}) {
        all[std::string("cvta.") + space + ".u64"] = {convert_address, "dd", Kind::plain, SAME};
        all[std::string("cvta.to.") + space + ".u64"] = {convert_address, "dd", Kind::plain, SAME};
    }
    for (const char *space : {"shared", "shared::cta", "shared::cluster"}) {
        Form form = {convert_address, "dd", Kind::plain, SHARED_TO_GENERIC};
        form.access.is_cluster = strcmp(space, "shared::cluster") == 0;
        all[std::string("cvta.") + space + ".u64"] = form;
        all[std::string("cvta.to.") + space + ".u64"] = {convert_address, "dd", Kind::plain,
                                                         GENERIC_TO_SHARED};
    }
    all["cvta.local.u64"] = {convert_address, "dd", Kind::plain, LOCAL_TO_GENERIC};
    all["cvta.to.local.u64"] = {convert_address, "dd", Kind::plain, GENERIC_TO_LOCAL};
    all["mapa.u64"] = {map_address, "ddw"};
    all["mapa.shared::cluster.u32"] = {map_window_address<uint32_t>, "www"};
    all["mapa.shared::cluster.u64"] = {map_window_address<uint64_t>, "ddw"};
    all["getctarank.u64"] = {rank_of_address, "wd", Kind::plain, GENERIC_TO_SHARED};
    all["getctarank.shared::cluster.u32"] = {rank_of_address, "ww", Kind::plain, SAME};
    all["getctarank.shared::cluster.u64"] = {rank_of_address, "wd", Kind::plain, SAME};
    all["isspacep.global"] = space_form(Space::global, 0);
    all["isspacep.local"] = space_form(Space::local, 0);
    all["isspacep.shared"] = space_form(Space::shared, 1);
    all["isspacep.shared::cta"] = space_form(Space::shared, 1);
    all["isspacep.shared::cluster"] = space_form(Space::shared, 0);
    for (const char *hint :
         {"prefetch.global.L1", "prefetch.global.L2", "prefetch.L1", "prefetch.L2", "prefetchu.L1"})
        all[hint] = {nothing, "a"};
}

} // namespace ptx
