#include "mbarrier.h"

#include <algorithm>

#include "addresses.h"
#include "order.h"
#include "ptx_report.h"

namespace ptx
{

Mbarrier *mbarrier_at(uintptr_t place)
{
    auto found = run->mbarriers.find(place);
    return found != run->mbarriers.end() ? &found->second : nullptr;
}

uint32_t new_agent()
{
    return run->num_blocks * run->threads_per_block + run->num_agents++;
}

/* Lets the clock know all that the agent has done until now. */
static void know_agent(Clock *clock, uint32_t agent)
{
    const uint32_t num_threads = run->num_blocks * run->threads_per_block;
    clock->know_block(run->num_blocks + (agent - num_threads), ++sim::clock_now);
}

static uintptr_t place_of_operand(Warp &warp, const Instruction &instruction, unsigned lane,
                                  uint64_t address, Use use)
{
    bool is_checked;
    const uintptr_t place = reinterpret_cast<uintptr_t>(
        memory_at(warp, instruction, lane, address, 8, use, &is_checked));
    /* Whatever their scopes, operations on an mbarrier are atomic. */
    Instruction atomic = instruction;
    atomic.access.scope = use == Use::atomic ? Scope::system : Scope::none;
    check_mbarrier(warp, atomic, lane, place, use);
    return place;
}

Mbarrier &mbarrier_of(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address)
{
    Mbarrier *barrier =
        mbarrier_at(place_of_operand(warp, instruction, lane, address, Use::atomic));
    if (barrier == nullptr)
        report(warp, instruction, lane, LYRNN_SIM_UNINITIALIZED,
               "there is no mbarrier at %#zx; mbarrier.init makes one",
               static_cast<size_t>(address));
    return *barrier;
}

/* The entry of the thread's block and the scope. */
static FromBlock &entry_of(std::vector<FromBlock> *all, uint32_t thread, Scope scope)
{
    for (FromBlock &known : *all)
        if (known.thread / run->threads_per_block == thread / run->threads_per_block &&
            known.scope == scope)
            return known;
    all->push_back({thread, scope, {}, nullptr});
    return all->back();
}

/* Threads that knew the same mostly come one after another, and joining it once is enough. */
static void gather_issued(FromBlock *from, const Issued &issued)
{
    if (issued.known != nullptr && issued.known != from->last_joined) {
        from->clock.join(*issued.known);
        from->last_joined = issued.known;
    }
    know_issued(&from->clock, issued);
}

static void end_phase(Mbarrier &barrier)
{
    if (barrier.pending != 0 || barrier.bytes != 0)
        return;
    barrier.phase++;
    barrier.pending = barrier.expected;
    for (const FromBlock &from : barrier.gathering)
        entry_of(&barrier.completed, from.thread, from.scope).clock.join(from.clock);
    barrier.gathering.clear();
    run->progress++;
}

void complete_bytes(Mbarrier &barrier, size_t bytes, uint32_t thread, const Issued *issued)
{
    FromBlock &from = entry_of(&barrier.gathering, thread, Scope::cluster);
    if (issued != nullptr)
        gather_issued(&from, *issued);
    know_agent(&from.clock, barrier.agent);
    barrier.bytes -= static_cast<int64_t>(bytes);
    run->progress++;
    end_phase(barrier);
}

namespace
{

constexpr uint8_t HAS_STATE = 1, HAS_COUNT = 2, EXPECTS_BYTES = 4, DROPS = 8, IS_PARITY = 16;

uint32_t word(Warp &warp, const Operand &operand, unsigned lane)
{
    return row<uint32_t>(warp, operand)[lane];
}

void init(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        const uint64_t address = address_of(warp, instruction.operands[0], lane);
        const uint32_t count = word(warp, instruction.operands[1], lane);
        const uintptr_t place = place_of_operand(warp, instruction, lane, address, Use::write);
        if (count == 0 || count >= 1u << 20)
            report(warp, instruction, lane, LYRNN_SIM_BAD_ARGUMENT,
                   "an mbarrier for %u arrivals; 1 to 1048575 are allowed", count);
        if (mbarrier_at(place) != nullptr)
            report(warp, instruction, lane, LYRNN_SIM_BAD_ARGUMENT,
                   "there is an mbarrier at %#zx already; mbarrier.inval ends it",
                   static_cast<size_t>(address));
        Mbarrier barrier = {};
        barrier.expected = barrier.pending = count;
        barrier.agent = new_agent();
        run->mbarriers[place] = barrier;
    });
}

