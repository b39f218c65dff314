/* Calls of NCCL: their texts and the checks of their arguments. */
#include "call.h"

#include <algorithm>

namespace fake
{

static const struct {
    const char *name;
    size_t bytes;
} types[] = {{"int8", 1},   {"uint8", 1},   {"int32", 4},   {"uint32", 4},  {"int64", 8},
             {"uint64", 8}, {"float16", 2}, {"float32", 4}, {"float64", 8}, {"bfloat16", 2}};

static const Accusation none = {LYRNN_SIM_NO_DEFECT, ""};

size_t Part::bytes() const
{
    return count * types[type].bytes;
}

static std::string name_of(const Part &part)
{
    std::string what = std::to_string(part.count) + " " + types[part.type].name;
    switch (part.kind) {
    case Kind::send:
        return "send " + what + " to " + std::to_string(part.peer);
    case Kind::receive:
        return "receive " + what + " from " + std::to_string(part.peer);
    case Kind::all_gather:
        break;
    }
    return "all-gather " + what;
}

/* Parts that only differ in the peer are named together. */
std::string Call::text() const
{
    std::string text = is_captured ? "captured " : "";
    std::vector<bool> is_named(parts.size());
    for (size_t i = 0; i < parts.size(); i++) {
        if (is_named[i])
            continue;
        text += (i == 0 ? "" : " + ") + name_of(parts[i]);
        for (size_t j = i + 1; j < parts.size(); j++) {
            const bool is_like = parts[j].kind == parts[i].kind &&
                                 parts[j].count == parts[i].count && parts[j].type == parts[i].type;
            if (is_like && parts[i].kind != Kind::all_gather)
                text += "," + std::to_string(parts[j].peer);
            is_named[j] = is_named[j] || (is_like && parts[i].kind != Kind::all_gather);
        }
    }
    return text;
}

void History::add(const Call &call)
{
    constexpr size_t most = 6;
    num_calls++;
    last.push_back(std::to_string(num_calls) + ": " + call.text());
    if (last.size() > most)
        last.pop_front();
}

std::string History::text(int rank) const
{
    std::string text = "calls of rank " + std::to_string(rank) + ":";
    for (const std::string &call : last)
        text += " [" + call + "]";
    return last.empty() ? text + " none" : text;
}

/* Bytes that a part reads or writes. */
struct Range {
    const Part *part;
    const char *begin;
    size_t bytes;
    bool is_written;
};

static std::vector<Range> ranges_of(const Call &call, int size)
{
    std::vector<Range> ranges;
    for (const Part &part : call.parts) {
        size_t all = part.bytes() * (part.kind == Kind::all_gather ? static_cast<size_t>(size) : 1);
        if (part.kind != Kind::receive)
            ranges.push_back({&part, part.from, part.bytes(), false});
        if (part.kind != Kind::send)
            ranges.push_back({&part, part.to, all, true});
    }
    return ranges;
}

/* An all-gather may find its own piece in its place already. */
static bool is_in_place(const Range &a, const Range &b, int rank)
{
    const Part &part = *a.part;
    return a.part == b.part && part.kind == Kind::all_gather &&
           part.from == part.to + static_cast<size_t>(rank) * part.bytes();
}

Accusation check_buffers(const Call &call, int rank, int size)
{
    std::vector<Range> ranges = ranges_of(call, size);
    for (const Range &range : ranges) {
        const char *fault = lyrnn_sim_find_fault(range.begin, range.bytes);
        if (fault != nullptr && range.bytes > 0)
            return {LYRNN_SIM_BAD_ARGUMENT,
                    std::string(range.is_written ? "the receive" : "the send") + " buffer of " +
                        name_of(*range.part) + " " + fault};
    }
    for (const Range &a : ranges)
        for (const Range &b : ranges)
            if (&a < &b && (a.is_written || b.is_written) && a.begin < b.begin + b.bytes &&
                b.begin < a.begin + a.bytes && !is_in_place(a, b, rank))
                return {LYRNN_SIM_BUFFERS_OVERLAP,
                        "the buffers of " + name_of(*a.part) + " and " + name_of(*b.part) +
                            " overlap, and one of them is received into"};
    return none;
}

Accusation check_written(const Call &call)
{
    for (const Part &part : call.parts) {
        const void *hole = part.kind == Kind::receive
                               ? nullptr
                               : lyrnn_sim_find_unwritten(part.from, part.bytes());
        if (hole != nullptr)
            return {LYRNN_SIM_UNINITIALIZED,
                    "byte " + std::to_string(static_cast<const char *>(hole) - part.from) +
                        " of the data of " + name_of(part) + " was never written"};
    }
    return none;
}

/* The parts of one kind that concern the peer. */
static std::vector<Part> parts_with(const Call &call, Kind kind, int peer)
{
    std::vector<Part> found;
    std::copy_if(call.parts.begin(), call.parts.end(), std::back_inserter(found),
                 [=](const Part &part) {
                     return part.kind == kind && (kind == Kind::all_gather || part.peer == peer);
                 });
    return found;
}

static bool is_all_gather(const Part &part)
{
    return part.kind == Kind::all_gather;
}

/* One is an exchange of sends and receives, the other an all-gather. */
static bool are_different(const Call &a, const Call &b)
{
    auto num_gathers = [](const Call &call) {
        return std::count_if(call.parts.begin(), call.parts.end(), is_all_gather);
    };
    auto has_others = [](const Call &call) {
        return !std::all_of(call.parts.begin(), call.parts.end(), is_all_gather);
    };
    return num_gathers(a) != num_gathers(b) || has_others(a) != has_others(b);
}

/* Whether what `from` sends is what `to` receives. */
static Accusation match(const Call &sender, int from, const Call &receiver, int to)
{
    std::vector<Part> sends = parts_with(sender, Kind::send, to);
    std::vector<Part> receives = parts_with(receiver, Kind::receive, from);
    std::string names = "rank " + std::to_string(from) + " has " + std::to_string(sends.size()) +
                        " sends to rank " + std::to_string(to) + ", which has " +
                        std::to_string(receives.size()) + " receives from it";
    bool both_only_send = receives.empty() && parts_with(sender, Kind::receive, to).empty() &&
                          !parts_with(receiver, Kind::send, from).empty();
    if (sends.size() > receives.size() && both_only_send)
        return {LYRNN_SIM_BAD_GROUP, "both ranks send, and only then receive: put the sends and "
                                     "receives between ncclGroupStart and ncclGroupEnd"};
    if (sends.size() != receives.size())
        return {LYRNN_SIM_UNMATCHED, names};
    for (size_t i = 0; i < sends.size(); i++)
        if (sends[i].count != receives[i].count || sends[i].type != receives[i].type)
            return {LYRNN_SIM_COUNTS_DIFFER, "rank " + std::to_string(from) + " has \"" +
                                                 name_of(sends[i]) + "\" and rank " +
                                                 std::to_string(to) + " has \"" +
                                                 name_of(receives[i]) + "\""};
    return none;
}

Accusation compare(const Call &mine, int rank, const Call &theirs, int peer)
{
    if (mine.is_captured != theirs.is_captured)
        return {LYRNN_SIM_CAPTURES_DIFFER,
                "rank " + std::to_string(mine.is_captured ? rank : peer) +
                    " runs it in a graph and rank " +
                    std::to_string(mine.is_captured ? peer : rank) + " eagerly"};
    if (are_different(mine, theirs))
        return {LYRNN_SIM_CALLS_DIFFER, "the ranks make different calls"};
    std::vector<Part> mine_gathered = parts_with(mine, Kind::all_gather, peer);
    std::vector<Part> gathered = parts_with(theirs, Kind::all_gather, rank);
    for (size_t i = 0; i < gathered.size(); i++)
        if (gathered[i].count != mine_gathered[i].count ||
            gathered[i].type != mine_gathered[i].type)
            return {LYRNN_SIM_COUNTS_DIFFER, "rank " + std::to_string(rank) + " has \"" +
                                                 name_of(mine_gathered[i]) + "\" and rank " +
                                                 std::to_string(peer) + " has \"" +
                                                 name_of(gathered[i]) + "\""};
    Accusation accusation = match(mine, rank, theirs, peer);
    return accusation.defect == LYRNN_SIM_NO_DEFECT ? match(theirs, peer, mine, rank) : accusation;
}

} // namespace fake
