/* Barriers of warps, blocks and clusters, and fences. */
#include "block.h"
#include "order.h"
#include "ptx_report.h"

namespace ptx
{

namespace
{

/* What a barrier instruction does. */
constexpr uint8_t ARRIVES_ONLY = 1, IS_ALIGNED = 2, COUNTS = 4, ALL = 8, ANY = 16, IS_RELAXED = 32;

uint32_t uniform(Warp &warp, const Instruction &instruction, const Operand &operand, Lanes lanes)
{
    const uint32_t *values = row<uint32_t>(warp, operand);
    const uint32_t value = values[__builtin_ctz(lanes)];
    for_each_lane(lanes, [&](unsigned lane) {
        if (values[lane] != value)
            report(warp, instruction, lane, LYRNN_SIM_DIVERGENT_BARRIER,
                   "the lanes of a warp name different barriers or numbers of threads");
    });
    return value;
}

/* Calls function(warp, group) for the groups that wait at this barrier of the block. */
template <typename F> void for_each_waiting(Block &block, unsigned number, F &&function)
{
    for (Warp &warp : block.warps)
        for (Group &group : warp.groups)
            if (group.wait == Wait::barrier && group.barrier == number)
                function(warp, group);
}

/* The result of barrier.red, for those who waited. */
void set_result(Warp &warp, const Group &group, const Barrier &barrier)
{
    const Instruction &instruction = warp.program->instructions[group.next];
    const unsigned num_true = barrier.num_true;
    const Operand &to = instruction.operands[0];
    if ((instruction.variant & COUNTS) != 0)
        for_each_lane(group.lanes,
                      [&](unsigned lane) { row<uint32_t>(warp, to)[lane] = num_true; });
    if ((instruction.variant & (ALL | ANY)) == 0)
        return;
    const bool is_true =
        (instruction.variant & ALL) != 0 ? num_true == barrier.arrived : num_true > 0;
    set_predicate(warp, to, group.lanes, is_true ? all_lanes : 0);
}

void complete(Block &block, unsigned number)
{
    Barrier &barrier = block.barriers[number];
    unsigned num_waiting = 0;
    for_each_waiting(block, number, [&](Warp &warp, Group &group) {
        num_waiting += static_cast<unsigned>(__builtin_popcount(group.lanes));
        set_result(warp, group, barrier);
    });
    if (num_waiting == block.num_threads) {
        synchronize_block(block);
    } else {
        for_each_waiting(block, number, [&](Warp &warp, Group &group) {
            barrier.gathered.join(*released_clock(warp, group.lanes));
        });
        for_each_waiting(block, number, [&](Warp &warp, Group &group) {
            acquire(warp, group.lanes, barrier.gathered);
        });
    }
    for (Warp &warp : block.warps)
        release(warp, Wait::barrier, number);
    barrier = Barrier{};
    run->progress++;
}

void note_predicate(Warp &warp, const Instruction &instruction, Lanes lanes, Barrier *barrier)
{
    if ((instruction.variant & (COUNTS | ALL | ANY)) != 0)
        barrier->num_true += static_cast<unsigned>(
            __builtin_popcount(lanes & predicate(warp, instruction.operands[3])));
}

/* bar and barrier.cta. The operands are: [result,] number, threads [, predicate]. */
void block_barrier(Warp &warp, const Instruction &instruction, Lanes)
{
    const bool is_aligned = (instruction.variant & IS_ALIGNED) != 0;
    if (is_aligned && !gather(warp, all_lanes))
        return;
    const Lanes lanes = warp.group().lanes;
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
    const bool is_reduction = (instruction.variant & (COUNTS | ALL | ANY)) != 0;
    const Operand *operands = instruction.operands + is_reduction;
    const unsigned number = uniform(warp, instruction, operands[0], lanes);
    const bool has_count = operands[1].bytes != 0;
    Block &block = *warp.block;
    const unsigned expected =
        has_count ? uniform(warp, instruction, operands[1], lanes) : block.num_threads;
    if (number >= num_barriers || expected == 0 || (has_count && expected % num_lanes != 0))
        report(warp, instruction, lane, LYRNN_SIM_BAD_ARGUMENT,
               "barrier %u for %u threads: there are %u barriers, and whole warps take part",
               number, expected, num_barriers);
    Barrier &barrier = block.barriers[number];
    if (barrier.arrived > 0 && barrier.expected != expected)
        report(warp, instruction, lane, LYRNN_SIM_DIVERGENT_BARRIER,
               "barrier %u waits for %u threads here, and for %u at line %d", number, expected,
               barrier.expected, barrier.first->statement->line);
    if (barrier.arrived == 0)
        barrier.first = &instruction;
    barrier.expected = expected;
    barrier.arrived +=
        is_aligned && has_count ? num_lanes : static_cast<unsigned>(__builtin_popcount(lanes));
    note_predicate(warp, instruction, lanes, &barrier);
    if ((instruction.variant & ARRIVES_ONLY) != 0)
        barrier.gathered.join(*released_clock(warp, lanes));
    else
        wait_for(warp, Wait::barrier, number);
    if (barrier.arrived >= expected)
        complete(block, number);
}

/* Tiles of a warp may synchronize at the same time, each with its own mask. */
void warp_barrier(Warp &warp, const Instruction &instruction, Lanes)
{
    const uint32_t *masks = meet(warp, instruction, instruction.operands[0]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes;
    for (Lanes rest = lanes; rest != 0;) {
        const Lanes members = masks[__builtin_ctz(rest)] & lanes;
        synchronize_lanes(warp, members);
        rest &= ~members;
    }
}

/* ---- clusters ---------------------------------------------------------------------------------
 */

void pass_cluster(Warp &warp, Lanes lanes)
{
    acquire(warp, lanes, warp.block->cluster->completed);
    warp.arrived_at_cluster &= ~lanes;
    warp.may_leave_cluster &= ~lanes;
}

void complete_cluster(Cluster &cluster)
{
    cluster.completed = std::move(cluster.barrier.gathered);
    cluster.barrier = Barrier{};
    for (Block *block : cluster.blocks)
        for (Warp &warp : block->warps) {
            for (const Group &group : warp.groups)
                if (group.wait == Wait::cluster)
                    pass_cluster(warp, group.lanes);
            release(warp, Wait::cluster, 0);
            warp.may_leave_cluster = warp.arrived_at_cluster;
        }
    run->progress++;
}

void arrive_at_cluster(Warp &warp, const Instruction &instruction, Lanes)
{
    if ((instruction.variant & IS_ALIGNED) != 0 && !gather(warp, all_lanes))
        return;
    const Lanes lanes = warp.group().lanes;
    Cluster &cluster = *warp.block->cluster;
    if ((warp.arrived_at_cluster & lanes) != 0)
        report(warp, instruction, static_cast<unsigned>(__builtin_ctz(lanes)),
               LYRNN_SIM_DIVERGENT_BARRIER,
               "a thread arrives at the cluster's barrier twice without waiting");
    warp.arrived_at_cluster |= lanes;
    if ((instruction.variant & IS_RELAXED) == 0)
        cluster.barrier.gathered.join(*released_clock(warp, lanes));
    else
        for_each_lane(lanes, [&](unsigned lane) {
            if (const Clock *clock = fenced_clock(warp, lane, Scope::cluster))
                cluster.barrier.gathered.join(*clock);
        });
    cluster.barrier.arrived += static_cast<unsigned>(__builtin_popcount(lanes));
    if (cluster.barrier.arrived == run->threads_per_block * run->blocks_per_cluster)
        complete_cluster(cluster);
}

void wait_at_cluster(Warp &warp, const Instruction &instruction, Lanes)
{
    if ((instruction.variant & IS_ALIGNED) != 0 && !gather(warp, all_lanes))
        return;
    const Lanes lanes = warp.group().lanes;
    if ((lanes & ~warp.arrived_at_cluster) != 0)
        report(warp, instruction,
               static_cast<unsigned>(__builtin_ctz(lanes & ~warp.arrived_at_cluster)),
               LYRNN_SIM_DIVERGENT_BARRIER,
               "a thread waits at the cluster's barrier without having arrived");
    const Lanes leaving = lanes & warp.may_leave_cluster;
    if (leaving == 0) {
        wait_for(warp, Wait::cluster, 0);
        return;
    }
    /* Other lanes of the group may have arrived at the next barrier already. */
    if (leaving != lanes)
        split_group(warp, leaving, warp.group().next);
    pass_cluster(warp, leaving);
}

/* ---- fences and the rest ----------------------------------------------------------------------
 */

void memory_fence(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) { fence(warp, lane, instruction.access.scope); });
}

/* What the thread knows becomes visible to asynchronous copies. */
void proxy_fence(Warp &warp, const Instruction &, Lanes lanes)
{
    const uint32_t now = ++sim::clock_now;
    for_each_lane(lanes, [&](unsigned lane) { knowledge_of(warp, lane).proxy_time = now; });
}

void give_way(Warp &warp, const Instruction &, Lanes)
{
    warp.has_yielded = true;
}

void nothing(Warp &, const Instruction &, Lanes)
{
}

void trap(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    report(warp, instruction, static_cast<unsigned>(__builtin_ctz(lanes)), LYRNN_SIM_OUT_OF_BOUNDS,
           "the kernel ends itself with trap");
}

/* %clock, %clock64 and %globaltimer: every read is later than the one before. */
template <typename T> void read_time(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    static uint64_t time = 1u << 20;
    time += 32;
    for_each_lane(lanes, [&](unsigned lane) {
        row<T>(warp, instruction.operands[0])[lane] = static_cast<T>(time);
    });
}

void add_block_barriers(Forms *forms)
{
    const Kind kind = Kind::meeting;
    for (const char *aligned : {"", ".aligned"})
        for (const char *prefix : {"bar", "barrier", "bar.cta", "barrier.cta"}) {
            const std::string name = prefix, end = aligned;
            const bool is_aligned = !end.empty() || name.compare(0, 4, "barr") != 0;
            const uint8_t base = is_aligned ? IS_ALIGNED : 0;
            (*forms)[name + ".sync" + end] = {block_barrier, "wW", kind, base};
            (*forms)[name + ".arrive" + end] = {block_barrier, "ww", kind,
                                                static_cast<uint8_t>(base | ARRIVES_ONLY)};
            (*forms)[name + ".red.popc" + end + ".u32"] = {block_barrier, "wwWp", kind,
                                                           static_cast<uint8_t>(base | COUNTS)};
            (*forms)[name + ".red.and" + end + ".pred"] = {block_barrier, "pwWp", kind,
                                                           static_cast<uint8_t>(base | ALL)};
            (*forms)[name + ".red.or" + end + ".pred"] = {block_barrier, "pwWp", kind,
                                                          static_cast<uint8_t>(base | ANY)};
        }
    (*forms)["bar.warp.sync"] = {warp_barrier, "w", kind};
}

void add_cluster_barriers(Forms *forms)
{
    const Kind kind = Kind::meeting;
    for (const char *aligned : {"", ".aligned"}) {
        const std::string end = aligned;
        const uint8_t base = end.empty() ? 0 : IS_ALIGNED;
        for (const char *order : {"", ".release"})
            (*forms)["barrier.cluster.arrive" + std::string(order) + end] = {arrive_at_cluster, "",
                                                                             kind, base};
        (*forms)["barrier.cluster.arrive.relaxed" + end] = {
            arrive_at_cluster, "", kind, static_cast<uint8_t>(base | IS_RELAXED)};
        for (const char *order : {"", ".acquire"})
            (*forms)["barrier.cluster.wait" + std::string(order) + end] = {wait_at_cluster, "",
                                                                           kind, base};
    }
}

Form fence_form(Scope scope)
{
    Form form = {memory_fence, ""};
    form.access.scope = scope;
    return form;
}

void add_fences(Forms *forms)
{
    const std::pair<const char *, Scope> scopes[] = {{"cta", Scope::block},
                                                     {"cluster", Scope::cluster},
                                                     {"gpu", Scope::gpu},
                                                     {"sys", Scope::system}};
    for (const auto &scope : scopes)
        for (const char *order : {"fence.", "fence.sc.", "fence.acq_rel."})
            (*forms)[std::string(order) + scope.first] = fence_form(scope.second);
    (*forms)["membar.cta"] = fence_form(Scope::block);
    (*forms)["membar.gl"] = fence_form(Scope::gpu);
    (*forms)["membar.sys"] = fence_form(Scope::system);
    (*forms)["fence.mbarrier_init.release.cluster"] = fence_form(Scope::cluster);
    for (const char *space : {"", ".global", ".shared::cta", ".shared::cluster"})
        (*forms)[std::string("fence.proxy.async") + space] = {proxy_fence, ""};
}

} // namespace

void add_barrier_forms(Forms *forms)
{
    add_block_barriers(forms);
    add_cluster_barriers(forms);
    add_fences(forms);
    (*forms)["nanosleep.u32"] = {give_way, "w", Kind::meeting};
    /* A launch begins after everything that it depends on has ended. */
    (*forms)["griddepcontrol.wait"] = {nothing, ""};
    (*forms)["griddepcontrol.launch_dependents"] = {nothing, ""};
    (*forms)["trap"] = {trap, ""};
    (*forms)["mov.u32.time"] = {read_time<uint32_t>, "w"};
    (*forms)["mov.u64.time"] = {read_time<uint64_t>, "d"};
    (*forms)["mov.b64.time"] = {read_time<uint64_t>, "d"};
}

} // namespace ptx