void invalidate(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        const uint64_t address = address_of(warp, instruction.operands[0], lane);
        mbarrier_of(warp, instruction, lane, address);
        run->mbarriers.erase(place_of_operand(warp, instruction, lane, address, Use::write));
    });
}

void arrive_in_lane(Warp &warp, const Instruction &instruction, unsigned lane)
{
    const unsigned variant = instruction.variant;
    const Operand *operands = instruction.operands + ((variant & HAS_STATE) != 0);
    Mbarrier &barrier = mbarrier_of(warp, instruction, lane, address_of(warp, operands[0], lane));
    const uint32_t count = (variant & HAS_COUNT) != 0 ? word(warp, operands[1], lane) : 1;
    if ((variant & EXPECTS_BYTES) != 0)
        barrier.bytes += word(warp, operands[1], lane);
    if (count == 0 || count > barrier.pending)
        report(warp, instruction, lane, LYRNN_SIM_BAD_ARGUMENT,
               "%u arrivals at an mbarrier that waits for %u", count, barrier.pending);
    if ((variant & HAS_STATE) != 0)
        row<uint64_t>(warp, instruction.operands[0])[lane] = barrier.phase;
    const Scope scope = instruction.access.scope;
    const uint32_t thread = warp.first_thread + lane;
    if (instruction.access.order == Order::release)
        gather_issued(&entry_of(&barrier.gathering, thread, scope), issued_by_lane(warp, lane));
    else if (const Clock *fenced = fenced_clock(warp, lane, scope))
        entry_of(&barrier.gathering, thread, scope).clock.join(*fenced);
    barrier.expected -= (variant & DROPS) != 0 ? count : 0;
    barrier.pending -= count;
    run->progress++;
    end_phase(barrier);
}

void arrive(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) { arrive_in_lane(warp, instruction, lane); });
}

void expect_bytes(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        const uint64_t address = address_of(warp, instruction.operands[0], lane);
        Mbarrier &barrier = mbarrier_of(warp, instruction, lane, address);
        const int64_t bytes = word(warp, instruction.operands[1], lane);
        barrier.bytes += (instruction.variant & EXPECTS_BYTES) != 0 ? bytes : -bytes;
        end_phase(barrier);
    });
}

/* A relaxed wait leaves what it finds to a later fence. */
void acquire_phase(Warp &warp, const Instruction &instruction, Lanes lanes, const Mbarrier &barrier)
{
    for (const FromBlock &from : barrier.completed) {
        const Scope scope = std::min(from.scope, instruction.access.scope);
        if (!scope_holds(warp, scope, from.thread))
            continue;
        if (instruction.access.order == Order::acquire) {
            acquire(warp, lanes, from.clock);
            continue;
        }
        const auto clock = std::make_shared<const Clock>(from.clock);
        for_each_lane(lanes, [&](unsigned lane) {
            knowledge_of(warp, lane).unfenced.push_back({0, {from.thread, scope, clock}});
        });
    }
}

/* Operands: result, address, state or parity, and for try_wait perhaps a time. Lanes that waited
 * for one mbarrier acquire together: their clocks are large, and mostly the same. */
void wait_for_phase(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    Lanes result = 0;
    const Mbarrier *barriers[num_lanes];
    for_each_lane(lanes, [&](unsigned lane) {
        const uint64_t address = address_of(warp, instruction.operands[1], lane);
        const Mbarrier &barrier = mbarrier_of(warp, instruction, lane, address);
        const bool is_parity = (instruction.variant & IS_PARITY) != 0;
        const bool is_complete =
            is_parity ? (barrier.phase & 1) != (word(warp, instruction.operands[2], lane) & 1)
                      : barrier.phase != row<uint64_t>(warp, instruction.operands[2])[lane];
        result |= is_complete ? 1u << lane : 0;
        barriers[lane] = &barrier;
    });
    for (Lanes left = result; left != 0;) {
        const Mbarrier *barrier = barriers[__builtin_ctz(left)];
        Lanes same = 0;
        for_each_lane(left,
                      [&](unsigned lane) { same |= barriers[lane] == barrier ? 1u << lane : 0; });
        acquire_phase(warp, instruction, same, *barrier);
        left &= ~same;
    }
    set_predicate(warp, instruction.operands[0], lanes, result);
    warp.branches_since_poll = 0;
    warp.has_yielded |= result != lanes;
}

