/* Moves, and operations on the bits of registers and on predicates. */
#include <type_traits>

#include "lanewise.h"

namespace ptx
{
namespace
{

template <typename T> constexpr unsigned width = sizeof(T) * 8;

template <typename T> T same(T a)
{
    return a;
}

template <typename T> T bits_and(T a, T b)
{
    return a & b;
}

template <typename T> T bits_or(T a, T b)
{
    return a | b;
}

template <typename T> T bits_xor(T a, T b)
{
    return a ^ b;
}

template <typename T> T bits_not(T a)
{
    return static_cast<T>(~a);
}

template <typename T> T is_zero(T a)
{
    return a == 0 ? 1 : 0;
}

/* Shifts by the width or more leave zero, or the sign. */
template <typename T> T shl(T a, uint32_t b)
{
    using Bits = std::make_unsigned_t<T>;
    Bits shifted = static_cast<Bits>(static_cast<Bits>(a) << (b & (width<T> - 1)));
    return static_cast<T>(b < width<T> ? shifted : Bits{0});
}

template <typename T> T shr(T a, uint32_t b)
{
    constexpr uint32_t last = width<T> - 1;
    if (std::is_signed_v<T>)
        return static_cast<T>(a >> (b < last ? b : last));
    T shifted = static_cast<T>(a >> (b & last));
    return b <= last ? shifted : T{0};
}

template <bool LEFT, bool CLAMPS> uint32_t funnel(uint32_t low, uint32_t high, uint32_t amount)
{
    uint32_t by = CLAMPS ? (amount < 32 ? amount : 32) : amount & 31;
    uint64_t both = static_cast<uint64_t>(high) << 32 | low;
    return static_cast<uint32_t>(LEFT ? both << by >> 32 : both >> by);
}

/* The field of c bits from bit b. A signed one is extended by its last bit, or by the last of a. */
template <typename T> T extract_field(T a, uint32_t b, uint32_t c)
{
    uint32_t length = c & 0xff;
    T field = shr(a, b & 0xff);
    if (length == 0)
        return 0;
    return length >= width<T> ? field : shr(shl(field, width<T> - length), width<T> - length);
}

template <typename T> T low_bits(uint32_t count)
{
    return static_cast<T>(~shl(static_cast<T>(~T{0}), count));
}

/* b with the lowest bits of a put in. */
template <typename T> T insert_field(T a, T b, uint32_t c, uint32_t d)
{
    uint32_t position = c & 0xff;
    T field = low_bits<T>(d & 0xff);
    return (b & ~shl(field, position)) | shl(static_cast<T>(a & field), position);
}

template <bool CLAMPS> uint32_t field_mask(uint32_t a, uint32_t b)
{
    uint32_t position = CLAMPS ? a : a & 31, length = CLAMPS ? b : b & 31;
    return shl(low_bits<uint32_t>(length), position);
}

/* The lowest b bits of a, extended by their sign or by zeros. */
template <typename T, bool CLAMPS> T extend(T a, uint32_t b)
{
    uint32_t length = CLAMPS ? b : b & 31;
    if (length == 0)
        return 0;
    return length >= 32 ? a : shr(shl(a, 32 - length), 32 - length);
}

template <typename T> uint32_t count_ones(T a)
{
    return static_cast<uint32_t>(__builtin_popcountll(a));
}

template <typename T> uint32_t leading_zeros(T a)
{
    return a == 0 ? width<T> : static_cast<uint32_t>(__builtin_clzll(a)) - (64 - width<T>);
}

/* The position of the highest bit that differs from the sign, or how far to shift it to the top. */
template <typename T, bool AS_SHIFT> uint32_t highest_bit(T a)
{
    using Bits = std::make_unsigned_t<T>;
    Bits bits = static_cast<Bits>(a < 0 ? ~a : a);
    if (bits == 0)
        return 0xffffffffu;
    return AS_SHIFT ? leading_zeros(bits) : width<T> - 1 - leading_zeros(bits);
}

template <typename T> T reversed(T a)
{
    uint64_t bits = static_cast<uint64_t>(a) << (64 - width<T>);
    bits = __builtin_bswap64(bits);
    bits = (bits & 0x0f0f0f0f0f0f0f0fu) << 4 | (bits >> 4 & 0x0f0f0f0f0f0f0f0fu);
    bits = (bits & 0x3333333333333333u) << 2 | (bits >> 2 & 0x3333333333333333u);
    bits = (bits & 0x5555555555555555u) << 1 | (bits >> 1 & 0x5555555555555555u);
    return static_cast<T>(bits);
}

/* The |offset|-th set bit from `base` upwards, or downwards if it is negative; 0: base itself. */
uint32_t nth_set_bit(uint32_t mask, uint32_t base, int32_t offset)
{
    constexpr uint32_t none = 0xffffffffu;
    if (base > 31)
        return none;
    if (offset == 0)
        return (mask >> base & 1) != 0 ? base : none;
    int64_t step = offset > 0 ? 1 : -1, wanted = step * offset;
    for (int64_t at = base; at >= 0 && at < 32; at += step)
        if ((mask >> at & 1) != 0 && --wanted == 0)
            return static_cast<uint32_t>(at);
    return none;
}

/* Takes four of the eight bytes of b:a. A digit of the selector above 7 takes a byte's sign. */
uint32_t permute(uint32_t a, uint32_t b, uint32_t selector)
{
    uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    uint32_t result = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t digit = selector >> 4 * i;
        uint32_t byte = static_cast<uint32_t>(both >> 8 * (digit & 7)) & 0xff;
        uint32_t sign = (byte & 0x80) != 0 ? 0xff : 0;
        result |= ((digit & 8) != 0 ? sign : byte) << 8 * i;
    }
    return result;
}

/* The selectors that the modes of prmt stand for, by the two lowest bits of c. */
constexpr uint16_t prmt_f4e[4] = {0x3210, 0x4321, 0x5432, 0x6543};
constexpr uint16_t prmt_b4e[4] = {0x5670, 0x6701, 0x7012, 0x0123};
constexpr uint16_t prmt_rc8[4] = {0x0000, 0x1111, 0x2222, 0x3333};
constexpr uint16_t prmt_ecl[4] = {0x3210, 0x3211, 0x3222, 0x3333};
constexpr uint16_t prmt_ecr[4] = {0x0000, 0x1110, 0x2210, 0x3210};
constexpr uint16_t prmt_rc16[4] = {0x1010, 0x3232, 0x1010, 0x3232};

template <const uint16_t *SELECTORS> uint32_t permute_by_mode(uint32_t a, uint32_t b, uint32_t c)
{
    return permute(a, b, SELECTORS[c & 3]);
}

/* Bit abc of the table is the result for bits a, b and c. */
uint32_t logic(uint32_t a, uint32_t b, uint32_t c, uint32_t table)
{
    uint32_t result = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint32_t is_here =
            ((i & 4) != 0 ? a : ~a) & ((i & 2) != 0 ? b : ~b) & ((i & 1) != 0 ? c : ~c);
        result |= is_here & (0u - (table >> i & 1));
    }
    return result;
}

