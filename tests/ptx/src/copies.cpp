/* st.async, cp.async and cp.async.bulk.
 *
 * From its issue on, a copy owns what it reads and writes: any access in between is a race. It
 * completes as late as possible, or when the seed says so; its cells get their time then. The
 * completion of a bulk copy shows the copy only, and not what the issuer did before (section
 * 8.9.1.1 of the manual). That of st.async is a release, and also carries what the issuer knew. */
#include "copies.h"

#include <algorithm>
#include <utility>

#include "addresses.h"
#include "mbarrier.h"
#include "memory.h" /* these two of the simulator */
#include "order.h"
#include "ptx_report.h"
#include "scheduler.h"

namespace ptx
{

namespace
{

/* The time of accesses by a copy that is not complete: nobody knows them. */
constexpr uint32_t not_yet = UINT32_MAX;

struct Copy {
    char *to;
    const char *from;         /* NULL: the bytes are in values */
    size_t bytes, bytes_from; /* the rest is filled with zeros */
    std::vector<char> values; /* of st.async, and of a source that has been read */
    uintptr_t mbarrier;       /* 0: the copy belongs to a group of its thread */
    uint32_t thread, group, agent;
    bool releases; /* of st.async */
    Issued issued;
};

/* The groups of a thread's copies. While they run, they count as accesses of an agent; once the
 * thread has waited for them, as accesses of the thread. */
struct Groups {
    uint32_t agent, next; /* the number of the group that is open */
};

std::vector<Copy> copies;
size_t num_sources; /* of these copies, how many still have to read memory */
std::unordered_map<uint32_t, Groups> groups_of_threads; /* by thread and kind */

/* The write happens now. */
void stamp_cells(const Copy &copy)
{
    const uintptr_t begin = reinterpret_cast<uintptr_t>(copy.to);
    const uint32_t now = ++sim::clock_now;
    for (uintptr_t at = begin; at < begin + copy.bytes; at += 4) {
        sim::Stamp &write = sim::cell_at(at)->write;
        if (write.thread == copy.agent && write.time == not_yet) {
            write.thread = copy.mbarrier != 0 ? copy.agent : copy.thread;
            write.time = now;
        }
    }
}

void add(const Copy &copy)
{
    copies.push_back(copy);
    num_sources += copy.from != nullptr;
}

/* Returns whether this ends a phase of an mbarrier. */
bool complete(size_t number)
{
    const Copy copy = std::move(copies[number]);
    num_sources -= copy.from != nullptr;
    copies.erase(copies.begin() + static_cast<std::ptrdiff_t>(number));
    memset(copy.to, 0, copy.bytes);
    memcpy(copy.to, copy.from != nullptr ? copy.from : copy.values.data(), copy.bytes_from);
    stamp_cells(copy);
    run->progress++;
    Mbarrier *barrier = copy.mbarrier != 0 ? mbarrier_at(copy.mbarrier) : nullptr;
    if (barrier == nullptr)
        return false;
    const uint64_t phase = barrier->phase;
    complete_bytes(*barrier, copy.bytes, copy.thread, copy.releases ? &copy.issued : nullptr);
    return barrier->phase != phase;
}

/* Checks what the copy writes, and makes it the copy's own. */
char *own_target(Warp &warp, const Instruction &instruction, unsigned lane, uint64_t address,
                 size_t bytes, uint32_t agent)
{
    bool is_checked;
    const size_t unit = std::min<size_t>(bytes, 16);
    char *to = memory_at(warp, instruction, lane, address, unit, Use::write, &is_checked);
    const uint32_t now = sim::clock_now;
    for (size_t at = 0; at < bytes; at += unit)
        memory_at(warp, instruction, lane, address + at, unit, Use::write, &is_checked);
    sim::clock_now = not_yet;
    /* The stamp of the write is the clock. */
    try {
        check_copy_write(warp, instruction, lane, reinterpret_cast<uintptr_t>(to), bytes, agent);
    } catch (const Canceled &) {
        sim::clock_now = now;
        throw;
    }
    sim::clock_now = now;
    return to;
}

const char *checked_source(Warp &warp, const Instruction &instruction, unsigned lane,
                           uint64_t address, size_t bytes, Space space)
{
    Instruction reading = instruction;
    reading.access.space = space;
    reading.access.is_cluster = false;
    bool is_checked;
    const size_t unit = std::min<size_t>(bytes, 16);
    const char *from = memory_at(warp, reading, lane, address, unit, Use::read, &is_checked);
    for (size_t at = 0; at < bytes; at += unit)
        memory_at(warp, reading, lane, address + at, unit, Use::read, &is_checked);
    check_cells(warp, reading, 1u << lane, reinterpret_cast<uintptr_t>(from), bytes, Use::read);
    return from;
}

/* A bulk copy does not see writes of threads that no proxy fence follows. */
void check_proxy(Warp &warp, const Instruction &instruction, unsigned lane, const char *from,
                 size_t bytes)
{
    const uintptr_t begin = reinterpret_cast<uintptr_t>(from);
    for (uintptr_t at = begin; at < begin + bytes; at += 4) {
        const sim::Cell &cell = *sim::cell_at(at);
        const uint32_t writer = cell.write.thread - warp.block->serial * run->threads_per_block;
        if (cell.write_mask == 0 || cell.write.time < run->begin_time ||
            writer >= run->threads_per_block)
            continue;
        if (warp.block->knowledge[writer].proxy_time <= cell.write.time)
            report(warp, instruction, lane, LYRNN_SIM_RACE,
                   "an asynchronous copy reads what line %u wrote without a fence.proxy.async",
                   cell.write.pc);
    }
}

Groups &groups_of(Warp &warp, unsigned lane, bool is_bulk)
{
    const uint32_t key = 2 * (warp.first_thread + lane) + is_bulk;
    auto inserted = groups_of_threads.insert({key, Groups{}});
    if (inserted.second)
        inserted.first->second.agent = new_agent();
    return inserted.first->second;
}

/* The mbarrier is in shared memory, wherever the copy writes. */
Instruction signal_of(const Instruction &instruction)
{
    Instruction signal = instruction;
    signal.access.space = Space::shared;
    return signal;
}

/* st.async [to], values, [mbarrier]. */
void store_async(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const Access &access = instruction.access;
    for_each_lane(lanes, [&](unsigned lane) {
        const Operand *operands = instruction.operands;
        Copy copy = {};
        copy.bytes = copy.bytes_from = static_cast<size_t>(access.bytes) * access.count;
        copy.values.resize(copy.bytes);
        for (unsigned k = 0; k < access.count; k++) {
            const uint64_t value = operands[1 + k].bytes == 8
                                       ? row<uint64_t>(warp, operands[1 + k])[lane]
                                       : row<uint32_t>(warp, operands[1 + k])[lane];
            memcpy(copy.values.data() + k * access.bytes, &value, access.bytes);
        }
        const uint64_t at = address_of(warp, operands[1 + access.count], lane);
        Block *block;
        copy.mbarrier = place_in_shared(warp, instruction, lane, at, &block);
        copy.agent = mbarrier_of(warp, signal_of(instruction), lane, at).agent;
        copy.to = own_target(warp, instruction, lane, address_of(warp, operands[0], lane),
                             copy.bytes, copy.agent);
        copy.thread = warp.first_thread + lane;
        copy.releases = true;
        copy.issued = issued_by_lane(warp, lane);
        add(copy);
    });
}

constexpr uint8_t IS_BULK = 1, FROM_SHARED = 4, TO_MBARRIER = 8, READS_ONLY = 16;

/* cp.async.bulk [to], [from], bytes [, mbarrier]. */
void copy_bulk(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const unsigned variant = instruction.variant;
    for_each_lane(lanes, [&](unsigned lane) {
        const Operand *operands = instruction.operands;
        Copy copy = {};
        copy.bytes = copy.bytes_from = row<uint32_t>(warp, operands[2])[lane];
        if (copy.bytes % 16 != 0 || copy.bytes == 0)
            report(warp, instruction, lane, LYRNN_SIM_MISALIGNED,
                   "a bulk copy of %zu bytes; it has to be a multiple of 16", copy.bytes);
        copy.thread = warp.first_thread + lane;
        if ((variant & TO_MBARRIER) != 0) {
            const uint64_t at = address_of(warp, operands[3], lane);
            Block *block;
            const Instruction signal = signal_of(instruction);
            copy.mbarrier = place_in_shared(warp, signal, lane, at, &block);
            copy.agent = mbarrier_of(warp, signal, lane, at).agent;
        } else {
            copy.agent = groups_of(warp, lane, true).agent;
            copy.group = groups_of(warp, lane, true).next;
        }
        const Space from = (variant & FROM_SHARED) != 0 ? Space::shared : Space::global;
        copy.from = checked_source(warp, instruction, lane, address_of(warp, operands[1], lane),
                                   copy.bytes, from);
        if (from == Space::shared)
            check_proxy(warp, instruction, lane, copy.from, copy.bytes);
        copy.to = own_target(warp, instruction, lane, address_of(warp, operands[0], lane),
                             copy.bytes, copy.agent);
        add(copy);
    });
}

/* cp.async [to], [from], bytes [, bytes of the source]. */
void copy_small(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        const Operand *operands = instruction.operands;
        Groups &groups = groups_of(warp, lane, false);
        Copy copy = {};
        copy.bytes = copy.bytes_from = row<uint32_t>(warp, operands[2])[lane];
        if (operands[3].bytes != 0)
            copy.bytes_from = std::min<size_t>(copy.bytes, row<uint32_t>(warp, operands[3])[lane]);
        if (copy.bytes != 4 && copy.bytes != 8 && copy.bytes != 16)
            report(warp, instruction, lane, LYRNN_SIM_BAD_ARGUMENT,
                   "cp.async of %zu bytes; it copies 4, 8 or 16", copy.bytes);
        copy.thread = warp.first_thread + lane;
        copy.agent = groups.agent;
        copy.group = groups.next;
        copy.from = copy.bytes_from == 0 ? nullptr
                                         : checked_source(warp, instruction, lane,
                                                          address_of(warp, operands[1], lane),
                                                          copy.bytes_from, Space::global);
        copy.to = own_target(warp, instruction, lane, address_of(warp, operands[0], lane),
                             copy.bytes, copy.agent);
        add(copy);
    });
}

