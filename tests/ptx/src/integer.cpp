/* Integer arithmetic.
 *
 * The host traps where the device gives some value: a division by zero gives all ones here (and the
 * remainder is the dividend), which the PTX ISA leaves unspecified. */
#include <limits>
#include <type_traits>

#include "lanewise.h"

namespace ptx
{
namespace
{

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

template <typename T> constexpr bool is_signed = std::is_signed_v<T>;
template <typename T> constexpr unsigned width = sizeof(T) * 8;
template <typename T> using Bits = std::make_unsigned_t<T>;

/* The type of a whole product. */
template <size_t BYTES, bool SIGNED> struct WideType;
template <> struct WideType<2, true> {
    using type = int32_t;
};
template <> struct WideType<2, false> {
    using type = uint32_t;
};
template <> struct WideType<4, true> {
    using type = int64_t;
};
template <> struct WideType<4, false> {
    using type = uint64_t;
};
template <> struct WideType<8, true> {
    using type = int128;
};
template <> struct WideType<8, false> {
    using type = uint128;
};
template <typename T> using Wide = typename WideType<sizeof(T), is_signed<T>>::type;

template <typename T> T add(T a, T b)
{
    return static_cast<T>(static_cast<Bits<T>>(a) + static_cast<Bits<T>>(b));
}

template <typename T> T sub(T a, T b)
{
    return static_cast<T>(static_cast<Bits<T>>(a) - static_cast<Bits<T>>(b));
}

int32_t saturate(int64_t value)
{
    constexpr int64_t low = std::numeric_limits<int32_t>::min();
    constexpr int64_t high = std::numeric_limits<int32_t>::max();
    return static_cast<int32_t>(value < low ? low : value > high ? high : value);
}

int32_t add_saturated(int32_t a, int32_t b)
{
    return saturate(static_cast<int64_t>(a) + b);
}

int32_t sub_saturated(int32_t a, int32_t b)
{
    return saturate(static_cast<int64_t>(a) - b);
}

template <typename T> T mul_lo(T a, T b)
{
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

template <typename T> Wide<T> mul_wide(T a, T b)
{
    return static_cast<Wide<T>>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
}

template <typename T> T mul_hi(T a, T b)
{
    return static_cast<T>(mul_wide(a, b) >> width<T>);
}

template <typename T> T mad_lo(T a, T b, T c)
{
    return add(mul_lo(a, b), c);
}

template <typename T> T mad_hi(T a, T b, T c)
{
    return add(mul_hi(a, b), c);
}

template <typename T> Wide<T> mad_wide(T a, T b, Wide<T> c)
{
    return add(mul_wide(a, b), c);
}

int32_t mad_hi_saturated(int32_t a, int32_t b, int32_t c)
{
    return saturate(static_cast<int64_t>(mul_hi(a, b)) + c);
}

/* The whole product of the low 24 bits, which has 48. */
template <typename T> Wide<T> mul24(T a, T b)
{
    T low_a = static_cast<T>(static_cast<T>(static_cast<Bits<T>>(a) << 8) >> 8);
    T low_b = static_cast<T>(static_cast<T>(static_cast<Bits<T>>(b) << 8) >> 8);
    return mul_wide(low_a, low_b);
}

template <typename T> T mul24_lo(T a, T b)
{
    return static_cast<T>(mul24(a, b));
}

template <typename T> T mul24_hi(T a, T b)
{
    return static_cast<T>(mul24(a, b) >> 16);
}

template <typename T> T mad24_lo(T a, T b, T c)
{
    return add(mul24_lo(a, b), c);
}

template <typename T> T mad24_hi(T a, T b, T c)
{
    return add(mul24_hi(a, b), c);
}

int32_t mad24_hi_saturated(int32_t a, int32_t b, int32_t c)
{
    return saturate(static_cast<int64_t>(mul24_hi(a, b)) + c);
}

template <typename T> T div(T a, T b)
{
    if (b == 0)
        return static_cast<T>(~T{0});
    if (is_signed<T> && b == static_cast<T>(~T{0}))
        return sub(T{0}, a);
    return static_cast<T>(a / b);
}

template <typename T> T rem(T a, T b)
{
    if (b == 0)
        return a;
    if (is_signed<T> && b == static_cast<T>(~T{0}))
        return 0;
    return static_cast<T>(a % b);
}

template <typename T> T smaller(T a, T b)
{
    return a < b ? a : b;
}

template <typename T> T larger(T a, T b)
{
    return a < b ? b : a;
}

template <typename T> T smaller_or_zero(T a, T b)
{
    return larger<T>(smaller(a, b), 0);
}

template <typename T> T larger_or_zero(T a, T b)
{
    return larger<T>(larger(a, b), 0);
}

template <typename T> T neg(T a)
{
    return sub(T{0}, a);
}

template <typename T> T abs(T a)
{
    return a < 0 ? neg(a) : a;
}

template <typename T> T sad(T a, T b, T c)
{
    return add(c, sub(larger(a, b), smaller(a, b)));
}

/* c plus the products of the four bytes. */
template <typename A, typename B> uint32_t dp4a(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t sum = c;
    for (unsigned i = 0; i < 32; i += 8)
        sum += static_cast<uint32_t>(static_cast<A>(a >> i) * static_cast<B>(b >> i));
    return sum;
}

/* c plus the products of the two halves of a and two bytes of b, from bit FIRST. */
template <typename A, typename B, unsigned FIRST> uint32_t dp2a(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t sum = c;
    for (unsigned i = 0; i < 2; i++)
        sum += static_cast<uint32_t>(static_cast<A>(a >> i * 16) *
                                     static_cast<B>(b >> (FIRST + i * 8)));
    return sum;
}

/* F<T> on the halves of a word. */
template <typename T, auto F> uint16_t on_half(uint16_t a, uint16_t b)
{
    return static_cast<uint16_t>(F(static_cast<T>(a), static_cast<T>(b)));
}

template <typename T, auto F> Form on_halves()
{
    return lanewise<Twice<on_half<T, F>>::apply>();
}

template <typename T> void add_forms_of(Forms *forms, const std::string &type)
{
    Forms &all = *forms;
    all["add." + type] = lanewise<add<T>>();
    all["sub." + type] = lanewise<sub<T>>();
    all["mul.lo." + type] = lanewise<mul_lo<T>>();
    all["mul.hi." + type] = lanewise<mul_hi<T>>();
    all["mad.lo." + type] = lanewise<mad_lo<T>>();
    all["mad.hi." + type] = lanewise<mad_hi<T>>();
    all["div." + type] = lanewise<div<T>>();
    all["rem." + type] = lanewise<rem<T>>();
    all["min." + type] = lanewise<smaller<T>>();
    all["max." + type] = lanewise<larger<T>>();
    all["sad." + type] = lanewise<sad<T>>();
    if constexpr (is_signed<T>) {
        all["abs." + type] = lanewise<abs<T>>();
        all["neg." + type] = lanewise<neg<T>>();
    }
    if constexpr (sizeof(T) < 8) {
        all["mul.wide." + type] = lanewise<mul_wide<T>>();
        all["mad.wide." + type] = lanewise<mad_wide<T>>();
    }
    if constexpr (sizeof(T) == 4) {
        all["mul24.lo." + type] = lanewise<mul24_lo<T>>();
        all["mul24.hi." + type] = lanewise<mul24_hi<T>>();
        all["mad24.lo." + type] = lanewise<mad24_lo<T>>();
        all["mad24.hi." + type] = lanewise<mad24_hi<T>>();
    }
    if constexpr (sizeof(T) == 2) {
        all["add." + type + "x2"] = on_halves<T, add<T>>();
        all["min." + type + "x2"] = on_halves<T, smaller<T>>();
        all["max." + type + "x2"] = on_halves<T, larger<T>>();
    }
}

template <typename A, typename B>
void add_dot_forms(Forms *forms, const std::string &a, const std::string &b)
{
    (*forms)["dp4a." + a + "." + b] = lanewise<dp4a<A, B>>();
    using HalfA = std::conditional_t<is_signed<A>, int16_t, uint16_t>;
    (*forms)["dp2a.lo." + a + "." + b] = lanewise<dp2a<HalfA, B, 0>>();
    (*forms)["dp2a.hi." + a + "." + b] = lanewise<dp2a<HalfA, B, 16>>();
}

} // namespace

void add_integer_forms(Forms *forms)
{
    add_forms_of<uint16_t>(forms, "u16");
    add_forms_of<int16_t>(forms, "s16");
    add_forms_of<uint32_t>(forms, "u32");
    add_forms_of<int32_t>(forms, "s32");
    add_forms_of<uint64_t>(forms, "u64");
    add_forms_of<int64_t>(forms, "s64");
    add_dot_forms<uint8_t, uint8_t>(forms, "u32", "u32");
    add_dot_forms<uint8_t, int8_t>(forms, "u32", "s32");
    add_dot_forms<int8_t, uint8_t>(forms, "s32", "u32");
    add_dot_forms<int8_t, int8_t>(forms, "s32", "s32");

    Forms &all = *forms;
    all["add.sat.s32"] = lanewise<add_saturated>();
    all["sub.sat.s32"] = lanewise<sub_saturated>();
    all["mad.hi.sat.s32"] = lanewise<mad_hi_saturated>();
    all["mad24.hi.sat.s32"] = lanewise<mad24_hi_saturated>();
    all["min.relu.s32"] = lanewise<smaller_or_zero<int32_t>>();
    all["max.relu.s32"] = lanewise<larger_or_zero<int32_t>>();
    all["min.relu.s16x2"] = on_halves<int16_t, smaller_or_zero<int16_t>>();
    all["max.relu.s16x2"] = on_halves<int16_t, larger_or_zero<int16_t>>();
}

} // namespace ptx
