/* Arithmetic of f32 and f64. The host computes it with its own rounding set to the modifier's.
 *
 * ptxas may fuse a multiplication and an addition that name no rounding. Here both are rounded to
 * the nearest. The forms of f16 and bf16 are in half.cpp, approximations in approx.cpp. */
#include "float.h"

namespace ptx
{
namespace
{

template <typename T> T add(T a, T b)
{
    return a + b;
}

template <typename T> T sub(T a, T b)
{
    return a - b;
}

template <typename T> T mul(T a, T b)
{
    return a * b;
}

template <typename T> T div(T a, T b)
{
    return a / b;
}

template <typename T> T fused(T a, T b, T c)
{
    return std::fma(a, b, c);
}

template <typename T> T reciprocal(T a)
{
    return T{1} / a;
}

template <typename T> T square_root(T a)
{
    return std::sqrt(a);
}

/* On bits, so that NaN keeps its own. */
template <bool FLUSHES> uint32_t neg(float a)
{
    return bits_as<uint32_t>(input<FLUSHES>(a)) ^ 0x80000000u;
}

template <bool FLUSHES> uint32_t abs(float a)
{
    return bits_as<uint32_t>(input<FLUSHES>(a)) & 0x7fffffffu;
}

uint64_t neg_double(uint64_t a)
{
    return a ^ 1ull << 63;
}

uint64_t abs_double(uint64_t a)
{
    return a & ~(1ull << 63);
}

/* The sign of a and the magnitude of b. */
template <typename T> T copysign(T a, T b)
{
    constexpr T sign = static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
    return (a & sign) | (b & ~sign);
}

/* F on both floats of a 64-bit register. */
template <auto F> struct Pair;
template <typename... A, float (*F)(A...)> struct Pair<F> {
    template <typename> using Register = uint64_t;

    static uint64_t apply(Register<A>... sources)
    {
        float low = F(bits_as<A>(static_cast<uint32_t>(sources))...);
        float high = F(bits_as<A>(static_cast<uint32_t>(sources >> 32))...);
        return static_cast<uint64_t>(bits_as<uint32_t>(high)) << 32 | bits_as<uint32_t>(low);
    }
};

/* The form that computes each lane with F, which calls fma. Kernels spend most of their time in
 * it, and the host's compiler calls a function for each lane unless the processor has fma. */
template <auto F, int MODE> struct Fused {
#if defined(__x86_64__)
    [[gnu::target("avx2,fma"), gnu::flatten]] static void
    run(Warp &warp, const Instruction &instruction, Lanes lanes)
    {
        Lanewise<F, MODE>::run(warp, instruction, lanes);
    }
#endif

    static Form form()
    {
        Form form = lanewise<F, MODE>();
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
            form.handler = run;
#endif
        return form;
    }
};

template <bool USES_FMA, auto F, int MODE> Form form_of()
{
    if constexpr (USES_FMA)
        return Fused<F, MODE>::form();
    return lanewise<F, MODE>();
}

/* The forms NAME{.ftz}{.sat}.f32 and .f64 of one rounding. */
template <auto F, int MODE, bool HAS_SAT = true, bool USES_FMA = false>
void add_single(Forms *forms, const std::string &name)
{
    Forms &all = *forms;
    all[name + ".f32"] = form_of<USES_FMA, Modified<F, false, false>::apply, MODE>();
    all[name + ".ftz.f32"] = form_of<USES_FMA, Modified<F, true, false>::apply, MODE>();
    if constexpr (HAS_SAT) {
        all[name + ".sat.f32"] = form_of<USES_FMA, Modified<F, false, true>::apply, MODE>();
        all[name + ".ftz.sat.f32"] = form_of<USES_FMA, Modified<F, true, true>::apply, MODE>();
        all[name + ".f32x2"] =
            form_of<USES_FMA, Pair<Modified<F, false, false>::apply>::apply, MODE>();
        all[name + ".ftz.f32x2"] =
            form_of<USES_FMA, Pair<Modified<F, true, false>::apply>::apply, MODE>();
    }
}

template <int MODE> void add_rounded(Forms *forms, const std::string &mode)
{
    Forms &all = *forms;
    add_single<add<float>, MODE>(forms, "add" + mode);
    add_single<sub<float>, MODE>(forms, "sub" + mode);
    add_single<mul<float>, MODE>(forms, "mul" + mode);
    all["add" + mode + ".f64"] = lanewise<add<double>, MODE>();
    all["sub" + mode + ".f64"] = lanewise<sub<double>, MODE>();
    all["mul" + mode + ".f64"] = lanewise<mul<double>, MODE>();
    if (mode.empty())
        return;
    for (const char *name : {"fma", "mad"}) {
        add_single<fused<float>, MODE, true, true>(forms, name + mode);
        all[name + mode + ".f64"] = form_of<true, fused<double>, MODE>();
    }
    all.erase("mad" + mode + ".f32x2");
    all.erase("mad" + mode + ".ftz.f32x2");
    add_single<div<float>, MODE, false>(forms, "div" + mode);
    add_single<reciprocal<float>, MODE, false>(forms, "rcp" + mode);
    add_single<square_root<float>, MODE, false>(forms, "sqrt" + mode);
    all["div" + mode + ".f64"] = lanewise<div<double>, MODE>();
    all["rcp" + mode + ".f64"] = lanewise<reciprocal<double>, MODE>();
    all["sqrt" + mode + ".f64"] = lanewise<square_root<double>, MODE>();
}

template <auto F, bool KEEPS_NAN, bool OF_MAGNITUDES>
void add_extreme(Forms *forms, const std::string &name)
{
    constexpr auto apply = Extreme<F, KEEPS_NAN, OF_MAGNITUDES>::apply;
    const std::string modifiers =
        std::string(KEEPS_NAN ? ".NaN" : "") + (OF_MAGNITUDES ? ".xorsign.abs" : "");
    (*forms)[name + modifiers + ".f32"] = lanewise<apply>();
    (*forms)[name + ".ftz" + modifiers + ".f32"] = lanewise<Modified<apply, true, false>::apply>();
}

template <auto F> void add_extremes(Forms *forms, const std::string &name)
{
    add_extreme<F, false, false>(forms, name);
    add_extreme<F, true, false>(forms, name);
    add_extreme<F, false, true>(forms, name);
    add_extreme<F, true, true>(forms, name);
}

} // namespace

void add_float_forms(Forms *forms)
{
    add_rounded<FE_TONEAREST>(forms, "");
    add_rounded<FE_TONEAREST>(forms, ".rn");
    add_rounded<FE_TOWARDZERO>(forms, ".rz");
    add_rounded<FE_DOWNWARD>(forms, ".rm");
    add_rounded<FE_UPWARD>(forms, ".rp");
    add_extremes<smaller_number<float>>(forms, "min");
    add_extremes<larger_number<float>>(forms, "max");

    Forms &all = *forms;
    all["min.f64"] = lanewise<smaller_number<double>>();
    all["max.f64"] = lanewise<larger_number<double>>();
    all["neg.f32"] = lanewise<neg<false>>();
    all["neg.ftz.f32"] = lanewise<neg<true>>();
    all["neg.f64"] = lanewise<neg_double>();
    all["abs.f32"] = lanewise<abs<false>>();
    all["abs.ftz.f32"] = lanewise<abs<true>>();
    all["abs.f64"] = lanewise<abs_double>();
    all["copysign.f32"] = lanewise<copysign<uint32_t>>();
    all["copysign.f64"] = lanewise<copysign<uint64_t>>();
    add_approximate_forms(forms);
    add_half_forms(forms);
}

} // namespace ptx