void commit_group(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const bool is_bulk = (instruction.variant & IS_BULK) != 0;
    for_each_lane(lanes, [&](unsigned lane) { groups_of(warp, lane, is_bulk).next++; });
}

/* Reads the sources of a thread's bulk copies in groups before `end`. What they write is still
 * theirs. */
void read_sources(Warp &warp, unsigned lane, uint32_t end)
{
    const uint32_t agent = groups_of(warp, lane, true).agent;
    for (Copy &copy : copies)
        if (copy.mbarrier == 0 && copy.agent == agent && copy.group < end && copy.from != nullptr) {
            copy.values.assign(copy.from, copy.from + copy.bytes_from);
            copy.from = nullptr;
            num_sources--;
        }
}

/* Completes the copies of a thread in groups before `end`. */
void complete_groups(Warp &warp, unsigned lane, bool is_bulk, uint32_t end)
{
    Groups &groups = groups_of(warp, lane, is_bulk);
    for (size_t i = 0; i < copies.size();) {
        if (copies[i].mbarrier == 0 && copies[i].agent == groups.agent && copies[i].group < end)
            complete(i);
        else
            i++;
    }
}

void wait_group(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const bool is_bulk = (instruction.variant & IS_BULK) != 0;
    for_each_lane(lanes, [&](unsigned lane) {
        const uint32_t next = groups_of(warp, lane, is_bulk).next;
        const uint32_t num_left = row<uint32_t>(warp, instruction.operands[0])[lane];
        const uint32_t end = next > num_left ? next - num_left : 0;
        if ((instruction.variant & READS_ONLY) != 0)
            read_sources(warp, lane, end);
        else
            complete_groups(warp, lane, is_bulk, end);
    });
}

