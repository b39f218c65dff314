/* Atomics on integers, and the ordering between blocks that atomics and fences establish
 * together. */
#include <cstring>

#include "access.h"
#include "grid.h"
#include "report.h"

namespace sim
{

static Word *find_word(uintptr_t address)
{
    for (Word &word : grid->words)
        if (word.address == address)
            return &word;
    grid->words.push_back({address, {}});
    return &grid->words.back();
}

/* Records the ordering of an atomic. The atomic releases what its thread wrote before its last
 * fence. Once a fence follows, the thread also acquires what other threads had released at this
 * address. */
static void hand_shake(Thread *self, uintptr_t address)
{
    Word *word = find_word(address);
    if (!word->releases.empty())
        self->pending.push_back({address, word->releases.size()});
    if (self->fence_time != 0)
        word->releases.push_back(
            {self->id, self->fence_time, self->block->serial, self->fence_block_time});
}

static bool less(uint64_t a, uint64_t b, size_t bytes, bool is_signed)
{
    if (!is_signed)
        return a < b;
    if (bytes == 4)
        return static_cast<int32_t>(a) < static_cast<int32_t>(b);
    return static_cast<int64_t>(a) < static_cast<int64_t>(b);
}

static uint64_t compute(lyrnn_sim_atomic_operation operation, uint64_t old, size_t bytes,
                        bool is_signed, uint64_t value, uint64_t compare)
{
    switch (operation) {
    case LYRNN_SIM_ATOMIC_ADD:
        return old + value;
    case LYRNN_SIM_ATOMIC_MIN:
        return less(value, old, bytes, is_signed) ? value : old;
    case LYRNN_SIM_ATOMIC_MAX:
        return less(old, value, bytes, is_signed) ? value : old;
    case LYRNN_SIM_ATOMIC_AND:
        return old & value;
    case LYRNN_SIM_ATOMIC_OR:
        return old | value;
    case LYRNN_SIM_ATOMIC_XOR:
        return old ^ value;
    case LYRNN_SIM_ATOMIC_COMPARE:
        return old == compare ? value : old;
    default:
        return value;
    }
}

} // namespace sim

using namespace sim;

uint64_t lyrnn_sim_atomic(lyrnn_sim_atomic_operation operation, void *address, size_t bytes,
                          bool is_signed, uint64_t value, uint64_t compare)
{
    Thread *self = kernel_thread("an atomic");
    uint64_t old = 0;
    check_aligned_access(address, bytes, Access::atomic,
                         reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
    Inside inside;
    /* Narrow operands arrive sign-extended. The comparison uses the value as memory holds it. */
    const uint64_t mask = bytes == 4 ? 0xffffffffu : ~uint64_t{0};
    memcpy(&old, address, bytes);
    uint64_t now = compute(operation, old, bytes, is_signed, value & mask, compare & mask);
    memcpy(address, &now, bytes);
    hand_shake(self, reinterpret_cast<uintptr_t>(address));
    return old;
}

void lyrnn_sim_float_atomic(const void *)
{
    kernel_thread("an atomic");
    report_at(LYRNN_SIM_FLOAT_ATOMIC, reinterpret_cast<uintptr_t>(__builtin_return_address(0)),
              "float atomics have no fixed order, so their result differs between runs");
}
