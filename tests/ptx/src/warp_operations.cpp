/* Operations in which the lanes of a warp exchange values: shfl, vote, match, redux, elect and
 * activemask (PTX ISA 9.0, sections 9.7.9.6 and 9.7.13).
 *
 * The mask of an operation names the lanes that take part. A warp may be here with several masks,
 * such as those of two tiles of 16 lanes, if lanes that name each other have the same mask. A mask
 * may name lanes that have ended. Nobody waits for them, and their values cannot be read. */
#include "ptx_report.h"
#include "scheduler.h"
#include "warp.h"

namespace ptx
{

/* Lanes that name each other must have the same mask. */
static void check_masks(Warp &warp, const Instruction &instruction, const uint32_t *masks)
{
    const Lanes lanes = warp.group().lanes;
    const uint32_t first = masks[__builtin_ctz(lanes)];
    uint32_t difference = 0;
    for_each_lane(lanes, [&](unsigned lane) { difference |= masks[lane] ^ first; });
    if (difference == 0)
        return;
    for_each_lane(lanes, [&](unsigned lane) {
        for_each_lane(masks[lane] & lanes, [&](unsigned other) {
            if (masks[other] != masks[lane])
                report(warp, instruction, lane, LYRNN_SIM_BAD_WARP_OPERATION,
                       "lane %u has the mask %#x, but lane %u, which it names, has %#x", lane,
                       masks[lane], other, masks[other]);
        });
    });
}

static void check_callers(Warp &warp, const Instruction &instruction, const uint32_t *masks)
{
    for_each_lane(warp.group().lanes, [&](unsigned lane) {
        if ((masks[lane] >> lane & 1) == 0)
            report(warp, instruction, lane, LYRNN_SIM_BAD_WARP_OPERATION,
                   "the mask %#x does not name the calling lane %u", masks[lane], lane);
    });
}

/* Returns the lanes of the group whose masks name only lanes that have come to this instruction. */
static Lanes complete_lanes(Warp &warp, const uint32_t *masks)
{
    const Group &group = warp.group();
    Lanes missing = warp.exists & ~warp.exited & ~group.lanes, complete = 0;
    for (const Group &other : warp.groups)
        if (other.wait == Wait::warp && other.next == group.next)
            missing &= ~other.lanes;
    for_each_lane(group.lanes, [&](unsigned lane) {
        complete |= static_cast<Lanes>((masks[lane] & missing) == 0) << lane;
    });
    return complete;
}

const uint32_t *meet(Warp &warp, const Instruction &instruction, const Operand &operand)
{
    const uint32_t *masks = row<uint32_t>(warp, operand);
    check_callers(warp, instruction, masks);
    const Lanes lanes = warp.group().lanes, complete = complete_lanes(warp, masks);
    if (complete != 0 && complete != lanes) {
        Group rest = warp.group();
        rest.lanes = lanes & ~complete;
        rest.wait = Wait::warp;
        warp.group().lanes = complete;
        warp.groups.push_back(rest);
    }
    Lanes named = 0;
    for_each_lane(warp.group().lanes, [&](unsigned lane) { named |= masks[lane]; });
    if (!gather(warp, named))
        return nullptr;
    check_masks(warp, instruction, masks);
    return masks;
}

enum Shuffle : uint8_t { SHUFFLE_UP, SHUFFLE_DOWN, SHUFFLE_BUTTERFLY, SHUFFLE_INDEX };

/* Returns the lane that this one reads. b is an offset or a lane. Bits 8 to 12 of c say which bits
 * of a lane's number name its segment, and bits 0 to 4 are a limit within the segment. Beyond the
 * limit a lane reads itself. */
template <Shuffle mode>
static unsigned source_lane(unsigned lane, uint32_t b, uint32_t c, bool *is_in_range)
{
    const unsigned segment = c >> 8 & 31, offset = b & 31;
    const unsigned first = lane & segment, limit = first | (c & 31 & ~segment);
    if (mode == SHUFFLE_UP) {
        *is_in_range = lane >= limit + offset;
        return *is_in_range ? lane - offset : lane;
    }
    const unsigned source = mode == SHUFFLE_DOWN        ? lane + offset
                            : mode == SHUFFLE_BUTTERFLY ? (lane ^ offset)
                                                        : (first | (offset & ~segment));
    *is_in_range = source <= limit;
    return *is_in_range ? source : lane;
}

/* d|p, a, b, c, mask */
template <Shuffle mode> static void shuffle(Warp &warp, const Instruction &instruction, Lanes)
{
    const Operand *operands = instruction.operands;
    const uint32_t *masks = meet(warp, instruction, operands[5]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes;
    const uint32_t *a = row<uint32_t>(warp, operands[2]), *b = row<uint32_t>(warp, operands[3]);
    const uint32_t *c = row<uint32_t>(warp, operands[4]);
    uint32_t result[num_lanes] = {};
    Lanes in_range = 0;
    for_each_lane(lanes, [&](unsigned lane) {
        bool is_in_range;
        const unsigned source = source_lane<mode>(lane, b[lane], c[lane], &is_in_range);
        if ((masks[lane] & lanes & 1u << source) == 0)
            report(warp, instruction, lane, LYRNN_SIM_BAD_WARP_OPERATION,
                   "lane %u reads lane %u, which does not take part", lane, source);
        in_range |= static_cast<Lanes>(is_in_range) << lane;
        result[lane] = a[source];
    });
    assign(row<uint32_t>(warp, operands[0]), result, lanes);
    set_predicate(warp, operands[1], lanes, in_range);
}

enum Vote : uint8_t { VOTE_ALL, VOTE_ANY, VOTE_UNIFORM };

/* d, a, mask */
template <Vote mode> static void vote(Warp &warp, const Instruction &instruction, Lanes)
{
    const uint32_t *masks = meet(warp, instruction, instruction.operands[2]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes, a = predicate(warp, instruction.operands[1]);
    Lanes result = 0;
    for_each_lane(lanes, [&](unsigned lane) {
        const Lanes members = masks[lane] & lanes;
        const bool all = (a & members) == members, any = (a & members) != 0;
        const bool value = mode == VOTE_ALL ? all : mode == VOTE_ANY ? any : all || !any;
        result |= static_cast<Lanes>(value) << lane;
    });
    set_predicate(warp, instruction.operands[0], lanes, result);
}

static void ballot(Warp &warp, const Instruction &instruction, Lanes)
{
    const uint32_t *masks = meet(warp, instruction, instruction.operands[2]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes, a = predicate(warp, instruction.operands[1]);
    uint32_t result[num_lanes];
    for (unsigned lane = 0; lane < num_lanes; lane++)
        result[lane] = masks[lane] & lanes & a;
    assign(row<uint32_t>(warp, instruction.operands[0]), result, lanes);
}

/* Returns which of these lanes have the value. */
template <typename T> static Lanes equal_lanes(const T *values, Lanes lanes, T value)
{
    Lanes equal = 0;
    for_each_lane(
        lanes, [&](unsigned lane) { equal |= static_cast<Lanes>(values[lane] == value) << lane; });
    return equal;
}

/* d, a, mask: the lanes that have the same value as this one. */
template <typename T> static void match_any(Warp &warp, const Instruction &instruction, Lanes)
{
    const uint32_t *masks = meet(warp, instruction, instruction.operands[2]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes;
    const T *a = row<T>(warp, instruction.operands[1]);
    uint32_t result[num_lanes] = {};
    for_each_lane(
        lanes, [&](unsigned lane) { result[lane] = equal_lanes(a, masks[lane] & lanes, a[lane]); });
    assign(row<uint32_t>(warp, instruction.operands[0]), result, lanes);
}

/* d|p, a, mask: all lanes that take part if they have the same value, else none. */
template <typename T> static void match_all(Warp &warp, const Instruction &instruction, Lanes)
{
    const uint32_t *masks = meet(warp, instruction, instruction.operands[3]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes;
    const T *a = row<T>(warp, instruction.operands[2]);
    uint32_t result[num_lanes] = {};
    Lanes equal = 0;
    for_each_lane(lanes, [&](unsigned lane) {
        const Lanes members = masks[lane] & lanes;
        if (equal_lanes(a, members, a[lane]) == members) {
            result[lane] = members;
            equal |= 1u << lane;
        }
    });
    assign(row<uint32_t>(warp, instruction.operands[0]), result, lanes);
    set_predicate(warp, instruction.operands[1], lanes, equal);
}

struct Add {
    uint32_t operator()(uint32_t a, uint32_t b) const
    {
        return a + b;
    }
};
struct And {
    uint32_t operator()(uint32_t a, uint32_t b) const
    {
        return a & b;
    }
};
struct Or {
    uint32_t operator()(uint32_t a, uint32_t b) const
    {
        return a | b;
    }
};
struct Xor {
    uint32_t operator()(uint32_t a, uint32_t b) const
    {
        return a ^ b;
    }
};
template <typename T> struct Min {
    T operator()(T a, T b) const
    {
        return a < b ? a : b;
    }
};
template <typename T> struct Max {
    T operator()(T a, T b) const
    {
        return a > b ? a : b;
    }
};

/* d, a, mask */
template <typename T, typename Operation>
static void reduce(Warp &warp, const Instruction &instruction, Lanes)
{
    const uint32_t *masks = meet(warp, instruction, instruction.operands[2]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes;
    const T *a = row<T>(warp, instruction.operands[1]);
    T result[num_lanes] = {};
    for (Lanes rest = lanes; rest != 0;) {
        const Lanes members = masks[__builtin_ctz(rest)] & lanes;
        T total = a[__builtin_ctz(members)];
        for_each_lane(members & (members - 1),
                      [&](unsigned lane) { total = Operation()(total, a[lane]); });
        for_each_lane(members, [&](unsigned lane) { result[lane] = total; });
        rest &= ~members;
    }
    assign(row<T>(warp, instruction.operands[0]), result, lanes);
}

/* d|p, mask: the manual leaves open which lane is the leader, as long as it is always the same for
 * one mask. If the order is drawn, it is not the first one, so that nobody relies on it. */
static void elect(Warp &warp, const Instruction &instruction, Lanes)
{
    const uint32_t *masks = meet(warp, instruction, instruction.operands[2]);
    if (masks == nullptr)
        return;
    const Lanes lanes = warp.group().lanes;
    uint32_t result[num_lanes] = {};
    Lanes leaders = 0;
    for_each_lane(lanes, [&](unsigned lane) {
        const Lanes members = masks[lane] & lanes;
        const int leader =
            sim::order_is_drawn() ? 31 - __builtin_clz(members) : __builtin_ctz(members);
        result[lane] = static_cast<uint32_t>(leader);
        leaders |= 1u << leader;
    });
    assign(row<uint32_t>(warp, instruction.operands[0]), result, lanes);
    set_predicate(warp, instruction.operands[1], lanes, leaders);
}

/* d: the lanes that are here, which any lane may leave or join. */
static void active_mask(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    uint32_t result[num_lanes];
    for (unsigned lane = 0; lane < num_lanes; lane++)
        result[lane] = lanes;
    assign(row<uint32_t>(warp, instruction.operands[0]), result, lanes);
}

void add_warp_forms(Forms *forms)
{
    const struct {
        const char *mnemonic, *operands;
        Handler handler;
    } meetings[] = {
        {"shfl.sync.up.b32", "wPwwww", shuffle<SHUFFLE_UP>},
        {"shfl.sync.down.b32", "wPwwww", shuffle<SHUFFLE_DOWN>},
        {"shfl.sync.bfly.b32", "wPwwww", shuffle<SHUFFLE_BUTTERFLY>},
        {"shfl.sync.idx.b32", "wPwwww", shuffle<SHUFFLE_INDEX>},
        {"vote.sync.all.pred", "ppw", vote<VOTE_ALL>},
        {"vote.sync.any.pred", "ppw", vote<VOTE_ANY>},
        {"vote.sync.uni.pred", "ppw", vote<VOTE_UNIFORM>},
        {"vote.sync.ballot.b32", "wpw", ballot},
        {"match.any.sync.b32", "www", match_any<uint32_t>},
        {"match.any.sync.b64", "wdw", match_any<uint64_t>},
        {"match.all.sync.b32", "wPww", match_all<uint32_t>},
        {"match.all.sync.b64", "wPdw", match_all<uint64_t>},
        {"redux.sync.add.u32", "www", reduce<uint32_t, Add>},
        {"redux.sync.add.s32", "www", reduce<uint32_t, Add>},
        {"redux.sync.min.u32", "www", reduce<uint32_t, Min<uint32_t>>},
        {"redux.sync.min.s32", "www", reduce<int32_t, Min<int32_t>>},
        {"redux.sync.max.u32", "www", reduce<uint32_t, Max<uint32_t>>},
        {"redux.sync.max.s32", "www", reduce<int32_t, Max<int32_t>>},
        {"redux.sync.and.b32", "www", reduce<uint32_t, And>},
        {"redux.sync.or.b32", "www", reduce<uint32_t, Or>},
        {"redux.sync.xor.b32", "www", reduce<uint32_t, Xor>},
        {"elect.sync", "wPw", elect},
    };
    for (const auto &form : meetings)
        forms->insert({form.mnemonic, {form.handler, form.operands, Kind::meeting}});
    forms->insert({"activemask.b32", {active_mask, "w"}});
}

} // namespace ptx
