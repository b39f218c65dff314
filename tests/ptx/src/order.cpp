#include "order.h"

namespace ptx
{

static uint32_t block_of(uint32_t thread)
{
    const uint32_t num_threads = run->num_blocks * run->threads_per_block;
    return thread < num_threads ? thread / run->threads_per_block
                                : run->num_blocks + (thread - num_threads);
}

static uint32_t first_of_warp(uint32_t thread)
{
    const uint32_t in_block = thread % run->threads_per_block;
    return thread - in_block % num_lanes;
}

/* Whether the lane knows the whole block or warp of the thread up to the time. */
static bool knows_group(Warp &warp, const Knowledge &mine, uint32_t thread, uint32_t time)
{
    const uint32_t block = block_of(thread), first = first_of_warp(thread);
    if (block == warp.block->serial &&
        (time < mine.block_time || (first == warp.first_thread && time < mine.warp_time)))
        return true;
    const Clock *clock = mine.clock.get();
    return clock != nullptr && ((block < clock->blocks.size() && time < clock->blocks[block]) ||
                                time < time_of(clock->warps, first));
}

bool knows(Warp &warp, unsigned lane, uint32_t thread, uint32_t time)
{
    const Knowledge &mine = knowledge_of(warp, lane);
    return thread == warp.first_thread + lane || knows_group(warp, mine, thread, time) ||
           (mine.clock != nullptr && time < time_of(mine.clock->threads, thread));
}

bool knows_all(Warp &warp, unsigned lane, const Readers &readers)
{
    const Knowledge &mine = knowledge_of(warp, lane);
    if (knows_group(warp, mine, readers.first_thread, readers.time))
        return true;
    Lanes others = readers.lanes;
    if (readers.first_thread == warp.first_thread)
        others &= ~(1u << lane);
    for (; others != 0; others &= others - 1) {
        uint32_t thread = readers.first_thread + static_cast<uint32_t>(__builtin_ctz(others));
        if (mine.clock == nullptr || readers.time >= time_of(mine.clock->threads, thread))
            return false;
    }
    return true;
}

bool scope_holds(const Warp &warp, Scope scope, uint32_t thread)
{
    const uint32_t mine = warp.block->serial, other = block_of(thread);
    if (scope == Scope::none)
        return false;
    if (scope == Scope::block)
        return mine == other;
    return scope != Scope::cluster ||
           mine / run->blocks_per_cluster == other / run->blocks_per_cluster;
}

static void add_own(Warp &warp, unsigned lane, Clock *clock)
{
    const Knowledge &mine = knowledge_of(warp, lane);
    if (mine.clock != nullptr)
        clock->join(*mine.clock);
    if (mine.block_time > run->begin_time)
        clock->know_block(warp.block->serial, mine.block_time);
    if (mine.warp_time > mine.block_time)
        clock->know_warp(warp.first_thread, mine.warp_time);
}

Issued issued_by_lane(Warp &warp, unsigned lane)
{
    const Knowledge &mine = knowledge_of(warp, lane);
    return {warp.first_thread + lane, mine.clock, mine.block_time, mine.warp_time,
            ++sim::clock_now};
}

void know_issued(Clock *clock, const Issued &issued)
{
    if (issued.block_time > run->begin_time)
        clock->know_block(block_of(issued.thread), issued.block_time);
    if (issued.warp_time > issued.block_time)
        clock->know_warp(first_of_warp(issued.thread), issued.warp_time);
    clock->know_thread(issued.thread, issued.thread_time);
}

std::shared_ptr<const Clock> released_clock_of_lane(Warp &warp, unsigned lane)
{
    auto clock = std::make_shared<Clock>();
    const Issued issued = issued_by_lane(warp, lane);
    if (issued.known != nullptr)
        clock->join(*issued.known);
    know_issued(clock.get(), issued);
    return clock;
}

std::shared_ptr<const Clock> released_clock(Warp &warp, Lanes lanes)
{
    auto clock = std::make_shared<Clock>();
    const Clock *before = nullptr;
    const uint32_t now = ++sim::clock_now;
    for_each_lane(lanes, [&](unsigned lane) {
        const Clock *own = knowledge_of(warp, lane).clock.get();
        if (clock->is_empty() || own != before)
            add_own(warp, lane, clock.get());
        before = own;
    });
    if (lanes == warp.exists)
        clock->know_warp(warp.first_thread, now);
    else
        for_each_lane(lanes,
                      [&](unsigned lane) { clock->know_thread(warp.first_thread + lane, now); });
    return clock;
}

void acquire(Warp &warp, Lanes lanes, const Clock &clock)
{
    /* Lanes that knew the same know the same afterwards. */
    std::shared_ptr<const Clock> before, after;
    for_each_lane(lanes, [&](unsigned lane) {
        Knowledge &mine = knowledge_of(warp, lane);
        if (after == nullptr || mine.clock != before) {
            auto both = std::make_shared<Clock>();
            if (mine.clock != nullptr)
                *both = *mine.clock;
            both->join(clock);
            before = mine.clock;
            after = both;
        }
        mine.clock = after;
    });
}

static Scope narrower(Scope a, Scope b)
{
    return a < b ? a : b;
}

static bool releases(Order order)
{
    return order == Order::release || order == Order::acquire_release;
}

static bool acquires(Order order)
{
    return order == Order::acquire || order == Order::acquire_release;
}

static void add_release(Word *word, const Released &released)
{
    word->version++;
    for (Released &known : word->releases)
        if (known.thread == released.thread && known.scope == released.scope) {
            known.clock = released.clock; /* a thread's later clock holds its earlier one */
            return;
        }
    word->releases.push_back(released);
}

/* A write that is no atomic ends what others have released here. A strong one by the same thread
 * continues the thread's own release. */
static void end_releases(Word *word, uint32_t thread, const Access &access)
{
    size_t kept = 0;
    for (const Released &released : word->releases)
        if (access.order != Order::weak && released.thread == thread) {
            word->releases[kept] = released;
            word->releases[kept++].scope = narrower(released.scope, access.scope);
        }
    word->releases.resize(kept);
    word->version++;
}

const Clock *fenced_clock(Warp &warp, unsigned lane, Scope scope)
{
    return knowledge_of(warp, lane).fenced[static_cast<size_t>(scope)].get();
}

void release_by_write(Warp &warp, unsigned lane, const Access &access, uintptr_t address,
                      bool is_atomic)
{
    const uint32_t thread = warp.first_thread + lane;
    auto found = run->words.find(address);
    if (found != run->words.end() && !is_atomic)
        end_releases(&found->second, thread, access);
    if (access.order == Order::weak)
        return;
    if (releases(access.order)) {
        add_release(&run->words[address],
                    {thread, access.scope, released_clock_of_lane(warp, lane)});
        return;
    }
    /* A later fence of a narrower scope does not end what a wider one releases. */
    const auto &fenced = knowledge_of(warp, lane).fenced;
    const Clock *wider = nullptr;
    for (size_t i = static_cast<size_t>(access.scope); i > 0; i--) {
        if (fenced[i] != nullptr && fenced[i].get() != wider)
            add_release(&run->words[address], {thread, static_cast<Scope>(i), fenced[i]});
        wider = fenced[i].get();
    }
}

/* Acquires what earlier relaxed reads of the word have found, as far as the scope holds it. */
static void acquire_unfenced(Warp &warp, unsigned lane, const Access &access, uintptr_t address)
{
    Knowledge &mine = knowledge_of(warp, lane);
    size_t kept = 0;
    for (Unfenced &found : mine.unfenced)
        if (found.word == address &&
            scope_holds(warp, narrower(found.released.scope, access.scope), found.released.thread))
            acquire(warp, 1u << lane, *found.released.clock);
        else
            mine.unfenced[kept++] = found;
    mine.unfenced.resize(kept);
}

/* Keeps what a relaxed read has found. A thread's later clock holds its earlier one. */
static void keep_unfenced(Knowledge &mine, const Unfenced &found)
{
    for (Unfenced &known : mine.unfenced)
        if (known.word == found.word && known.released.thread == found.released.thread &&
            known.released.scope == found.released.scope) {
            known.released.clock = found.released.clock;
            return;
        }
    mine.unfenced.push_back(found);
}

void acquire_by_read(Warp &warp, unsigned lane, const Access &access, uintptr_t address)
{
    auto found = run->words.find(address);
    Knowledge &mine = knowledge_of(warp, lane);
    if (access.order == Order::weak)
        return;
    warp.branches_since_poll = 0;
    if (acquires(access.order))
        acquire_unfenced(warp, lane, access, address);
    if (found == run->words.end() ||
        (mine.last_word == address && mine.last_version == found->second.version &&
         mine.last_order == access.order && mine.last_scope == access.scope))
        return;
    mine.last_word = address;
    mine.last_version = found->second.version;
    mine.last_order = access.order;
    mine.last_scope = access.scope;
    Clock all;
    for (const Released &released : found->second.releases) {
        const Scope scope = narrower(released.scope, access.scope);
        if (!scope_holds(warp, scope, released.thread))
            continue;
        if (acquires(access.order))
            all.join(*released.clock);
        else
            keep_unfenced(mine, {address, {released.thread, scope, released.clock}});
    }
    if (!all.is_empty())
        acquire(warp, 1u << lane, all);
}

void fence(Warp &warp, unsigned lane, Scope scope)
{
    Knowledge &mine = knowledge_of(warp, lane);
    size_t kept = 0;
    for (const Unfenced &found : mine.unfenced)
        if (scope_holds(warp, narrower(scope, found.released.scope), found.released.thread))
            acquire(warp, 1u << lane, *found.released.clock);
        else
            mine.unfenced[kept++] = found;
    mine.unfenced.resize(kept);
    mine.last_word = 0; /* the next read is not the same: what it finds is to be fenced again */
    const std::shared_ptr<const Clock> clock = released_clock_of_lane(warp, lane);
    for (size_t i = 1; i <= static_cast<size_t>(scope); i++)
        mine.fenced[i] = clock;
}

/* What a thread of this block knows of its own block and warps is now part of its block_time. */
static void drop_block(Clock *clock, uint32_t serial)
{
    const uint32_t first = serial * run->threads_per_block, end = first + run->threads_per_block;
    auto drop = [&](std::vector<Known> *list) {
        size_t kept = 0;
        for (const Known &known : *list)
            if (known.item < first || known.item >= end)
                (*list)[kept++] = known;
        list->resize(kept);
    };
    drop(&clock->warps);
    drop(&clock->threads);
}

void synchronize_block(Block &block)
{
    const uint32_t now = ++sim::clock_now;
    const std::shared_ptr<const Clock> first = block.knowledge[0].clock;
    std::shared_ptr<const Clock> common = first;
    const Clock *last = first.get();
    std::shared_ptr<Clock> joined;
    for (const Knowledge &thread : block.knowledge) {
        if (thread.clock.get() == last || thread.clock == nullptr)
            continue;
        last = thread.clock.get();
        if (joined == nullptr) {
            joined = std::make_shared<Clock>();
            if (first != nullptr)
                *joined = *first;
        }
        joined->join(*last);
    }
    if (joined != nullptr) {
        drop_block(joined.get(), block.serial);
        common = joined;
    }
    for (Knowledge &thread : block.knowledge) {
        thread.clock = common;
        thread.block_time = now;
    }
}

void synchronize_lanes(Warp &warp, Lanes lanes)
{
    std::shared_ptr<const Clock> common = released_clock(warp, lanes);
    const uint32_t now = sim::clock_now;
    bool is_whole = lanes == warp.exists;
    bool is_empty = common->blocks.empty() && common->threads.empty() && common->warps.size() <= 1;
    for_each_lane(lanes, [&](unsigned lane) {
        Knowledge &mine = knowledge_of(warp, lane);
        if (is_whole)
            mine.warp_time = now;
        if (!is_whole || !is_empty)
            mine.clock = common;
    });
}

} // namespace ptx
