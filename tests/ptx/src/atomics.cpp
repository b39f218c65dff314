/* atom and red. */
#include "addresses.h"
#include "order.h"
#include "ptx_report.h"
#include "scheduler.h" /* of the simulator */

namespace ptx
{

namespace
{

enum Operation : uint8_t {
    ADD,
    MIN,
    MAX,
    AND,
    OR,
    XOR,
    EXCHANGE,
    COMPARE_AND_SWAP,
    INCREMENT,
    DECREMENT,
    NUM_OPERATIONS
};
const char *const operation_names[NUM_OPERATIONS] = {"add", "min",  "max", "and", "or",
                                                     "xor", "exch", "cas", "inc", "dec"};
/* Added to the operation: it has a result. */
constexpr uint8_t HAS_RESULT = 16, IS_FLOAT = 32;

uint64_t combined(Operation operation, const Access &access, uint64_t old, uint64_t b, uint64_t c)
{
    const unsigned unused = 64 - 8u * access.bytes;
    const int64_t signed_old = static_cast<int64_t>(old << unused),
                  signed_b = static_cast<int64_t>(b << unused);
    const bool is_less = access.is_signed ? signed_old < signed_b : old < b;
    switch (operation) {
    case ADD:
        return old + b;
    case MIN:
        return is_less ? old : b;
    case MAX:
        return is_less ? b : old;
    case AND:
        return old & b;
    case OR:
        return old | b;
    case XOR:
        return old ^ b;
    case EXCHANGE:
        return b;
    case COMPARE_AND_SWAP:
        return old == b ? c : old;
    case INCREMENT:
        return old >= b ? 0 : old + 1;
    default:
        return old == 0 || old > b ? b : old - 1;
    }
}

uint64_t value_of(Warp &warp, const Operand &operand, unsigned lane, unsigned bytes)
{
    return bytes == 8 ? row<uint64_t>(warp, operand)[lane] : row<uint32_t>(warp, operand)[lane];
}

void atomic_in_lane(Warp &warp, const Instruction &instruction, unsigned lane)
{
    const Access &access = instruction.access;
    const Operand *operand = instruction.operands + ((instruction.variant & HAS_RESULT) != 0);
    const Operation operation = static_cast<Operation>(instruction.variant & 15);
    const uint64_t address = address_of(warp, operand[0], lane);
    bool is_checked;
    char *memory =
        memory_at(warp, instruction, lane, address, access.bytes, Use::atomic, &is_checked);
    const uintptr_t place = reinterpret_cast<uintptr_t>(memory);
    if (is_checked)
        check_cells(warp, instruction, 1u << lane, place, access.bytes, Use::atomic);
    /* The read of a red is part of no acquire pattern. */
    if ((instruction.variant & HAS_RESULT) != 0)
        acquire_by_read(warp, lane, access, place);
    release_by_write(warp, lane, access, place, true);
    uint64_t old = 0;
    memcpy(&old, memory, access.bytes);
    const uint64_t b = value_of(warp, operand[1], lane, access.bytes);
    const uint64_t c =
        operation == COMPARE_AND_SWAP ? value_of(warp, operand[2], lane, access.bytes) : 0;
    const uint64_t value = combined(operation, access, old, b, c);
    run->progress += memcmp(memory, &value, access.bytes) != 0;
    memcpy(memory, &value, access.bytes);
    if ((instruction.variant & HAS_RESULT) == 0)
        return;
    if (access.bytes == 8)
        row<uint64_t>(warp, instruction.operands[0])[lane] = old;
    else
        row<uint32_t>(warp, instruction.operands[0])[lane] = static_cast<uint32_t>(old);
}

/* The lanes of a warp come one after another, in any order. */
void atomic(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    if ((instruction.variant & IS_FLOAT) != 0)
        report(warp, instruction, static_cast<unsigned>(__builtin_ctz(lanes)),
               LYRNN_SIM_FLOAT_ATOMIC, "an atomic on floats, whose order is not fixed");
    const unsigned first = sim::order_is_drawn() ? static_cast<unsigned>(sim::draw(num_lanes)) : 0;
    for (unsigned i = 0; i < num_lanes; i++) {
        const unsigned lane = (first + i) % num_lanes;
        if ((lanes >> lane & 1) != 0)
            atomic_in_lane(warp, instruction, lane);
    }
}

} // namespace

bool atomic_form(const std::string &mnemonic, Form *form)
{
    std::vector<std::string> words = split(mnemonic, '.'), rest;
    const bool has_result = words[0] == "atom";
    if (!has_result && words[0] != "red")
        return false;
    Access access = {};
    access.order = Order::relaxed;
    access.scope = Scope::gpu;
    access.count = 1;
    std::string type;
    int operation = -1;
    for (size_t i = 1; i < words.size(); i++) {
        int found = -1;
        for (int k = 0; k < NUM_OPERATIONS; k++)
            found = words[i] == operation_names[k] ? k : found;
        if (found < 0)
            rest.push_back(words[i]);
        else
            operation = found;
    }
    if (operation < 0 || !read_memory_words(rest, &access, &type) || access.count != 1 ||
        access.bytes < 4)
        return false;
    const bool is_float = type[0] == 'f';
    const char letter = access.bytes == 8 ? 'd' : 'w';
    std::string operands = has_result ? std::string(1, letter) + "a" : "a";
    operands.append(operation == COMPARE_AND_SWAP ? 2 : 1, letter);
    form->handler = atomic;
    form->operands = operands;
    form->access = access;
    form->variant =
        static_cast<uint8_t>(operation | (has_result ? HAS_RESULT : 0) | (is_float ? IS_FLOAT : 0));
    return true;
}

} // namespace ptx