/* A form with the order and the scope of its mnemonic. */
Form mbarrier_form(Handler handler, const std::string &operands, uint8_t variant, Order order,
                   Scope scope)
{
    Form form = {handler, operands, Kind::plain, variant};
    form.access.space = Space::shared;
    form.access.order = order;
    form.access.scope = scope;
    form.access.bytes = 8;
    return form;
}

struct Named {
    const char *words;
    Order order;
    Scope scope;
};

const Named arrive_orders[] = {{"", Order::release, Scope::block},
                               {".release.cta", Order::release, Scope::block},
                               {".release.cluster", Order::release, Scope::cluster},
                               {".relaxed.cta", Order::relaxed, Scope::block},
                               {".relaxed.cluster", Order::relaxed, Scope::cluster}};
const Named wait_orders[] = {{"", Order::acquire, Scope::block},
                             {".acquire.cta", Order::acquire, Scope::block},
                             {".acquire.cluster", Order::acquire, Scope::cluster},
                             {".relaxed.cta", Order::relaxed, Scope::block},
                             {".relaxed.cluster", Order::relaxed, Scope::cluster}};
const char *const own_spaces[] = {".shared", ".shared::cta"};
const char *const all_spaces[] = {".shared", ".shared::cta", ".shared::cluster"};

void add_arrivals(Forms *forms)
{
    const std::pair<const char *, uint8_t> operations[] = {{"arrive", 0}, {"arrive_drop", DROPS}};
    for (const auto &operation : operations)
        for (const Named &named : arrive_orders)
            for (const char *space : all_spaces) {
                const std::string begin = std::string("mbarrier.") + operation.first;
                const std::string end = std::string(named.words) + space + ".b64";
                auto form = [&](const char *operands, uint8_t variant) {
                    Form made = mbarrier_form(arrive, operands,
                                              static_cast<uint8_t>(variant | operation.second),
                                              named.order, named.scope);
                    made.access.is_cluster = strcmp(space, ".shared::cluster") == 0;
                    return made;
                };
                /* The decoder adds the number of operands where it decides. */
                (*forms)[begin + end + "#2"] = form("da", HAS_STATE);
                (*forms)[begin + end + "#3"] = form("daw", HAS_STATE | HAS_COUNT);
                (*forms)[begin + ".expect_tx" + end] = form("daw", HAS_STATE | EXPECTS_BYTES);
            }
}

void add_waits(Forms *forms)
{
    for (const char *operation : {"mbarrier.test_wait", "mbarrier.try_wait"})
        for (const Named &named : wait_orders)
            for (const char *space : own_spaces) {
                const std::string end = std::string(named.words) + space + ".b64";
                (*forms)[operation + end] =
                    mbarrier_form(wait_for_phase, "padW", 0, named.order, named.scope);
                (*forms)[std::string(operation) + ".parity" + end] =
                    mbarrier_form(wait_for_phase, "pawW", IS_PARITY, named.order, named.scope);
            }
}

} // namespace

void add_mbarrier_forms(Forms *forms)
{
    add_arrivals(forms);
    add_waits(forms);
    for (const char *space : own_spaces) {
        (*forms)[std::string("mbarrier.init") + space + ".b64"] =
            mbarrier_form(init, "aw", 0, Order::weak, Scope::none);
        (*forms)[std::string("mbarrier.inval") + space + ".b64"] =
            mbarrier_form(invalidate, "a", 0, Order::weak, Scope::none);
    }
    for (const char *space : all_spaces)
        for (const char *scope : {".relaxed.cta", ".relaxed.cluster"}) {
            const Scope held = scope[10] == 't' ? Scope::block : Scope::cluster;
            const std::string end = std::string(scope) + space + ".b64";
            for (bool expects : {true, false}) {
                Form form = mbarrier_form(expect_bytes, "aw", expects ? EXPECTS_BYTES : 0,
                                          Order::relaxed, held);
                form.access.is_cluster = strcmp(space, ".shared::cluster") == 0;
                (*forms)[(expects ? "mbarrier.expect_tx" : "mbarrier.complete_tx") + end] = form;
            }
        }
}

} // namespace ptx