void wait_all(Warp &warp, const Instruction &, Lanes lanes)
{
    for_each_lane(lanes, [&](unsigned lane) {
        complete_groups(warp, lane, false, groups_of(warp, lane, false).next + 1);
    });
}

Form copy_form(Handler handler, const std::string &operands, uint8_t variant, Space to)
{
    Form form = {handler, operands, Kind::plain, variant};
    form.access.space = to;
    form.access.count = 1;
    return form;
}

void add_stores(Forms *forms)
{
    for (const char *weak : {"", ".weak"})
        for (const char *type : {"b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"})
            for (unsigned count : {1u, 2u, 4u}) {
                const size_t bytes = size_of_type(type);
                if (bytes * count > 16)
                    continue;
                const std::string vector = count == 1 ? "" : ".v" + std::to_string(count);
                Form form =
                    copy_form(store_async, "a" + std::string(count, bytes == 8 ? 'd' : 'w') + "a",
                              0, Space::shared);
                form.access.bytes = static_cast<uint8_t>(bytes);
                form.access.count = static_cast<uint8_t>(count);
                form.access.is_cluster = true;
                (*forms)["st.async" + std::string(weak) +
                         ".shared::cluster.mbarrier::complete_tx::bytes" + vector + "." + type] =
                    form;
            }
}

} // namespace

