/* ld and st in every state space. */
#include <algorithm>

#include "addresses.h"
#include "lanewise.h"
#include "order.h"
#include "ptx_report.h"

namespace ptx
{

template <typename T> static uint64_t read_as(const char *from)
{
    T value;
    memcpy(&value, from, sizeof value);
    return static_cast<uint64_t>(value);
}

/* A copy whose size only Access knows would take longer than all else in a load. */
static uint64_t extended(const char *from, const Access &access)
{
    switch (access.bytes) {
    case 1:
        return access.is_signed ? read_as<int8_t>(from) : read_as<uint8_t>(from);
    case 2:
        return access.is_signed ? read_as<int16_t>(from) : read_as<uint16_t>(from);
    case 4:
        return access.is_signed ? read_as<int32_t>(from) : read_as<uint32_t>(from);
    default:
        return read_as<uint64_t>(from);
    }
}

static void set_register(Warp &warp, const Operand &operand, unsigned lane, uint64_t value)
{
    if (operand.bytes == 2)
        row<uint16_t>(warp, operand)[lane] = static_cast<uint16_t>(value);
    else if (operand.bytes == 4)
        row<uint32_t>(warp, operand)[lane] = static_cast<uint32_t>(value);
    else
        row<uint64_t>(warp, operand)[lane] = value;
}

static uint64_t register_value(Warp &warp, const Operand &operand, unsigned lane)
{
    return operand.bytes == 2   ? row<uint16_t>(warp, operand)[lane]
           : operand.bytes == 4 ? row<uint32_t>(warp, operand)[lane]
                                : row<uint64_t>(warp, operand)[lane];
}

/* Those of the lanes that have the address of the first of them. Mostly a lane has either its own
 * address, or that of all others. */
static Lanes lanes_like_first(const uint64_t *addresses, Lanes lanes)
{
    const Lanes rest = lanes & (lanes - 1);
    const uint64_t address = addresses[__builtin_ctz(lanes)];
    if (rest == 0 || addresses[__builtin_ctz(rest)] != address)
        return lanes ^ rest;
    Lanes equal = 0;
    for (unsigned lane = 0; lane < num_lanes; lane++)
        equal |= addresses[lane] == address ? lane_bits.of[lane] : 0;
    return equal & lanes;
}

/* Lanes with the same address read together: weights and activations are often shared by a warp. */
static void load(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const Access &access = instruction.access;
    const size_t bytes = static_cast<size_t>(access.bytes) * access.count;
    uint64_t addresses[num_lanes];
    addresses_of(warp, instruction.operands[access.count], addresses);
    while (lanes != 0) {
        const unsigned first = static_cast<unsigned>(__builtin_ctz(lanes));
        Lanes same = lanes_like_first(addresses, lanes);
        if (access.space == Space::local || access.space == Space::param)
            same = 1u << first;
        bool is_checked;
        const char *from =
            memory_at(warp, instruction, first, addresses[first], bytes, Use::read, &is_checked);
        if (is_checked)
            check_cells(warp, instruction, same, reinterpret_cast<uintptr_t>(from), bytes,
                        Use::read);
        for (unsigned k = 0; k < access.count; k++) {
            const uint64_t value = extended(from + k * access.bytes, access);
            for_each_lane(same, [&](unsigned lane) {
                set_register(warp, instruction.operands[k], lane, value);
            });
        }
        if (access.order != Order::weak)
            for_each_lane(same, [&](unsigned lane) {
                acquire_by_read(warp, lane, access, reinterpret_cast<uintptr_t>(from));
            });
        lanes &= ~same;
    }
}

static void store(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const Access &access = instruction.access;
    const size_t bytes = static_cast<size_t>(access.bytes) * access.count;
    for_each_lane(lanes, [&](unsigned lane) {
        char values[64];
        const uint64_t address = address_of(warp, instruction.operands[0], lane);
        for (unsigned k = 0; k < access.count; k++) {
            const uint64_t value = register_value(warp, instruction.operands[1 + k], lane);
            memcpy(values + k * access.bytes, &value, access.bytes);
        }
        bool is_checked;
        char *to = memory_at(warp, instruction, lane, address, bytes, Use::write, &is_checked);
        const uintptr_t place = reinterpret_cast<uintptr_t>(to);
        if (is_checked)
            check_cells(warp, instruction, 1u << lane, place, bytes, Use::write);
        if (access.order != Order::weak || run->words.count(place) != 0)
            release_by_write(warp, lane, access, place, false);
        run->progress += memcmp(to, values, bytes) != 0;
        memcpy(to, values, bytes);
    });
}

static bool read_scope(const std::string &word, Access *access)
{
    static const std::map<std::string, Scope> scopes = {{"cta", Scope::block},
                                                        {"cluster", Scope::cluster},
                                                        {"gpu", Scope::gpu},
                                                        {"sys", Scope::system}};
    auto found = scopes.find(word);
    if (found != scopes.end())
        access->scope = found->second;
    return found != scopes.end();
}

static bool read_space(const std::string &word, Access *access)
{
    static const std::map<std::string, Space> spaces = {
        {"global", Space::global},      {"shared", Space::shared},
        {"shared::cta", Space::shared}, {"shared::cluster", Space::shared},
        {"local", Space::local},        {"param", Space::param},
        {"param::entry", Space::param}, {"param::func", Space::param},
        {"const", Space::constant}};
    auto found = spaces.find(word);
    if (found != spaces.end())
        access->space = found->second;
    access->is_cluster |= word == "shared::cluster";
    return found != spaces.end();
}

static bool read_order(const std::string &word, Access *access)
{
    static const std::map<std::string, Order> orders = {
        {"weak", Order::weak},       {"volatile", Order::relaxed},
        {"relaxed", Order::relaxed}, {"acquire", Order::acquire},
        {"release", Order::release}, {"acq_rel", Order::acquire_release}};
    auto found = orders.find(word);
    if (found == orders.end())
        return false;
    access->order = found->second;
    if (word == "volatile")
        access->scope = Scope::system;
    return true;
}

bool read_memory_words(const std::vector<std::string> &words, Access *access, std::string *type)
{
    for (const std::string &word : words) {
        if (read_order(word, access) || read_scope(word, access) || read_space(word, access))
            continue;
        if (word == "v2" || word == "v4" || word == "v8")
            access->count = static_cast<uint8_t>(word[1] - '0');
        else if (size_of_type(word) != 0 && type->empty())
            *type = word;
        else
            return false;
    }
    access->bytes = static_cast<uint8_t>(size_of_type(*type));
    access->is_signed = !type->empty() && (*type)[0] == 's';
    return access->bytes != 0 && access->bytes <= 8 && *type != "pred";
}

/* Hints for caches change no result. */
static bool is_cache_hint(const std::string &word, bool is_load)
{
    static const char *const of_loads[] = {"ca", "cg", "cs", "lu", "cv"};
    static const char *const of_stores[] = {"wb", "cg", "cs", "wt"};
    if (word.compare(0, 4, "L1::") == 0 || word.compare(0, 4, "L2::") == 0)
        return true;
    if (is_load)
        return std::find(std::begin(of_loads), std::end(of_loads), word) != std::end(of_loads);
    return std::find(std::begin(of_stores), std::end(of_stores), word) != std::end(of_stores);
}

bool memory_form(const std::string &mnemonic, Form *form)
{
    std::vector<std::string> words = split(mnemonic, '.'), rest;
    const bool is_load = words[0] == "ld", is_store = words[0] == "st";
    if (!is_load && !is_store)
        return false;
    std::string type;
    Access access = {};
    access.count = 1;
    for (size_t i = 1; i < words.size(); i++) {
        if (is_load && words[i] == "nc")
            access.is_read_only = true;
        else if (!is_cache_hint(words[i], is_load))
            rest.push_back(words[i]);
    }
    if (!read_memory_words(rest, &access, &type) || access.bytes * access.count > 32)
        return false;
    const bool is_strong = access.order != Order::weak;
    if (is_strong != (access.scope != Scope::none) || (is_load && access.order == Order::release) ||
        (is_store && access.order == Order::acquire) || access.order == Order::acquire_release ||
        (access.is_read_only && (access.space != Space::global || is_strong)))
        return false;
    const char letter = access.bytes == 8 ? 'd' : access.bytes == 4 ? 'w' : 'h';
    const std::string values(access.count, letter);
    *form = {is_load ? load : store, is_load ? values + "a" : "a" + values};
    form->access = access;
    return true;
}

} // namespace ptx
