#include "shadow.h"

#include "copies.h"
#include "mbarrier.h"
#include "memory.h" /* of the simulator */
#include "order.h"
#include "ptx_report.h"

namespace ptx
{

namespace
{

/* One access to one cell. */
struct Touch {
    Warp &warp;
    const Instruction &instruction;
    Lanes lanes;
    unsigned lane; /* one of them */
    uintptr_t address;
    sim::Cell *cell;
    uint8_t mask;
    Use use;
    uint32_t writer; /* of a write */
};

const char *name_of(Use use)
{
    return use == Use::read ? "read" : use == Use::write ? "write" : "atomic";
}

[[noreturn]] void report_race(const Touch &touch, const char *earlier, uint32_t thread,
                              uint32_t line)
{
    const char *where =
        sim::region_at(touch.address)->space == sim::Space::shared ? "shared" : "global";
    char who[64] = "an asynchronous copy";
    if (thread < run->num_blocks * run->threads_per_block)
        snprintf(who, sizeof who, "thread %u of block %u", thread % run->threads_per_block,
                 thread / run->threads_per_block);
    report(touch.warp, touch.instruction, touch.lane, LYRNN_SIM_RACE,
           "%s of %s memory %#zx that nothing orders after the %s by %s at line %u",
           name_of(touch.use), where, static_cast<size_t>(touch.address), earlier, who, line);
}

/* Two accesses do not race if both name a scope that holds the other's thread. */
bool both_strong(const Touch &touch, Scope other_scope, uint32_t other)
{
    const Scope mine = touch.instruction.access.scope;
    return scope_holds(touch.warp, mine < other_scope ? mine : other_scope, other);
}

bool is_of_this_launch(const sim::Stamp &stamp)
{
    return stamp.time >= run->begin_time;
}

void check_write_before(const Touch &touch, const Writer &writer)
{
    if ((writer.mask & touch.mask) == 0 || !is_of_this_launch(writer.stamp))
        return;
    if (touch.instruction.access.is_read_only)
        report(touch.warp, touch.instruction, touch.lane, LYRNN_SIM_RACE,
               "read through .nc of global memory %#zx, which this launch has written at line %u",
               static_cast<size_t>(touch.address), writer.stamp.pc);
    for_each_lane(touch.lanes, [&](unsigned lane) {
        if (!knows(touch.warp, lane, writer.stamp.thread, writer.stamp.time) &&
            !both_strong(touch, writer.scope, writer.stamp.thread)) {
            Touch one = touch;
            one.lane = lane;
            report_race(one, writer.scope == Scope::none ? "write" : "strong write",
                        writer.stamp.thread, writer.stamp.pc);
        }
    });
}

Writer writer_in(const sim::Cell &cell)
{
    return {cell.write, cell.write_mask, static_cast<Scope>(cell.write_scope)};
}

void check_writes_before(const Touch &touch)
{
    check_write_before(touch, writer_in(*touch.cell));
    if (!touch.cell->has_more_writers)
        return;
    auto found = run->writers.find(touch.address / 4);
    if (found != run->writers.end())
        for (const Writer &writer : found->second)
            check_write_before(touch, writer);
}

/* Keeps what the cell's last write leaves of the writes before it, unless who knows the new write
 * also knows the old one. */
void keep_writers(const Touch &touch)
{
    sim::Cell &cell = *touch.cell;
    const uintptr_t word = touch.address / 4;
    Writer last = writer_in(cell);
    last.mask &= static_cast<uint8_t>(~touch.mask);
    auto found = run->writers.find(word);
    if (found != run->writers.end())
        for (Writer &writer : found->second)
            writer.mask &= static_cast<uint8_t>(~touch.mask);
    if (last.mask == 0 || !is_of_this_launch(last.stamp) ||
        knows(touch.warp, touch.lane, last.stamp.thread, last.stamp.time))
        return;
    run->writers[word].push_back(last);
    cell.has_more_writers = true;
}

Readers readers_in(const sim::Cell &cell)
{
    return {cell.read.thread,
            cell.read.time,
            cell.reading_lanes,
            static_cast<int>(cell.read.pc),
            static_cast<Scope>(cell.reading_scope),
            cell.read_only};
}

void check_readers(const Touch &touch, const Readers &readers)
{
    if (readers.is_read_only)
        report(touch.warp, touch.instruction, touch.lane, LYRNN_SIM_RACE,
               "%s of global memory %#zx, which this launch has read through .nc at line %d",
               name_of(touch.use), static_cast<size_t>(touch.address), readers.line);
    if (!knows_all(touch.warp, touch.lane, readers) &&
        !both_strong(touch, readers.scope, readers.first_thread)) {
        Lanes others = readers.lanes;
        if (readers.first_thread == touch.warp.first_thread && others != 1u << touch.lane)
            others &= ~(1u << touch.lane);
        uint32_t first = readers.first_thread + static_cast<uint32_t>(__builtin_ctz(others));
        report_race(touch, "read", first, static_cast<uint32_t>(readers.line));
    }
}

/* Keeps readers that the cell has no room for, unless newer ones stand for them. */
void keep_readers(const Touch &touch, const Readers &readers)
{
    std::vector<Readers> &more = run->readers[touch.address / 4];
    if (!touch.cell->has_more_readers)
        more.clear(); /* of a block that had the memory before */
    touch.cell->has_more_readers = true;
    for (Readers &old : more)
        if (old.first_thread == readers.first_thread && old.scope == readers.scope &&
            old.is_read_only == readers.is_read_only && (old.lanes & ~readers.lanes) == 0) {
            old = readers;
            return;
        }
    more.push_back(readers);
}

void note_read(const Touch &touch)
{
    sim::Cell &cell = *touch.cell;
    const Access &access = touch.instruction.access;
    const bool is_first = cell.read_mask == 0 || !is_of_this_launch(cell.read);
    if (is_first)
        cell.has_more_readers = false;
    const bool is_same = !is_first && cell.read.thread == touch.warp.first_thread &&
                         cell.reading_scope == static_cast<uint8_t>(access.scope) &&
                         cell.read_only == access.is_read_only;
    if (is_same && cell.read.time == sim::clock_now) {
        cell.reading_lanes |= touch.lanes;
        cell.read_mask |= touch.mask;
        return;
    }
    if (!is_first) {
        const Readers before = readers_in(cell);
        const bool is_replaced =
            (is_same && (before.lanes & ~touch.lanes) == 0) ||
            (!before.is_read_only && knows_all(touch.warp, touch.lane, before));
        if (!is_replaced)
            keep_readers(touch, before);
    }
    cell.read_mask = static_cast<uint8_t>(is_first ? touch.mask : cell.read_mask | touch.mask);
    cell.read = {sim::clock_now, touch.warp.first_thread,
                 static_cast<uint32_t>(touch.instruction.statement->line)};
    cell.reading_lanes = touch.lanes;
    cell.reading_scope = static_cast<uint8_t>(access.scope);
    cell.read_only = access.is_read_only;
}

void check_and_note_write(const Touch &touch)
{
    sim::Cell &cell = *touch.cell;
    if ((cell.read_mask & touch.mask) != 0 && is_of_this_launch(cell.read)) {
        check_readers(touch, readers_in(cell));
        if (cell.has_more_readers)
            for (const Readers &readers : run->readers[touch.address / 4])
                check_readers(touch, readers);
    }
    if (cell.has_more_readers)
        run->readers.erase(touch.address / 4);
    cell.has_more_readers = false;
    cell.read_mask &= static_cast<uint8_t>(~touch.mask);
    keep_writers(touch);
    const bool is_same = cell.write.thread == touch.writer && cell.write.time == sim::clock_now;
    cell.write_mask = static_cast<uint8_t>(is_same ? cell.write_mask | touch.mask : touch.mask);
    cell.write = {sim::clock_now, touch.writer,
                  static_cast<uint32_t>(touch.instruction.statement->line)};
    cell.write_scope = static_cast<uint8_t>(touch.instruction.access.scope);
    cell.write_is_atomic = touch.use == Use::atomic;
    cell.initialized |= touch.mask;
}

void check_cell(const Touch &touch)
{
    if (touch.use != Use::write && (touch.cell->initialized & touch.mask) != touch.mask &&
        sim::region_at(touch.address)->space != sim::Space::pinned)
        report(touch.warp, touch.instruction, touch.lane, LYRNN_SIM_UNINITIALIZED,
               "read of memory at %#zx that was never written", static_cast<size_t>(touch.address));
    check_writes_before(touch);
    if (touch.use == Use::read)
        note_read(touch);
    else
        check_and_note_write(touch);
}

void check_all(Warp &warp, const Instruction &instruction, Lanes lanes, uintptr_t address,
               size_t bytes, Use use, uint32_t writer)
{
    if (use != Use::read && is_source_of_copy(address, bytes))
        report(warp, instruction, static_cast<unsigned>(__builtin_ctz(lanes)), LYRNN_SIM_RACE,
               "%s of memory %#zx, which an asynchronous copy has not read yet", name_of(use),
               static_cast<size_t>(address));
    const uintptr_t end = address + bytes;
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
    while (address < end) {
        const uintptr_t word = address / 4 * 4, stop = end < word + 4 ? end : word + 4;
        const unsigned mask = (0xfu << (address - word) & 0xfu) & (0xfu >> (word + 4 - stop));
        check_cell({warp, instruction, lanes, lane, address, sim::cell_at(word),
                    static_cast<uint8_t>(mask), use, writer});
        address = stop;
    }
}

} // namespace

/* Other instructions may not use the memory of an mbarrier. */
static void refuse_mbarriers(Warp &warp, const Instruction &instruction, unsigned lane,
                             uintptr_t address, size_t bytes)
{
    if (run->mbarriers.empty() || sim::region_at(address)->space != sim::Space::shared)
        return;
    for (uintptr_t at = address / 8 * 8; at < address + bytes; at += 8)
        if (mbarrier_at(at) != nullptr)
            report(warp, instruction, lane, LYRNN_SIM_BAD_ARGUMENT,
                   "an access to the mbarrier at %#zx, which only mbarrier instructions may use "
                   "until mbarrier.inval ends it",
                   static_cast<size_t>(at));
}

void check_mbarrier(Warp &warp, const Instruction &instruction, unsigned lane, uintptr_t place,
                    Use use)
{
    check_all(warp, instruction, 1u << lane, place, 8, use, warp.first_thread + lane);
}

void check_cells(Warp &warp, const Instruction &instruction, Lanes lanes, uintptr_t address,
                 size_t bytes, Use use)
{
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
    const uint32_t thread = warp.first_thread + lane;
    refuse_mbarriers(warp, instruction, lane, address, bytes);
    check_all(warp, instruction, lanes, address, bytes, use, thread);
}

void check_copy_write(Warp &warp, const Instruction &instruction, unsigned lane, uintptr_t address,
                      size_t bytes, uint32_t writer)
{
    refuse_mbarriers(warp, instruction, lane, address, bytes);
    check_all(warp, instruction, 1u << lane, address, bytes, Use::write, writer);
}

} // namespace ptx
