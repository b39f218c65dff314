/* A warp: its registers, and the groups of lanes that are at the same instruction.
 *
 * Lanes that take different ways at a branch become two groups, and groups that meet at an
 * instruction become one again. PTX leaves open in which order the groups of a warp run: the one
 * that is furthest behind goes first, or one that the seed draws. */
#ifndef LYRNN_PTX_WARP_H
#define LYRNN_PTX_WARP_H

#include <cstring>

#include "program.h"

namespace ptx
{

struct Block;

/* What a group waits for. */
enum class Wait : uint8_t { nothing, warp, barrier, cluster };

struct Group {
    uint32_t next; /* instruction */
    Lanes lanes;
    Wait wait;
    unsigned barrier; /* of Wait::barrier: its number */
};

struct Warp {
    Block *block;
    const Program *program;
    uint32_t number;       /* in the block */
    uint32_t first_thread; /* number in the grid of lane 0 */
    Lanes exists, exited;
    Lanes arrived_at_cluster; /* and have not continued */
    Lanes may_leave_cluster;  /* those of them whose barrier is complete */
    std::vector<Group> groups;
    size_t current;               /* the group that runs */
    bool has_yielded;             /* the group polls: another warp should run */
    unsigned branches_since_poll; /* since the last read that may wait for another thread */
    std::vector<uint64_t> registers;
    std::vector<uint8_t> local; /* local_bytes for each lane */

    Group &group()
    {
        return groups[current];
    }
};

/* The 32 values of an operand. */
template <typename T> T *row(Warp &warp, const Operand &operand)
{
    uint64_t *base = operand.row >= 0
                         ? warp.registers.data() + static_cast<size_t>(operand.row) * row_bytes / 8
                         : const_cast<uint64_t *>(warp.program->constants.data()) +
                               static_cast<size_t>(~operand.row) * row_bytes / 8;
    return reinterpret_cast<T *>(base);
}

inline Lanes predicate(Warp &warp, const Operand &operand)
{
    Lanes value = *row<Lanes>(warp, operand);
    return operand.is_negated ? ~value : value;
}

inline void set_predicate(Warp &warp, const Operand &operand, Lanes lanes, Lanes value)
{
    Lanes *to = row<Lanes>(warp, operand);
    *to = (*to & ~lanes) | (value & lanes);
}

/* Writes the values of the lanes that execute. */
template <typename T> void assign(T *to, const T *values, Lanes lanes)
{
    if (lanes == all_lanes) {
        memcpy(to, values, num_lanes * sizeof(T));
        return;
    }
    for (unsigned i = 0; i < num_lanes; i++)
        to[i] = (lanes >> i & 1) != 0 ? values[i] : to[i];
}

/* Calls function(lane) for each of the lanes. */
template <typename F> void for_each_lane(Lanes lanes, F &&function)
{
    for (; lanes != 0; lanes &= lanes - 1)
        function(static_cast<unsigned>(__builtin_ctz(lanes)));
}

/* For operations of the lanes in mask. All of them must come to the current instruction. True:
 * they are here, and group().lanes are those of them that have not ended. False: the group waits
 * now, and the handler is called again when another group comes. */
bool gather(Warp &warp, Lanes mask);

/* The same for a mask in each lane, such as those of two tiles of 16 lanes. Returns the masks. From
 * then on, the group is those lanes whose masks name only lanes that are here. NULL: there are
 * none, and the group waits now. Reports masks that contradict each other. */
const uint32_t *meet(Warp &warp, const Instruction &instruction, const Operand &operand);

/* Whether a group can continue. */
bool is_ready(const Warp &warp);
/* Runs groups until all wait or have ended, one yields, or `quantum` branches were taken. */
void run_warp(Warp &warp, unsigned quantum);

/* The rest of the group continues at `next`; the current group keeps the lanes. */
void split_group(Warp &warp, Lanes lanes, uint32_t next);

/* The lanes of the group wait. */
void wait_for(Warp &warp, Wait wait, unsigned barrier);
/* Groups that wait for this continue behind the instruction at which they wait. */
void release(Warp &warp, Wait wait, unsigned barrier);

} // namespace ptx

#endif