void add_copy_forms(Forms *forms)
{
    add_stores(forms);
    const std::string bytes = ".mbarrier::complete_tx::bytes";
    for (const char *to : {".shared::cta", ".shared::cluster"}) {
        Form form = copy_form(copy_bulk, "aawa", TO_MBARRIER, Space::shared);
        form.access.is_cluster = strcmp(to, ".shared::cluster") == 0;
        (*forms)[std::string("cp.async.bulk") + to + ".global" + bytes] = form;
    }
    Form within = copy_form(copy_bulk, "aawa", TO_MBARRIER | FROM_SHARED, Space::shared);
    within.access.is_cluster = true;
    (*forms)["cp.async.bulk.shared::cluster.shared::cta" + bytes] = within;
    (*forms)["cp.async.bulk.global.shared::cta.bulk_group"] =
        copy_form(copy_bulk, "aaw", FROM_SHARED, Space::global);
    for (const char *from : {".shared.global", ".shared::cta.global"})
        for (const char *hint : {"", ".L2::64B", ".L2::128B", ".L2::256B"})
            for (const char *cache : {"cp.async.ca", "cp.async.cg"})
                (*forms)[std::string(cache) + from + hint] =
                    copy_form(copy_small, "aawW", 0, Space::shared);
    (*forms)["cp.async.commit_group"] = {commit_group, "", Kind::plain, 0};
    (*forms)["cp.async.wait_group"] = {wait_group, "w", Kind::plain, 0};
    (*forms)["cp.async.wait_all"] = {wait_all, ""};
    (*forms)["cp.async.bulk.commit_group"] = {commit_group, "", Kind::plain, IS_BULK};
    (*forms)["cp.async.bulk.wait_group"] = {wait_group, "w", Kind::plain, IS_BULK};
    (*forms)["cp.async.bulk.wait_group.read"] = {wait_group, "w", Kind::plain,
                                                 IS_BULK | READS_ONLY};
}

/* Copies that threads wait for by groups complete at the wait: nothing else shows that they are
 * complete. */
static bool may_complete(const Copy &copy)
{
    return copy.mbarrier != 0 || run->is_ending;
}

static bool complete_one(bool *ends_phase)
{
    const auto num = std::count_if(copies.begin(), copies.end(), may_complete);
    const size_t count = static_cast<size_t>(num);
    if (count == 0)
        return false;
    size_t before = sim::order_is_drawn() ? sim::draw(count) : count - 1;
    size_t number = 0;
    if (count == copies.size())
        number = before;
    else
        while (!may_complete(copies[number]) || before-- > 0)
            number++;
    *ends_phase = complete(number);
    return true;
}

bool complete_copy()
{
    bool ends_phase;
    return complete_one(&ends_phase);
}

bool complete_phase()
{
    bool ends_phase = false, has_completed = false;
    while (!ends_phase && complete_one(&ends_phase))
        has_completed = true;
    return has_completed;
}

bool is_source_of_copy(uintptr_t address, size_t bytes)
{
    if (num_sources == 0)
        return false;
    for (const Copy &copy : copies) {
        const uintptr_t begin = reinterpret_cast<uintptr_t>(copy.from);
        if (begin != 0 && address < begin + copy.bytes_from && begin < address + bytes)
            return true;
    }
    return false;
}

void forget_copies()
{
    copies.clear();
    num_sources = 0;
    groups_of_threads.clear();
}

} // namespace ptx
