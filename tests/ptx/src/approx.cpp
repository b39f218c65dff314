/* The .approx and .full forms. They are computed in double and rounded, so they are closer to the
 * exact value than a device has to be.
 *
 * A test that compares a kernel with a reference has to allow for the device's error. These are the
 * bounds of the PTX ISA manual (9.0, floating-point instructions):
 *
 *   div.approx, div.full      2 ulp; of div.approx where 2^-126 <= |b| <= 2^126
 *   rcp.approx                1 ulp
 *   sqrt.approx               2^-23 relative
 *   rsqrt.approx              2^-22.9 relative
 *   sin.approx, cos.approx    2^-20.5 absolute within +-2 pi, 2^-14.7 within +-100 pi
 *   lg2.approx                2^-22 absolute or relative
 *   ex2.approx                2 ulp; 2^-9.9 relative of f16, 2^-7 of bf16
 *   tanh.approx               2^-11 relative; 2^-10.987 absolute of f16, 2^-8 of bf16
 *   rcp and rsqrt .ftz.f64    about 20 bits: only the upper half of the register is computed
 */
#include "float.h"

namespace ptx
{
namespace
{

float div_full(float a, float b)
{
    return static_cast<float>(static_cast<double>(a) / b);
}

/* The device computes a * (1 / b), and flushes 1 / b to zero if b is above 2^126. */
float div_approx(float a, float b)
{
    float magnitude = std::fabs(b);
    if (magnitude > 0x1p126f && std::isfinite(b))
        return a * std::copysign(0.0f, b);
    return div_full(a, b);
}

template <auto F> float rounded(float a)
{
    return static_cast<float>(F(static_cast<double>(a)));
}

double reciprocal(double a)
{
    return 1 / a;
}

double square_root(double a)
{
    return std::sqrt(a);
}

double reciprocal_root(double a)
{
    return 1 / std::sqrt(a);
}

double sine(double a)
{
    return std::sin(a);
}

double cosine(double a)
{
    return std::cos(a);
}

double log2(double a)
{
    return std::log2(a);
}

double exp2(double a)
{
    return std::exp2(a);
}

double tanh(double a)
{
    return std::tanh(a);
}

/* F of the upper half of a register. Subnormal numbers are flushed, and the lower half is zero. */
template <auto F> double of_upper_half(double a)
{
    constexpr uint64_t upper = ~0ull << 32, exponent = 0x7ffull << 52, sign = 1ull << 63;
    uint64_t bits = bits_as<uint64_t>(a) & upper;
    bits = a != a ? 0x7fffffffull << 32 : (bits & exponent) == 0 ? bits & sign : bits;
    double result = F(bits_as<double>(bits));
    bits = bits_as<uint64_t>(result) & upper;
    bits = result != result ? 0x7fffffffull << 32 : (bits & exponent) == 0 ? bits & sign : bits;
    return bits_as<double>(bits);
}

template <auto F> void add_single(Forms *forms, const std::string &name)
{
    (*forms)[name + ".f32"] = lanewise<Modified<F, false, false>::apply>();
    (*forms)[name + ".ftz.f32"] = lanewise<Modified<F, true, false>::apply>();
}

/* A function of f16 or bf16. */
template <typename H, auto F, bool FLUSHES> uint16_t on_half(uint16_t a)
{
    uint16_t from = FLUSHES ? H::flush(a) : a;
    double exact = F(static_cast<double>(H::widen(from)));
    uint16_t result = H::template narrow<Rounding::nearest>(to_odd_float(exact));
    return FLUSHES ? H::flush(result) : result;
}

template <typename H, auto F, bool FLUSHES = false>
void add_half(Forms *forms, const std::string &name)
{
    constexpr auto apply = on_half<H, F, FLUSHES>;
    (*forms)[name + "." + H::name] = lanewise<apply>();
    (*forms)[name + "." + H::name + "x2"] = lanewise<Twice<apply>::apply>();
}

} // namespace

void add_approximate_forms(Forms *forms)
{
    add_single<div_approx>(forms, "div.approx");
    add_single<div_full>(forms, "div.full");
    add_single<rounded<reciprocal>>(forms, "rcp.approx");
    add_single<rounded<square_root>>(forms, "sqrt.approx");
    add_single<rounded<reciprocal_root>>(forms, "rsqrt.approx");
    add_single<rounded<sine>>(forms, "sin.approx");
    add_single<rounded<cosine>>(forms, "cos.approx");
    add_single<rounded<log2>>(forms, "lg2.approx");
    add_single<rounded<exp2>>(forms, "ex2.approx");
    add_half<F16, exp2>(forms, "ex2.approx");
    add_half<BF16, exp2, true>(forms, "ex2.approx.ftz");
    add_half<F16, tanh>(forms, "tanh.approx");
    add_half<BF16, tanh>(forms, "tanh.approx");

    Forms &all = *forms;
    all["tanh.approx.f32"] = lanewise<Modified<rounded<tanh>, false, false>::apply>();
    all["rcp.approx.ftz.f64"] = lanewise<of_upper_half<reciprocal>>();
    all["rsqrt.approx.ftz.f64"] = lanewise<of_upper_half<reciprocal_root>>();
    all["rsqrt.approx.f64"] = lanewise<reciprocal_root>();
}

} // namespace ptx