template <Lanes (*F)(Lanes, Lanes)>
void logic_with_predicate(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    const Operand *operands = instruction.operands;
    uint32_t result[num_lanes];
    const uint32_t *a = row<uint32_t>(warp, operands[2]), *b = row<uint32_t>(warp, operands[3]);
    const uint32_t *c = row<uint32_t>(warp, operands[4]), *table = row<uint32_t>(warp, operands[5]);
    Lanes found = 0;
    for (unsigned i = 0; i < num_lanes; i++) {
        result[i] = logic(a[i], b[i], c[i], table[i]);
        found |= result[i] != 0 ? lane_bits.of[i] : 0;
    }
    found = F(found, predicate(warp, operands[6]));
    assign(row<uint32_t>(warp, operands[0]), result, lanes);
    set_predicate(warp, operands[1], lanes, found);
}

template <Lanes (*F)(Lanes)>
void on_predicate(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    set_predicate(warp, instruction.operands[0], lanes,
                  F(predicate(warp, instruction.operands[1])));
}

template <Lanes (*F)(Lanes, Lanes)>
void on_predicates(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    set_predicate(
        warp, instruction.operands[0], lanes,
        F(predicate(warp, instruction.operands[1]), predicate(warp, instruction.operands[2])));
}

/* {d0, d1, ...} = a: the first gets the lowest bits. */
template <typename Whole, typename Part>
void unpack(Warp &warp, const Instruction &instruction, Lanes lanes)
{
    constexpr unsigned count = sizeof(Whole) / sizeof(Part);
    Part parts[count][num_lanes];
    const Whole *from = row<Whole>(warp, instruction.operands[count]);
    for (unsigned k = 0; k < count; k++)
        for (unsigned i = 0; i < num_lanes; i++)
            parts[k][i] = static_cast<Part>(from[i] >> k * width<Part>);
    for (unsigned k = 0; k < count; k++)
        assign(row<Part>(warp, instruction.operands[k]), parts[k], lanes);
}

template <typename Whole, typename Part> Whole pack(Part low, Part high)
{
    return static_cast<Whole>(static_cast<Whole>(high) << width<Part> | low);
}

uint64_t pack4(uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
    return pack<uint64_t>(pack<uint32_t>(a, b), pack<uint32_t>(c, d));
}

template <typename T> void add_bit_forms(Forms *forms, const std::string &bits)
{
    Forms &all = *forms;
    for (const char *type : {"b", "u", "s"})
        all["mov." + (type + bits)] = lanewise<same<T>>();
    all["and.b" + bits] = lanewise<bits_and<T>>();
    all["or.b" + bits] = lanewise<bits_or<T>>();
    all["xor.b" + bits] = lanewise<bits_xor<T>>();
    all["not.b" + bits] = lanewise<bits_not<T>>();
    all["cnot.b" + bits] = lanewise<is_zero<T>>();
    all["shl.b" + bits] = lanewise<shl<T>>();
    all["shr.b" + bits] = lanewise<shr<T>>();
    all["shr.u" + bits] = lanewise<shr<T>>();
    all["shr.s" + bits] = lanewise<shr<std::make_signed_t<T>>>();
}

