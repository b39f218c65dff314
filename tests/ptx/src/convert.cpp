/* Conversions between integers and floating-point formats.
 *
 * A conversion to an integer clamps to its range. NaN becomes 0, or the value with only the highest
 * bit set if the source is f64 or the result has 64 bits. Registers of cvt may be wider than its
 * types. */
#include <limits>
#include <type_traits>

#include "float.h"

namespace ptx
{
namespace
{

__extension__ typedef __int128 int128;

/* A handler like Lanewise's, for one source and registers of any width. */
template <auto F, int MODE> struct Conversion;
template <typename D, typename A, D (*F)(A), int MODE> struct Conversion<F, MODE> {
    template <typename Wide> static void narrow(const Wide *from, A *to)
    {
        if constexpr (std::is_integral_v<A> && sizeof(Wide) > sizeof(A))
            for (unsigned i = 0; i < num_lanes; i++)
                to[i] = static_cast<A>(from[i]);
    }

    template <typename Wide> static void widen(Wide *to, const D *from, Lanes lanes)
    {
        if constexpr (std::is_integral_v<D> && sizeof(Wide) > sizeof(D)) {
            Wide extended[num_lanes];
            for (unsigned i = 0; i < num_lanes; i++)
                extended[i] = static_cast<Wide>(from[i]);
            assign(to, extended, lanes);
        }
    }

    static void run(Warp &warp, const Instruction &instruction, Lanes lanes)
    {
        const Operand &to = instruction.operands[0], &from = instruction.operands[1];
        A narrowed[num_lanes];
        const A *sources = row<A>(warp, from);
        if (from.bytes > sizeof(A)) {
            if (from.bytes == 4)
                narrow(row<uint32_t>(warp, from), narrowed);
            else
                narrow(row<uint64_t>(warp, from), narrowed);
            sources = narrowed;
        }
        D result[num_lanes];
        {
            HostRounding<MODE> rounding;
            Lanewise<F, MODE>::compute(result, sources);
            /* The compiler may not move the loop out of this block. */
            asm volatile("" : "+m"(result));
        }
        if (to.bytes <= sizeof(D))
            assign(row<D>(warp, to), result, lanes);
        else if (to.bytes == 4)
            widen(row<uint32_t>(warp, to), result, lanes);
        else
            widen(row<uint64_t>(warp, to), result, lanes);
    }
};

template <auto F, int MODE = FE_TONEAREST> Form conversion()
{
    Form form = lanewise<F, MODE>();
    form.handler = Conversion<F, MODE>::run;
    return form;
}

template <typename... T> struct Types {
};
using Integers = Types<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t>;

/* Integers of 8 bits are in registers of 16. */
template <typename T>
using Register = std::conditional_t<sizeof(T) == 1,
                                    std::conditional_t<std::is_signed_v<T>, int16_t, uint16_t>, T>;

template <typename T> std::string name_of()
{
    return (std::is_signed_v<T> ? ".s" : ".u") + std::to_string(sizeof(T) * 8);
}

template <typename D, typename A, bool SATURATES> Register<D> between_integers(Register<A> a)
{
    A value = static_cast<A>(a);
    if constexpr (SATURATES) {
        using Limits = std::numeric_limits<D>;
        if (static_cast<int128>(value) < static_cast<int128>(Limits::min()))
            return Limits::min();
        if (static_cast<int128>(value) > static_cast<int128>(Limits::max()))
            return Limits::max();
    }
    return static_cast<D>(value);
}

/* The floating-point formats as sources. */
struct F32 {
    using Register = float;
    static constexpr const char *name = ".f32";
    static double widen(float value)
    {
        return value;
    }
};
struct F64 {
    using Register = double;
    static constexpr const char *name = ".f64";
    static double widen(double value)
    {
        return value;
    }
};
template <typename H> struct Half {
    using Register = uint16_t;
    static constexpr const char *name = H::one == F16::one ? ".f16" : ".bf16";
    static double widen(uint16_t value)
    {
        return H::widen(value);
    }
};

/* Roundings to integers: to the nearest and of ties to the even one, to zero, down, up. */
enum ToWhole { RNI, RZI, RMI, RPI };
constexpr const char *whole_names[4] = {".rni", ".rzi", ".rmi", ".rpi"};

template <ToWhole ROUNDING, typename T> T whole(T value)
{
    switch (ROUNDING) {
    case RNI:
        return std::nearbyint(value);
    case RZI:
        return std::trunc(value);
    case RMI:
        return std::floor(value);
    default:
        return std::ceil(value);
    }
}

template <typename D, typename S, ToWhole ROUNDING, bool FLUSHES>
Register<D> to_integer(typename S::Register a)
{
    using Limits = std::numeric_limits<D>;
    constexpr unsigned bits = sizeof(D) * 8;
    /* The first value above the range; it is exact, as the lowest is. */
    constexpr double above = 2.0 * static_cast<double>(1ull << (Limits::digits - 1));
    constexpr bool has_zero_for_nan = !std::is_same_v<S, F64> && bits < 64;
    constexpr uint64_t for_nan = has_zero_for_nan ? 0 : 1ull << (bits - 1);
    double value = whole<ROUNDING>(S::widen(input<FLUSHES>(a)));
    if (value != value)
        return static_cast<D>(for_nan);
    if (value >= above)
        return Limits::max();
    return value <= static_cast<double>(Limits::min()) ? Limits::min() : static_cast<D>(value);
}

template <typename T, typename A, bool SATURATES> T to_float(Register<A> a)
{
    T result = static_cast<T>(static_cast<A>(a));
    return SATURATES ? saturated(result) : result;
}

/* Returns a double that rounds like the integer to a shorter format (see half.h). */
template <typename A> double to_odd_double(A value)
{
    if constexpr (sizeof(A) < 8) {
        return static_cast<double>(value);
    } else {
        uint64_t magnitude = static_cast<uint64_t>(value);
        if (value < 0)
            magnitude = 0 - magnitude;
        if (magnitude >> 53 != 0)
            magnitude = (magnitude & ~0x7ffull) | ((magnitude & 0x7ff) != 0 ? 0x800u : 0u);
        double result = static_cast<double>(magnitude);
        return value < 0 ? -result : result;
    }
}

template <typename H, typename A, Rounding ROUNDING, bool SATURATES>
uint16_t integer_to_half(Register<A> a)
{
    double value = to_odd_double(static_cast<A>(a));
    return H::template narrow<ROUNDING>(to_odd_float(SATURATES ? saturated(value) : value));
}

template <bool FLUSHES, bool SATURATES> float double_to_float(double a)
{
    return finished<FLUSHES, SATURATES>(static_cast<float>(a));
}

/* To a wider format, or the same. */
template <typename T, typename S, bool FLUSHES, bool SATURATES> T widened(typename S::Register a)
{
    T value = static_cast<T>(S::widen(input<FLUSHES>(a)));
    return SATURATES ? saturated(value) : canonical(value);
}

template <typename T, ToWhole ROUNDING, bool FLUSHES, bool SATURATES> T to_whole(T a)
{
    T value = whole<ROUNDING>(input<FLUSHES>(a));
    return SATURATES ? saturated(value) : canonical(value);
}

template <typename H, ToWhole ROUNDING> uint16_t half_to_whole(uint16_t a)
{
    return H::template narrow<Rounding::nearest>(whole<ROUNDING>(H::widen(a)));
}

/* What happens to a value on its way to a shorter format. */
enum Clamp : unsigned { CLAMP_SAT = 1, CLAMP_RELU = 2, CLAMP_FINITE = 4 };

template <typename H, typename S, Rounding ROUNDING, bool FLUSHES, unsigned CLAMP>
uint16_t to_half(typename S::Register a)
{
    double value = S::widen(input<FLUSHES>(a));
    if constexpr ((CLAMP & CLAMP_SAT) != 0)
        value = saturated(value);
    if constexpr ((CLAMP & CLAMP_RELU) != 0)
        value = without_negative(value);
    uint16_t result = H::template narrow<ROUNDING>(to_odd_float(value));
    if constexpr ((CLAMP & CLAMP_FINITE) != 0) {
        bool is_infinite = (result & 0x7fff) == H::largest + 1;
        return is_infinite ? static_cast<uint16_t>(result - 1) : result;
    }
    return result;
}

/* The first source becomes the upper half. */
template <typename H, Rounding ROUNDING, unsigned CLAMP> uint32_t to_halves(float high, float low)
{
    constexpr auto convert = to_half<H, F32, ROUNDING, false, CLAMP>;
    return static_cast<uint32_t>(convert(high)) << 16 | convert(low);
}

/* tf32 is a float whose lowest 13 bits do not count; here they are zero. */
template <Rounding ROUNDING, unsigned CLAMP> uint32_t to_tf32(float a)
{
    float value = (CLAMP & CLAMP_RELU) != 0 ? without_negative(a) : a;
    uint32_t bits = bits_as<uint32_t>(value), sign = bits & 0x80000000u;
    uint32_t rounded = shift_rounded<ROUNDING>(bits & 0x7fffffffu, 13, sign != 0) << 13;
    if ((CLAMP & CLAMP_FINITE) != 0 && rounded >= 0x7f800000u)
        rounded = 0x7f7fe000u;
    return value != value ? 0x7fffffffu : sign | rounded;
}

template <typename D, typename A> void add_integer_pair(Forms *forms)
{
    const std::string types = name_of<D>() + name_of<A>();
    (*forms)["cvt" + types] = conversion<between_integers<D, A, false>>();
    (*forms)["cvt.sat" + types] = conversion<between_integers<D, A, true>>();
}

/* To an integer, which clamps with and without .sat. */
template <typename D, typename S, ToWhole ROUNDING> void add_rounded_to_integer(Forms *forms)
{
    const std::string name = std::string("cvt") + whole_names[ROUNDING];
    const std::string types = name_of<D>() + S::name;
    const Form form = conversion<to_integer<D, S, ROUNDING, false>>();
    (*forms)[name + types] = form;
    (*forms)[name + ".sat" + types] = form;
    if constexpr (std::is_same_v<S, F32>) {
        const Form flushing = conversion<to_integer<D, S, ROUNDING, true>>();
        (*forms)[name + ".ftz" + types] = flushing;
        (*forms)[name + ".ftz.sat" + types] = flushing;
    }
}

template <typename D, typename S> void add_to_integer(Forms *forms)
{
    add_rounded_to_integer<D, S, RNI>(forms);
    add_rounded_to_integer<D, S, RZI>(forms);
    add_rounded_to_integer<D, S, RMI>(forms);
    add_rounded_to_integer<D, S, RPI>(forms);
}

constexpr Rounding half_modes[4] = {Rounding::nearest, Rounding::zero, Rounding::down,
                                    Rounding::up};

template <typename A, size_t MODE> void add_rounded_from_integer(Forms *forms)
{
    constexpr int host_mode = host_modes[MODE];
    constexpr Rounding rounding = half_modes[MODE];
    const std::string name = std::string("cvt") + mode_names[MODE], type = name_of<A>();
    Forms &all = *forms;
    all[name + ".f32" + type] = conversion<to_float<float, A, false>, host_mode>();
    all[name + ".sat.f32" + type] = conversion<to_float<float, A, true>, host_mode>();
    all[name + ".f64" + type] = conversion<to_float<double, A, false>, host_mode>();
    all[name + ".sat.f64" + type] = conversion<to_float<double, A, true>, host_mode>();
    all[name + ".f16" + type] = conversion<integer_to_half<F16, A, rounding, false>>();
    all[name + ".sat.f16" + type] = conversion<integer_to_half<F16, A, rounding, true>>();
    all[name + ".bf16" + type] = conversion<integer_to_half<BF16, A, rounding, false>>();
}

template <typename T> void add_with_floats(Forms *forms)
{
    add_to_integer<T, F32>(forms);
    add_to_integer<T, F64>(forms);
    add_to_integer<T, Half<F16>>(forms);
    add_to_integer<T, Half<BF16>>(forms);
    add_rounded_from_integer<T, 0>(forms);
    add_rounded_from_integer<T, 1>(forms);
    add_rounded_from_integer<T, 2>(forms);
    add_rounded_from_integer<T, 3>(forms);
}

template <typename D, typename... A> void add_integer_sources(Forms *forms, Types<A...>)
{
    (add_integer_pair<D, A>(forms), ...);
}

template <typename... T> void add_integers(Forms *forms, Types<T...> all)
{
    (add_integer_sources<T>(forms, all), ...);
    (add_with_floats<T>(forms), ...);
}

template <typename T, typename S> void add_widening(Forms *forms, const std::string &type)
{
    Forms &all = *forms;
    const std::string types = type + S::name;
    all["cvt" + types] = conversion<widened<T, S, false, false>>();
    all["cvt.sat" + types] = conversion<widened<T, S, false, true>>();
    if constexpr (std::is_same_v<S, F32>) {
        all["cvt.ftz" + types] = conversion<widened<T, S, true, false>>();
        all["cvt.ftz.sat" + types] = conversion<widened<T, S, true, true>>();
    } else if (sizeof(T) == 4 && std::is_same_v<S, Half<F16>>) {
        /* No number of f16 is subnormal as a float. */
        all["cvt.ftz" + types] = conversion<widened<T, S, false, false>>();
    }
}

template <ToWhole ROUNDING> void add_whole(Forms *forms)
{
    Forms &all = *forms;
    const std::string name = std::string("cvt") + whole_names[ROUNDING];
    all[name + ".f32.f32"] = conversion<to_whole<float, ROUNDING, false, false>>();
    all[name + ".sat.f32.f32"] = conversion<to_whole<float, ROUNDING, false, true>>();
    all[name + ".ftz.f32.f32"] = conversion<to_whole<float, ROUNDING, true, false>>();
    all[name + ".ftz.sat.f32.f32"] = conversion<to_whole<float, ROUNDING, true, true>>();
    all[name + ".f64.f64"] = conversion<to_whole<double, ROUNDING, false, false>>();
    all[name + ".sat.f64.f64"] = conversion<to_whole<double, ROUNDING, false, true>>();
    all[name + ".f16.f16"] = conversion<half_to_whole<F16, ROUNDING>>();
    all[name + ".bf16.bf16"] = conversion<half_to_whole<BF16, ROUNDING>>();
}

/* The clamps that only conversions from f32, to the nearest or to zero, have. */
template <typename H, Rounding ROUNDING, unsigned CLAMP>
void add_clamped_half(Forms *forms, const std::string &name)
{
    const std::string modifiers = std::string((CLAMP & CLAMP_RELU) != 0 ? ".relu" : "") +
                                  ((CLAMP & CLAMP_FINITE) != 0 ? ".satfinite" : "");
    const std::string type = std::string(".") + H::name;
    (*forms)[name + modifiers + type + ".f32"] =
        conversion<to_half<H, F32, ROUNDING, false, CLAMP>>();
    (*forms)[name + modifiers + type + "x2.f32"] = lanewise<to_halves<H, ROUNDING, CLAMP>>();
}

template <typename H, size_t MODE> void add_narrowing_to_half(Forms *forms)
{
    constexpr Rounding rounding = half_modes[MODE];
    const std::string name = std::string("cvt") + mode_names[MODE];
    const std::string type = std::string(".") + H::name;
    Forms &all = *forms;
    all[name + type + ".f32"] = conversion<to_half<H, F32, rounding, false, 0>>();
    all[name + type + ".f64"] = conversion<to_half<H, F64, rounding, false, 0>>();
    if constexpr (H::one == F16::one) {
        all[name + ".sat.f16.f32"] = conversion<to_half<H, F32, rounding, false, CLAMP_SAT>>();
        all[name + ".ftz.f16.f32"] = conversion<to_half<H, F32, rounding, true, 0>>();
        all[name + ".ftz.sat.f16.f32"] = conversion<to_half<H, F32, rounding, true, CLAMP_SAT>>();
        all[name + ".sat.f16.f64"] = conversion<to_half<H, F64, rounding, false, CLAMP_SAT>>();
        all[name + ".f16.bf16"] = conversion<to_half<H, Half<BF16>, rounding, false, 0>>();
    } else {
        all[name + ".bf16.f16"] = conversion<to_half<H, Half<F16>, rounding, false, 0>>();
    }
    if constexpr (MODE < 2) {
        add_clamped_half<H, rounding, 0>(forms, name);
        add_clamped_half<H, rounding, CLAMP_RELU>(forms, name);
        add_clamped_half<H, rounding, CLAMP_FINITE>(forms, name);
        add_clamped_half<H, rounding, CLAMP_RELU | CLAMP_FINITE>(forms, name);
    }
}

template <Rounding ROUNDING> void add_tf32(Forms *forms, const std::string &mode)
{
    Forms &all = *forms;
    all["cvt" + mode + ".tf32.f32"] = lanewise<to_tf32<ROUNDING, 0>>();
    all["cvt" + mode + ".satfinite.tf32.f32"] = lanewise<to_tf32<ROUNDING, CLAMP_FINITE>>();
    if (ROUNDING == Rounding::away)
        return;
    all["cvt" + mode + ".relu.tf32.f32"] = lanewise<to_tf32<ROUNDING, CLAMP_RELU>>();
    all["cvt" + mode + ".satfinite.relu.tf32.f32"] =
        lanewise<to_tf32<ROUNDING, CLAMP_FINITE | CLAMP_RELU>>();
}

template <size_t MODE> void add_narrowing(Forms *forms)
{
    constexpr int host_mode = host_modes[MODE];
    const std::string name = std::string("cvt") + mode_names[MODE];
    Forms &all = *forms;
    all[name + ".f32.f64"] = conversion<double_to_float<false, false>, host_mode>();
    all[name + ".ftz.f32.f64"] = conversion<double_to_float<true, false>, host_mode>();
    all[name + ".sat.f32.f64"] = conversion<double_to_float<false, true>, host_mode>();
    all[name + ".ftz.sat.f32.f64"] = conversion<double_to_float<true, true>, host_mode>();
    add_narrowing_to_half<F16, MODE>(forms);
    add_narrowing_to_half<BF16, MODE>(forms);
}

} // namespace

void add_conversion_forms(Forms *forms)
{
    add_integers(forms, Integers());
    add_widening<float, F32>(forms, ".f32");
    add_widening<double, F32>(forms, ".f64");
    add_widening<double, F64>(forms, ".f64");
    add_widening<float, Half<F16>>(forms, ".f32");
    add_widening<double, Half<F16>>(forms, ".f64");
    add_widening<float, Half<BF16>>(forms, ".f32");
    add_widening<double, Half<BF16>>(forms, ".f64");
    add_whole<RNI>(forms);
    add_whole<RZI>(forms);
    add_whole<RMI>(forms);
    add_whole<RPI>(forms);
    add_narrowing<0>(forms);
    add_narrowing<1>(forms);
    add_narrowing<2>(forms);
    add_narrowing<3>(forms);
    add_tf32<Rounding::nearest>(forms, ".rn");
    add_tf32<Rounding::zero>(forms, ".rz");
    add_tf32<Rounding::away>(forms, ".rna");
}

} // namespace ptx
