/* Runs the instructions of a warp. */
#include <algorithm>

#include "ptx_report.h"
#include "scheduler.h"
#include "warp.h"

namespace ptx
{

bool is_ready(const Warp &warp)
{
    for (const Group &group : warp.groups)
        if (group.wait == Wait::nothing)
            return true;
    return false;
}

/* Joins the groups that are ready at the same instruction. */
static void merge_groups(Warp &warp)
{
    std::vector<Group> &groups = warp.groups;
    for (size_t i = 0; i < groups.size(); i++)
        for (size_t k = groups.size(); k-- > i + 1;)
            if (groups[i].wait == Wait::nothing && groups[k].wait == Wait::nothing &&
                groups[i].next == groups[k].next) {
                groups[i].lanes |= groups[k].lanes;
                groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(k));
            }
}

/* Chooses the group that is furthest behind, because the others may wait for it at the end of a
 * branch. In every fourth case a seed chooses any. A group that polls must not keep the others from
 * running, so it gives its turn to the next. */
static bool choose_group(Warp &warp)
{
    std::vector<Group> &groups = warp.groups;
    const size_t before = warp.current;
    merge_groups(warp);
    std::vector<size_t> ready;
    for (size_t i = 0; i < groups.size(); i++)
        if (groups[i].wait == Wait::nothing)
            ready.push_back(i);
    if (ready.empty())
        return false;
    const bool gives_way = warp.has_yielded;
    warp.has_yielded = false;
    if (gives_way) {
        auto next = std::upper_bound(ready.begin(), ready.end(), before);
        warp.current = next == ready.end() ? ready[0] : *next;
    } else if (sim::order_is_drawn() && sim::draw(4) == 0) {
        warp.current = ready[sim::draw(ready.size())];
    } else {
        warp.current = *std::min_element(ready.begin(), ready.end(), [&](size_t a, size_t b) {
            return groups[a].next < groups[b].next;
        });
    }
    return true;
}

void split_group(Warp &warp, Lanes lanes, uint32_t next)
{
    Group rest = warp.group();
    rest.lanes &= ~lanes;
    rest.next = next;
    warp.group().lanes = lanes;
    warp.groups.push_back(rest);
}

static void end_lanes(Warp &warp)
{
    warp.exited |= warp.group().lanes;
    warp.groups.erase(warp.groups.begin() + static_cast<std::ptrdiff_t>(warp.current));
    /* Those who wait for the lanes that have ended look again. */
    for (Group &group : warp.groups)
        if (group.wait == Wait::warp)
            group.wait = Wait::nothing;
}

void wait_for(Warp &warp, Wait wait, unsigned barrier)
{
    warp.group().wait = wait;
    warp.group().barrier = barrier;
}

void release(Warp &warp, Wait wait, unsigned barrier)
{
    for (Group &group : warp.groups)
        if (group.wait == wait && group.barrier == barrier) {
            group.wait = Wait::nothing;
            group.next++;
        }
}

bool gather(Warp &warp, Lanes mask)
{
    Group &group = warp.group();
    const Lanes needed = mask & warp.exists & ~warp.exited;
    Lanes here = group.lanes;
    for (const Group &other : warp.groups)
        if (other.wait == Wait::warp && other.next == group.next)
            here |= other.lanes;
    if ((needed & ~here) != 0) {
        wait_for(warp, Wait::warp, 0);
        return false;
    }
    /* Waiting lanes that this operation does not need keep waiting. */
    const uint32_t next = group.next;
    Lanes mine = group.lanes;
    for (Group &other : warp.groups)
        if (other.wait == Wait::warp && other.next == next) {
            mine |= other.lanes & needed;
            other.lanes &= ~needed;
        }
    warp.group().lanes = mine;
    for (size_t i = warp.groups.size(); i-- > 0;)
        if (warp.groups[i].lanes == 0) {
            warp.groups.erase(warp.groups.begin() + static_cast<std::ptrdiff_t>(i));
            warp.current -= i < warp.current;
        }
    return true;
}

/* Executes an instruction that is not plain. Returns whether the group continues. */
static bool run_control(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const uint32_t here = warp.group().next;
    if (lanes == 0) {
        warp.group().next++;
        return true;
    }
    if (instruction.kind == Kind::branch) {
        bool is_split = lanes != warp.group().lanes;
        if (is_split)
            split_group(warp, lanes, here + 1);
        warp.group().next = instruction.target;
        warp.branches_since_poll++;
        return !is_split;
    }
    if (lanes != warp.group().lanes)
        split_group(warp, lanes, here + 1);
    if (instruction.kind == Kind::exit) {
        end_lanes(warp);
        return false;
    }
    instruction.handler(warp, instruction, lanes);
    if (warp.group().wait == Wait::nothing && warp.group().next == here)
        warp.group().next++;
    return warp.group().wait == Wait::nothing;
}

/* The next instruction at which the group may meet another one. */
static uint32_t meeting_point(Warp &warp)
{
    uint32_t meeting = UINT32_MAX;
    for (const Group &group : warp.groups)
        if (group.wait == Wait::nothing && group.next > warp.group().next)
            meeting = std::min(meeting, group.next);
    return meeting;
}

/* Runs the current group until it must be chosen again. */
static void run_group(Warp &warp, unsigned *quantum)
{
    const Instruction *instructions = warp.program->instructions.data();
    const uint32_t meeting = meeting_point(warp);
    while (warp.group().next != meeting) {
        const Instruction &instruction = instructions[warp.group().next];
        Lanes lanes = warp.group().lanes;
        if (instruction.has_guard)
            lanes &= predicate(warp, instruction.guard);
        if (instruction.kind == Kind::plain) {
            if (lanes != 0)
                instruction.handler(warp, instruction, lanes);
            warp.group().next++;
            continue;
        }
        *quantum -= *quantum > 0;
        if (!run_control(warp, instruction, lanes) || *quantum == 0 || warp.has_yielded ||
            warp.groups.size() > 1)
            return;
    }
}

void run_warp(Warp &warp, unsigned quantum)
{
    do {
        if (!choose_group(warp))
            return;
        run_group(warp, &quantum);
    } while (quantum > 0 && !warp.has_yielded && !warp.groups.empty());
    /* A loop that waits for another group looks like any other loop. */
    warp.has_yielded = true;
}

} // namespace ptx