template <typename T> void add_field_forms(Forms *forms, const std::string &bits)
{
    using Signed = std::make_signed_t<T>;
    Forms &all = *forms;
    all["bfe.u" + bits] = lanewise<extract_field<T>>();
    all["bfe.s" + bits] = lanewise<extract_field<Signed>>();
    all["bfi.b" + bits] = lanewise<insert_field<T>>();
    all["popc.b" + bits] = lanewise<count_ones<T>>();
    all["clz.b" + bits] = lanewise<leading_zeros<T>>();
    all["brev.b" + bits] = lanewise<reversed<T>>();
    all["bfind.u" + bits] = lanewise<highest_bit<T, false>>();
    all["bfind.s" + bits] = lanewise<highest_bit<Signed, false>>();
    all["bfind.shiftamt.u" + bits] = lanewise<highest_bit<T, true>>();
    all["bfind.shiftamt.s" + bits] = lanewise<highest_bit<Signed, true>>();
}

void add_word_forms(Forms *forms)
{
    Forms &all = *forms;
    all["fns.b32"] = lanewise<nth_set_bit>();
    all["bmsk.clamp.b32"] = lanewise<field_mask<true>>();
    all["bmsk.wrap.b32"] = lanewise<field_mask<false>>();
    all["szext.clamp.u32"] = lanewise<extend<uint32_t, true>>();
    all["szext.clamp.s32"] = lanewise<extend<int32_t, true>>();
    all["szext.wrap.u32"] = lanewise<extend<uint32_t, false>>();
    all["szext.wrap.s32"] = lanewise<extend<int32_t, false>>();
    all["shf.l.clamp.b32"] = lanewise<funnel<true, true>>();
    all["shf.l.wrap.b32"] = lanewise<funnel<true, false>>();
    all["shf.r.clamp.b32"] = lanewise<funnel<false, true>>();
    all["shf.r.wrap.b32"] = lanewise<funnel<false, false>>();
    all["prmt.b32"] = lanewise<permute>();
    all["prmt.b32.f4e"] = lanewise<permute_by_mode<prmt_f4e>>();
    all["prmt.b32.b4e"] = lanewise<permute_by_mode<prmt_b4e>>();
    all["prmt.b32.rc8"] = lanewise<permute_by_mode<prmt_rc8>>();
    all["prmt.b32.ecl"] = lanewise<permute_by_mode<prmt_ecl>>();
    all["prmt.b32.ecr"] = lanewise<permute_by_mode<prmt_ecr>>();
    all["prmt.b32.rc16"] = lanewise<permute_by_mode<prmt_rc16>>();
    all["lop3.b32"] = lanewise<logic>();
    all["lop3.and.b32"] = {logic_with_predicate<bits_and<Lanes>>, "wPwwwwp"};
    all["lop3.or.b32"] = {logic_with_predicate<bits_or<Lanes>>, "wPwwwwp"};
    all["lop3.xor.b32"] = {logic_with_predicate<bits_xor<Lanes>>, "wPwwwwp"};
}

} // namespace

void add_move_forms(Forms *forms)
{
    add_bit_forms<uint16_t>(forms, "16");
    add_bit_forms<uint32_t>(forms, "32");
    add_bit_forms<uint64_t>(forms, "64");
    add_field_forms<uint32_t>(forms, "32");
    add_field_forms<uint64_t>(forms, "64");
    add_word_forms(forms);

    Forms &all = *forms;
    all["mov.f32"] = lanewise<same<uint32_t>>();
    all["mov.f64"] = lanewise<same<uint64_t>>();
    all["mov.pred"] = {on_predicate<same<Lanes>>, "pp"};
    all["not.pred"] = {on_predicate<bits_not<Lanes>>, "pp"};
    all["and.pred"] = {on_predicates<bits_and<Lanes>>, "ppp"};
    all["or.pred"] = {on_predicates<bits_or<Lanes>>, "ppp"};
    all["xor.pred"] = {on_predicates<bits_xor<Lanes>>, "ppp"};
    all["mov.b64.unpack"] = {unpack<uint64_t, uint32_t>, "wwd"};
    all["mov.b32.unpack"] = {unpack<uint32_t, uint16_t>, "hhw"};
    all["mov.b64.unpack4"] = {unpack<uint64_t, uint16_t>, "hhhhd"};
    all["mov.b64.pack"] = lanewise<pack<uint64_t, uint32_t>>();
    all["mov.b32.pack"] = lanewise<pack<uint32_t, uint16_t>>();
    all["mov.b64.pack4"] = lanewise<pack4>();
}

} // namespace ptx
