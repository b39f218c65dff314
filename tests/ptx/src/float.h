/* What the floating-point forms share: flushing, clamping, minimum and maximum. */
#ifndef LYRNN_PTX_FLOAT_H
#define LYRNN_PTX_FLOAT_H

#include <cmath>

#include "half.h"

namespace ptx
{

/* The roundings of results, as the host's modes and as modifiers. */
constexpr int host_modes[4] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
constexpr const char *mode_names[4] = {".rn", ".rz", ".rm", ".rp"};

/* A result of f32 that is NaN has no sign or payload; f64 keeps them as the host does. */
inline float canonical(float value)
{
    return value != value ? bits_as<float>(0x7fffffffu) : value;
}

inline double canonical(double value)
{
    return value;
}

/* `.sat`: clamps to [0, 1], and NaN to 0. */
template <typename T> T saturated(T value)
{
    return value > 0 ? (value < 1 ? value : T{1}) : T{0};
}

/* `.relu`: clamps negative numbers to 0. */
template <typename T> T without_negative(T value)
{
    return value > 0 || value != value ? value : T{0};
}

template <bool FLUSHES, typename T> T input(T value)
{
    if constexpr (FLUSHES && sizeof(T) == 4)
        return flushed(value);
    return value;
}

template <bool FLUSHES, bool SATURATES, typename T> T finished(T value)
{
    T result = input<FLUSHES>(value);
    return SATURATES ? saturated(result) : canonical(result);
}

/* Modified<F, FLUSHES, SATURATES>::apply is F with .ftz and .sat. */
template <auto F, bool FLUSHES, bool SATURATES> struct Modified;
template <typename T, typename... A, T (*F)(A...), bool FLUSHES, bool SATURATES>
struct Modified<F, FLUSHES, SATURATES> {
    static T apply(A... sources)
    {
        return finished<FLUSHES, SATURATES>(F(input<FLUSHES>(sources)...));
    }
};

/* If one source is NaN, the result is the other. -0 is smaller than +0. */
template <typename T> T smaller_number(T a, T b)
{
    T chosen = std::signbit(a) ? a : b; /* of equal ones */
    chosen = a < b ? a : b < a ? b : chosen;
    return a != a ? canonical(b) : b != b ? a : chosen;
}

template <typename T> T larger_number(T a, T b)
{
    T chosen = std::signbit(a) ? b : a;
    chosen = a > b ? a : b > a ? b : chosen;
    return a != a ? canonical(b) : b != b ? a : chosen;
}

/* `.NaN` gives NaN if a source is; `.xorsign.abs` compares the magnitudes and takes the product's
 * sign. */
template <auto F, bool KEEPS_NAN, bool OF_MAGNITUDES> struct Extreme;
template <typename T, T (*F)(T, T), bool KEEPS_NAN, bool OF_MAGNITUDES>
struct Extreme<F, KEEPS_NAN, OF_MAGNITUDES> {
    static T apply(T a, T b)
    {
        T result = OF_MAGNITUDES ? F(std::fabs(a), std::fabs(b)) : F(a, b);
        bool is_nan = (a != a) | (b != b);
        if (KEEPS_NAN && is_nan)
            return canonical(a + b);
        if (!OF_MAGNITUDES || result != result)
            return result;
        return std::signbit(a) != std::signbit(b) ? -result : result;
    }
};

/* The files of floating-point forms, which add_float_forms() calls. */
void add_approximate_forms(Forms *forms);
void add_half_forms(Forms *forms);

} // namespace ptx

#endif
