/* Arithmetic of f16 and bf16, and of pairs of them.
 *
 * It is computed in double and rounded to the nearest. Products are exact in double. A sum is exact
 * or lies so far from a tie that rounding it twice gives the same. fma rounds to odd first. */
#include "float.h"

namespace ptx
{
namespace
{

double add(double a, double b)
{
    return a + b;
}

double sub(double a, double b)
{
    return a - b;
}

double mul(double a, double b)
{
    return a * b;
}

/* a * b + c, where the product is exact. If the sum is not, its last bit is 1 (see half.h). */
double fused(double a, double b, double c)
{
    double product = a * b, sum = product + c;
    double part = sum - product;
    double lost = (product - (sum - part)) + (c - part);
    if (!(lost != 0) || !std::isfinite(sum))
        return sum;
    uint64_t bits = bits_as<uint64_t>(sum);
    if ((bits & 1) == 0)
        bits = (lost > 0) == (sum > 0) ? bits + 1 : bits - 1;
    return bits_as<double>(bits);
}

enum Clamp { NO_CLAMP, CLAMP_SAT, CLAMP_RELU };

template <typename H, auto F, bool FLUSHES, Clamp CLAMP> struct HalfOperation;
template <typename H, typename... A, double (*F)(A...), bool FLUSHES, Clamp CLAMP>
struct HalfOperation<H, F, FLUSHES, CLAMP> {
    template <typename> using Register = uint16_t;

    static double value(uint16_t source)
    {
        return H::widen(FLUSHES ? H::flush(source) : source);
    }

    static uint16_t apply(Register<A>... sources)
    {
        double exact = F(value(sources)...);
        if constexpr (CLAMP == CLAMP_SAT)
            exact = saturated(exact);
        if constexpr (CLAMP == CLAMP_RELU)
            exact = without_negative(exact);
        uint16_t result = H::template narrow<Rounding::nearest>(to_odd_float(exact));
        return FLUSHES ? H::flush(result) : result;
    }
};

/* A function of 16-bit lanes, also as one of pairs. */
template <typename H, auto F> void add_both(Forms *forms, const std::string &name)
{
    (*forms)[name + "." + H::name] = lanewise<F>();
    (*forms)[name + "." + H::name + "x2"] = lanewise<Twice<F>::apply>();
}

template <typename H, auto F, Clamp CLAMP>
void add_operation(Forms *forms, const std::string &name, const std::string &clamp)
{
    constexpr bool has_ftz = H::one == F16::one;
    add_both<H, HalfOperation<H, F, false, CLAMP>::apply>(forms, name + clamp);
    if constexpr (has_ftz)
        add_both<H, HalfOperation<H, F, true, CLAMP>::apply>(forms, name + ".ftz" + clamp);
}

template <typename H, auto F> void add_arithmetic(Forms *forms, const std::string &name)
{
    for (const char *mode : {"", ".rn"}) {
        add_operation<H, F, NO_CLAMP>(forms, name + mode, "");
        if constexpr (H::one == F16::one)
            add_operation<H, F, CLAMP_SAT>(forms, name + mode, ".sat");
    }
}

template <typename H, bool FLUSHES> uint16_t neg(uint16_t a)
{
    return static_cast<uint16_t>((FLUSHES ? H::flush(a) : a) ^ 0x8000u);
}

template <typename H, bool FLUSHES> uint16_t abs(uint16_t a)
{
    return (FLUSHES ? H::flush(a) : a) & 0x7fffu;
}

/* F is the smaller or the larger of two floats. */
template <typename H, auto F, bool FLUSHES> uint16_t extreme(uint16_t a, uint16_t b)
{
    float result = F(H::widen(FLUSHES ? H::flush(a) : a), H::widen(FLUSHES ? H::flush(b) : b));
    return H::template narrow<Rounding::nearest>(result);
}

template <typename H, bool FLUSHES> void add_signs(Forms *forms, const std::string &modifier)
{
    add_both<H, neg<H, FLUSHES>>(forms, "neg" + modifier);
    add_both<H, abs<H, FLUSHES>>(forms, "abs" + modifier);
}

template <typename H, auto F, bool FLUSHES> void add_extremes(Forms *forms, const std::string &name)
{
    add_both<H, extreme<H, Extreme<F, false, false>::apply, FLUSHES>>(forms, name);
    add_both<H, extreme<H, Extreme<F, true, false>::apply, FLUSHES>>(forms, name + ".NaN");
    add_both<H, extreme<H, Extreme<F, false, true>::apply, FLUSHES>>(forms, name + ".xorsign.abs");
    add_both<H, extreme<H, Extreme<F, true, true>::apply, FLUSHES>>(forms,
                                                                    name + ".NaN.xorsign.abs");
}

template <typename H> void add_forms_of(Forms *forms)
{
    add_arithmetic<H, add>(forms, "add");
    add_arithmetic<H, sub>(forms, "sub");
    add_arithmetic<H, mul>(forms, "mul");
    add_operation<H, fused, NO_CLAMP>(forms, "fma.rn", "");
    add_operation<H, fused, CLAMP_RELU>(forms, "fma.rn", ".relu");
    add_signs<H, false>(forms, "");
    add_extremes<H, smaller_number<float>, false>(forms, "min");
    add_extremes<H, larger_number<float>, false>(forms, "max");
}

} // namespace

void add_half_forms(Forms *forms)
{
    add_forms_of<F16>(forms);
    add_forms_of<BF16>(forms);
    add_operation<F16, fused, CLAMP_SAT>(forms, "fma.rn", ".sat");
    add_signs<F16, true>(forms, ".ftz");
    add_extremes<F16, smaller_number<float>, true>(forms, "min.ftz");
    add_extremes<F16, larger_number<float>, true>(forms, "max.ftz");
}

} // namespace ptx
