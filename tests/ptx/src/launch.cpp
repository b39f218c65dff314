/* Runs the blocks of a launch, warp by warp, in an order drawn from the seed. */
#include <algorithm>

#include "block.h"
#include "copies.h"
#include "device.h" /* these three of the simulator */
#include "mbarrier.h"
#include "memory.h"
#include "modules.h"
#include "order.h"
#include "ptx_report.h"
#include "scheduler.h"

namespace ptx
{

Run *run;

namespace
{

constexpr size_t shared_bytes = 256 << 10;
std::vector<sim::Region *> idle_regions;

uint3 coordinates(unsigned rank, dim3 size)
{
    return uint3{rank % size.x, rank / size.x % size.y, rank / size.x / size.y};
}

void set_special(Warp &warp, Special special, uint32_t value)
{
    uint32_t *values = row<uint32_t>(warp, {static_cast<int32_t>(special), 0, false, 4});
    std::fill(values, values + num_lanes, value);
}

void set_specials(Warp &warp, Special first, uint3 value)
{
    set_special(warp, first, value.x);
    set_special(warp, static_cast<Special>(first + 1), value.y);
    set_special(warp, static_cast<Special>(first + 2), value.z);
}

uint3 quotient(uint3 a, dim3 b)
{
    return uint3{a.x / b.x, a.y / b.y, a.z / b.z};
}

uint3 remainder_of(uint3 a, dim3 b)
{
    return uint3{a.x % b.x, a.y % b.y, a.z % b.z};
}

uint3 as_uint3(dim3 a)
{
    return uint3{a.x, a.y, a.z};
}

void fill_lane_specials(Warp &warp)
{
    auto at = [&](unsigned special) {
        return row<uint32_t>(warp, {static_cast<int32_t>(special), 0, false, 4});
    };
    for (unsigned lane = 0; lane < num_lanes; lane++) {
        const uint3 thread = coordinates(warp.number * num_lanes + lane, run->launch->block);
        const uint32_t bit = 1u << lane;
        at(SPECIAL_TID_X)[lane] = thread.x;
        at(SPECIAL_TID_Y)[lane] = thread.y;
        at(SPECIAL_TID_Z)[lane] = thread.z;
        at(SPECIAL_LANEID)[lane] = lane;
        at(SPECIAL_LANEMASK_EQ)[lane] = bit;
        at(SPECIAL_LANEMASK_LT)[lane] = bit - 1;
        at(SPECIAL_LANEMASK_LE)[lane] = bit | (bit - 1);
        at(SPECIAL_LANEMASK_GT)[lane] = ~(bit | (bit - 1));
        at(SPECIAL_LANEMASK_GE)[lane] = ~(bit - 1);
    }
}

void fill_specials(Warp &warp)
{
    const sim::Launch &launch = *run->launch;
    const Block &block = *warp.block;
    fill_lane_specials(warp);
    set_specials(warp, SPECIAL_NTID_X, as_uint3(launch.block));
    set_specials(warp, SPECIAL_CTAID_X, block.index);
    set_specials(warp, SPECIAL_NCTAID_X, as_uint3(launch.grid));
    set_specials(warp, SPECIAL_CLUSTERID_X, quotient(block.index, launch.cluster));
    set_specials(warp, SPECIAL_NCLUSTERID_X, quotient(as_uint3(launch.grid), launch.cluster));
    set_specials(warp, SPECIAL_CLUSTER_CTAID_X, remainder_of(block.index, launch.cluster));
    set_specials(warp, SPECIAL_CLUSTER_NCTAID_X, as_uint3(launch.cluster));
    set_special(warp, SPECIAL_CLUSTER_CTARANK, block.rank);
    set_special(warp, SPECIAL_CLUSTER_NCTARANK, run->blocks_per_cluster);
    set_special(warp, SPECIAL_WARPID, warp.number);
    set_special(warp, SPECIAL_NWARPID, static_cast<uint32_t>(block.warps.size()));
    set_special(warp, SPECIAL_DYNAMIC_SMEM_SIZE, static_cast<uint32_t>(launch.dynamic_bytes));
    const uint32_t num_sms = static_cast<uint32_t>(sim::device().properties.multiProcessorCount);
    set_special(warp, SPECIAL_NSMID, num_sms);
    set_special(warp, SPECIAL_SMID, block.serial % num_sms);
    const uint64_t barrier =
        launch.cooperative ? reinterpret_cast<uintptr_t>(run->grid_barrier) : 0;
    set_special(warp, SPECIAL_ENVREG1, static_cast<uint32_t>(barrier >> 32));
    set_special(warp, SPECIAL_ENVREG2, static_cast<uint32_t>(barrier));
}

void begin_warps(Block &block)
{
    const uint32_t num = run->threads_per_block;
    block.warps.resize((num + num_lanes - 1) / num_lanes);
    for (uint32_t i = 0; i < block.warps.size(); i++) {
        Warp &warp = block.warps[i];
        const uint32_t left = num - i * num_lanes;
        warp.block = &block;
        warp.program = run->program;
        warp.number = i;
        warp.first_thread = block.serial * num + i * num_lanes;
        warp.exists = left >= num_lanes ? all_lanes : (1u << left) - 1;
        warp.groups = {{0, warp.exists, Wait::nothing, 0}};
        warp.registers.resize(run->program->num_rows * row_bytes / 8);
        warp.local.resize(static_cast<size_t>(run->program->local_bytes) * num_lanes);
        fill_specials(warp);
    }
}

void begin_block(Cluster &cluster, unsigned serial, uint3 index)
{
    run->blocks.emplace_back();
    Block &block = run->blocks.back();
    block.cluster = &cluster;
    block.rank = static_cast<uint32_t>(cluster.blocks.size());
    block.serial = serial;
    block.index = index;
    block.num_threads = run->threads_per_block;
    if (idle_regions.empty())
        idle_regions.push_back(sim::region_create(shared_bytes, sim::Space::shared));
    block.shared = idle_regions.back();
    idle_regions.pop_back();
    for (const SharedArray &array : run->program->shared)
        sim::poison_shared(block.shared->begin + array.offset,
                           array.is_dynamic ? run->launch->dynamic_bytes : array.bytes);
    Knowledge nothing = {};
    nothing.block_time = nothing.warp_time = run->begin_time;
    block.knowledge.assign(block.num_threads, nothing);
    cluster.blocks.push_back(&block);
    begin_warps(block);
}

/* Starts the blocks of cluster number `serial`. */
void begin_cluster(unsigned serial)
{
    const dim3 size = run->launch->cluster, grid = run->launch->grid;
    const uint3 at = coordinates(serial, dim3(grid.x / size.x, grid.y / size.y, grid.z / size.z));
    run->clusters.emplace_back();
    for (unsigned rank = 0; rank < run->blocks_per_cluster; rank++) {
        const uint3 within = coordinates(rank, size);
        begin_block(
            run->clusters.back(), serial * run->blocks_per_cluster + rank,
            uint3{at.x * size.x + within.x, at.y * size.y + within.y, at.z * size.z + within.z});
    }
}

/* Whether some thread of the block knows of an access. */
bool block_knows(Block &block, uint32_t thread, uint32_t time)
{
    for (Warp &warp : block.warps)
        for (Lanes lanes = warp.exists; lanes != 0; lanes &= lanes - 1)
            if (knows(warp, static_cast<unsigned>(__builtin_ctz(lanes)), thread, time))
                return true;
    return false;
}

void check_end(Block &block, uint32_t thread, uint32_t time)
{
    const bool is_theirs = thread / run->threads_per_block != block.serial;
    if (is_theirs && time >= run->begin_time && !block_knows(block, thread, time))
        report(block.warps[0], run->program->instructions.back(), 0, LYRNN_SIM_RACE,
               "the block ends while other blocks of its cluster access its shared memory; "
               "call cluster.sync() first");
}

/* Reports accesses of other blocks to the shared memory of a block that ends, unless a thread of it
 * knows of them. */
void end_block(Block &block)
{
    if (run->blocks_per_cluster == 1)
        return;
    for (const SharedArray &array : run->program->shared) {
        const uintptr_t begin = block.shared->begin + array.offset;
        const size_t bytes = array.is_dynamic ? run->launch->dynamic_bytes : array.bytes;
        for (uintptr_t at = begin; at < begin + bytes; at += 4) {
            const sim::Cell &cell = *sim::cell_at(at);
            if (cell.write_mask != 0)
                check_end(block, cell.write.thread, cell.write.time);
            for (Lanes lanes = cell.read_mask != 0 ? cell.reading_lanes : 0; lanes != 0;
                 lanes &= lanes - 1)
                check_end(block, cell.read.thread + static_cast<uint32_t>(__builtin_ctz(lanes)),
                          cell.read.time);
        }
    }
}

void run_one(Warp &warp)
{
    const unsigned quantum =
        sim::order_is_drawn() ? 1 + static_cast<unsigned>(sim::draw(100)) : 1000;
    const Lanes exited = warp.exited;
    run_warp(warp, quantum);
    Block &block = *warp.block;
    block.num_exited += static_cast<unsigned>(__builtin_popcount(warp.exited & ~exited));
    if (warp.exited != exited && block.has_ended())
        end_block(block);
}

/* No warp can continue, or all of them poll in vain. */
[[noreturn]] void report_standstill(bool they_poll)
{
    for (Block &block : run->blocks)
        for (Warp &warp : block.warps)
            for (const Group &group : warp.groups) {
                const unsigned lane = static_cast<unsigned>(__builtin_ctz(group.lanes));
                const Instruction &instruction = run->program->instructions[group.next];
                if (they_poll)
                    report(warp, instruction, lane, LYRNN_SIM_DIVERGENT_BARRIER,
                           "this thread polls for what never comes: a flag that nobody sets, or a "
                           "phase of an mbarrier that is never completed");
                report(warp, instruction, lane, LYRNN_SIM_DIVERGENT_BARRIER,
                       "%u of %u threads of the block have ended, and the others wait for ever, "
                       "this one here",
                       block.num_exited, block.num_threads);
            }
    abort(); /* nobody is left, so the launch has ended */
}

bool all_have_ended()
{
    return std::all_of(run->blocks.begin(), run->blocks.end(),
                       [](const Block &block) { return block.has_ended(); });
}

/* A loop that polls reads at every few branches. */
constexpr unsigned most_branches_of_poll = 64;

/* Runs once each warp that can continue. Returns whether there was one, and whether one computed.
 */
bool run_round(std::vector<Warp *> &warps, bool *has_computed)
{
    if (sim::order_is_drawn())
        for (size_t i = warps.size(); i > 1; i--)
            std::swap(warps[i - 1], warps[sim::draw(i)]);
    bool has_run = false;
    for (Warp *warp : warps)
        if (is_ready(*warp)) {
            run_one(*warp);
            *has_computed |= warp->branches_since_poll > most_branches_of_poll;
            has_run = true;
        }
    return has_run;
}

/* Runs all blocks that are on the device to their end. Asynchronous copies complete as late as
 * possible, or when the seed says so. */
void run_resident()
{
    constexpr unsigned most_idle_rounds = 200, most_rounds_without_store = 1u << 18;
    std::vector<Warp *> warps;
    for (Block &block : run->blocks)
        for (Warp &warp : block.warps)
            warps.push_back(&warp);
    unsigned num_idle = 0, num_without_store = 0;
    while (!all_have_ended()) {
        const uint64_t before = run->progress;
        bool has_computed = false;
        const bool has_run = run_round(warps, &has_computed);
        num_without_store = run->progress == before ? num_without_store + 1 : 0;
        const bool is_idle = !has_run || (run->progress == before && !has_computed);
        num_idle = is_idle ? num_idle + 1 : 0;
        if (num_idle > 2 ? complete_phase()
                         : sim::order_is_drawn() && sim::draw(4) == 0 && complete_copy())
            num_idle = 0;
        if (!has_run && num_idle > 3)
            report_standstill(false);
        if (num_idle > most_idle_rounds || num_without_store > most_rounds_without_store)
            report_standstill(true);
    }
    run->is_ending = true;
    while (complete_copy())
        continue;
    run->is_ending = false;
}

void end_resident()
{
    for (Block &block : run->blocks)
        idle_regions.push_back(block.shared);
    run->blocks.clear();
    run->clusters.clear();
    run->mbarriers.clear();
    forget_copies();
}

/* What grid.sync() of cooperative groups counts in. It stays as a launch leaves it. */
uint32_t *grid_barrier_memory()
{
    static sim::Region *region = nullptr;
    if (region == nullptr) {
        region = sim::region_create(256, sim::Space::device);
        memset(reinterpret_cast<void *>(region->begin), 0, 256);
        sim::mark_initialized(reinterpret_cast<void *>(region->begin), 256);
    }
    return reinterpret_cast<uint32_t *>(region->begin);
}

void run_clusters()
{
    std::vector<unsigned> order(run->num_blocks / run->blocks_per_cluster);
    for (unsigned i = 0; i < order.size(); i++)
        order[i] = i;
    if (sim::order_is_drawn())
        for (size_t i = order.size(); i > 1; i--)
            std::swap(order[i - 1], order[sim::draw(i)]);
    for (size_t i = 0; i < order.size(); i++) {
        begin_cluster(order[i]);
        if (run->launch->cooperative && i + 1 < order.size())
            continue;
        run_resident();
        end_resident();
    }
}

} // namespace

void run_launch(const sim::Launch &launch)
{
    const cudaDeviceProp &properties = sim::device().properties;
    Run new_run = {};
    run = &new_run;
    run->launch = &launch;
    run->program = &program_of(launch.call.kernel, properties.major * 10 + properties.minor);
    run->begin_time = ++sim::clock_now;
    run->threads_per_block = launch.block.x * launch.block.y * launch.block.z;
    run->blocks_per_cluster = launch.cluster.x * launch.cluster.y * launch.cluster.z;
    run->num_blocks = launch.grid.x * launch.grid.y * launch.grid.z;
    run->grid_barrier = grid_barrier_memory();
    launch.call.pack(launch.call.arguments.get(), run->program->parameters.data());
    try {
        run_clusters();
    } catch (const Canceled &) {
        end_resident();
    }
    run = nullptr;
}

} // namespace ptx
