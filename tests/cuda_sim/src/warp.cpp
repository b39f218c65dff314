/* Shuffles, votes and reductions. Every lane in the mask supplies its value and waits; the last one
 * to arrive computes all results. These operations order no memory accesses; __syncwarp does. */
#include "grid.h"

#include "report.h"

namespace sim
{

/* Returns the lanes that must arrive. Lanes that have returned need not. */
static unsigned expected_lanes(const Warp &warp, unsigned mask)
{
    return mask & warp.exists & ~warp.exited;
}

/* Returns the lane that a shuffle reads. It is the calling lane where the source would be in
 * another segment of the warp. */
static unsigned source_lane(const WarpRequest &request, unsigned lane)
{
    unsigned width = static_cast<unsigned>(request.width);
    unsigned first = lane / width * width, source = lane;
    switch (request.operation) {
    case LYRNN_SIM_SHUFFLE:
        return first + request.lane % width;
    case LYRNN_SIM_SHUFFLE_UP:
        return lane - first >= request.lane ? lane - request.lane : lane;
    case LYRNN_SIM_SHUFFLE_DOWN:
        return lane - first + request.lane < width ? lane + request.lane : lane;
    default:
        /* If the source is in a later segment, the result is the lane's own value. Earlier segments
         * can be read. */
        source = lane ^ request.lane;
        return source < first + width ? source : lane;
    }
}

static uint64_t shuffle(const Warp &warp, unsigned lane)
{
    const WarpRequest &request = warp.lanes[lane]->request;
    unsigned source = source_lane(request, lane);
    unsigned readable = expected_lanes(warp, request.mask);
    if (source > 31 || (readable >> source & 1) == 0) {
        report(LYRNN_SIM_BAD_WARP_OPERATION,
               "shuffle at line %d: lane %u reads lane %u, which does not take part",
               warp.lanes[lane]->line, lane, source);
        return 0;
    }
    return warp.lanes[source]->request.value;
}

static uint64_t reduce(lyrnn_sim_warp_operation operation, uint64_t a, uint64_t b)
{
    int32_t signed_a = static_cast<int32_t>(a), signed_b = static_cast<int32_t>(b);
    switch (operation) {
    case LYRNN_SIM_ADD:
        return static_cast<uint32_t>(a + b);
    case LYRNN_SIM_MIN:
        return a < b ? a : b;
    case LYRNN_SIM_MAX:
        return a > b ? a : b;
    case LYRNN_SIM_SIGNED_MIN:
        return signed_a < signed_b ? a : b;
    case LYRNN_SIM_SIGNED_MAX:
        return signed_a > signed_b ? a : b;
    case LYRNN_SIM_AND:
        return a & b;
    case LYRNN_SIM_OR:
        return a | b;
    default:
        return a ^ b;
    }
}

static uint64_t vote(const Warp &warp, unsigned lanes, unsigned self)
{
    const WarpRequest &request = warp.lanes[self]->request;
    uint64_t ballot = 0, matches = 0, total = 0;
    bool first = true;
    for (unsigned lane = 0; lane < 32; lane++) {
        if ((lanes >> lane & 1) == 0)
            continue;
        uint64_t value = warp.lanes[lane]->request.value;
        ballot |= (value != 0 ? uint64_t{1} : 0) << lane;
        matches |= (value == request.value ? uint64_t{1} : 0) << lane;
        total = first ? value : reduce(request.operation, total, value);
        first = false;
    }
    switch (request.operation) {
    case LYRNN_SIM_BALLOT:
        return ballot;
    case LYRNN_SIM_ANY:
        return ballot != 0;
    case LYRNN_SIM_ALL:
        return ballot == lanes;
    case LYRNN_SIM_MATCH_ANY:
        return matches;
    default:
        return total;
    }
}

/* When every lane in the leader's mask has arrived, gives all of them their results. */
static void complete_request(Warp *warp, const Thread &leader)
{
    const WarpRequest request = leader.request;
    unsigned lanes = expected_lanes(*warp, request.mask);
    if ((lanes & ~warp->waiting) != 0)
        return;
    for (unsigned lane = 0; lane < 32; lane++) {
        if ((lanes >> lane & 1) == 0)
            continue;
        const Thread &thread = *warp->lanes[lane];
        /* A lane that waits with another mask may first complete that operation, and come here
         * later. */
        if (thread.request.mask != request.mask)
            return;
        if (thread.line != leader.line || thread.request.operation != request.operation)
            report(LYRNN_SIM_DIVERGENT_BARRIER,
                   "lanes in one mask are in different warp operations, at lines %d and %d",
                   leader.line, thread.line);
    }
    for (unsigned lane = 0; lane < 32; lane++)
        if ((lanes >> lane & 1) != 0 && !request.is_barrier && !grid->canceled)
            warp->lanes[lane]->result = request.operation <= LYRNN_SIM_SHUFFLE_XOR
                                            ? shuffle(*warp, lane)
                                            : vote(*warp, lanes, lane);
    /* The clock cannot express a barrier of only some lanes, so such a barrier orders nothing
     * here. */
    if (request.is_barrier && lanes == expected_lanes(*warp, ~0u))
        warp->time = ++clock_now;
    warp->waiting &= ~lanes;
    for (unsigned lane = 0; lane < 32; lane++)
        if ((lanes >> lane & 1) != 0)
            make_ready(warp->lanes[lane]);
}

void complete_warp(Warp *warp)
{
    for (Thread *thread : warp->lanes)
        if (thread != nullptr && thread->state == State::at_warp && !grid->canceled)
            complete_request(warp, *thread);
}

static uint64_t take_part(const WarpRequest &request, int line)
{
    Thread *self = kernel_thread("a warp operation");
    Inside inside;
    if ((request.mask >> self->rank % 32 & 1) == 0)
        report(LYRNN_SIM_BAD_WARP_OPERATION,
               "line %d: the mask %#x does not include the calling lane", line, request.mask);
    self->request = request;
    self->line = line;
    self->state = State::at_warp;
    self->warp->waiting |= 1u << self->rank % 32;
    complete_request(self->warp, *self);
    wait_in(self->state, line);
    return self->result;
}

} // namespace sim

using namespace sim;

uint64_t lyrnn_sim_warp(lyrnn_sim_warp_operation operation, unsigned mask, uint64_t value,
                        unsigned lane, int width, int line)
{
    return take_part({false, operation, mask, lane, width, value}, line);
}

void __syncwarp(unsigned mask, int line)
{
    take_part({true, LYRNN_SIM_OR, mask, 0, 32, 0}, line);
}

unsigned __activemask()
{
    Thread *self = kernel_thread("__activemask");
    return 1u << self->rank % 32;
}
