/* The 16-bit floating-point formats, from and to float.
 *
 * f16 is IEEE binary16: 5 bits of exponent, 10 of fraction. bf16 is the upper half of a float. A
 * result that is NaN is 0x7fff, as on the device. */
#ifndef LYRNN_PTX_HALF_H
#define LYRNN_PTX_HALF_H

#include "lanewise.h"

namespace ptx
{

/* At a tie, `nearest` takes the even value, and `away` the one further from zero. */
enum class Rounding : uint8_t { nearest, away, zero, down, up };

constexpr uint16_t half_nan = 0x7fff;

/* Returns value / 2^shift, rounded as the magnitude of a number; shift is 1 to 31. */
template <Rounding ROUNDING>
uint32_t shift_rounded(uint32_t value, unsigned shift, bool is_negative)
{
    uint32_t kept = value >> shift, lost = value & ((1u << shift) - 1), tie = 1u << (shift - 1);
    bool goes_up = false;
    if constexpr (ROUNDING == Rounding::nearest)
        goes_up = lost + (kept & 1) > tie;
    if constexpr (ROUNDING == Rounding::away)
        goes_up = lost >= tie;
    if constexpr (ROUNDING == Rounding::down)
        goes_up = is_negative && lost != 0;
    if constexpr (ROUNDING == Rounding::up)
        goes_up = !is_negative && lost != 0;
    return kept + (goes_up ? 1u : 0u);
}

/* Flushes a subnormal number to zero. */
inline float flushed(float value)
{
    uint32_t bits = bits_as<uint32_t>(value);
    return bits_as<float>((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}

/* Returns the double as a float. If bits get lost, it returns the neighbor whose last bit is 1.
 * Rounding that to a shorter format gives the same as rounding the double would (S. Boldo and
 * G. Melquiond, Emulation of FMA and correctly rounded sums, 2008). */
inline float to_odd_float(double value)
{
    float nearest = static_cast<float>(value);
    double back = nearest;
    uint32_t bits = bits_as<uint32_t>(nearest);
    bool is_farther = (back < 0 ? -back : back) > (value < 0 ? -value : value);
    bits -= is_farther ? 1 : 0;
    bits |= back != value && value == value ? 1 : 0;
    return bits_as<float>(bits);
}

inline float from_bf16(uint16_t value)
{
    return bits_as<float>(static_cast<uint32_t>(value) << 16);
}

inline float from_f16(uint16_t value)
{
    /* The exponents' biases are 127 and 15. Multiplying also normalizes subnormal numbers. */
    uint32_t magnitude = value & 0x7fffu, sign = static_cast<uint32_t>(value & 0x8000u) << 16;
    float scaled = bits_as<float>(magnitude << 13) * 0x1p112f;
    uint32_t special = 0x7f800000u | (magnitude & 0x3ffu) << 13;
    uint32_t bits = magnitude >= 0x7c00u ? special : bits_as<uint32_t>(scaled);
    return bits_as<float>(bits | sign);
}

template <Rounding ROUNDING> uint16_t to_bf16(float value)
{
    uint32_t bits = bits_as<uint32_t>(value), sign = bits >> 16 & 0x8000u;
    uint32_t rounded = shift_rounded<ROUNDING>(bits & 0x7fffffffu, 16, sign != 0);
    return value != value ? half_nan : static_cast<uint16_t>(rounded | sign);
}

template <Rounding ROUNDING> uint16_t to_f16(float value)
{
    constexpr uint32_t bias = 127 - 15; /* the difference of the formats' biases */
    constexpr uint32_t infinity = 0x7c00u;
    uint32_t bits = bits_as<uint32_t>(value), magnitude = bits & 0x7fffffffu;
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t exponent = magnitude >> 23;
    bool is_normal = exponent > bias;
    uint32_t significand = (magnitude & 0x7fffffu) | (exponent != 0 ? 0x800000u : 0u);
    uint32_t shift = 14 + bias - (exponent < 1 ? 1 : exponent);
    shift = is_normal ? 13 : shift > 31 ? 31 : shift;
    uint32_t rounded = shift_rounded<ROUNDING>(is_normal ? magnitude - (bias << 23) : significand,
                                               shift, sign != 0);
    bool goes_down = ROUNDING == Rounding::zero || (ROUNDING == Rounding::down && sign == 0) ||
                     (ROUNDING == Rounding::up && sign != 0);
    uint32_t largest = goes_down && magnitude != 0x7f800000u ? infinity - 1 : infinity;
    rounded = rounded > largest ? largest : rounded;
    return value != value ? half_nan : static_cast<uint16_t>(rounded | sign);
}

/* The formats, for templates. */
struct F16 {
    static constexpr const char *name = "f16";
    static constexpr uint16_t one = 0x3c00, largest = 0x7bff;

    static float widen(uint16_t value)
    {
        return from_f16(value);
    }
    template <Rounding ROUNDING> static uint16_t narrow(float value)
    {
        return to_f16<ROUNDING>(value);
    }
    /* Flushes a subnormal number to zero. */
    static uint16_t flush(uint16_t value)
    {
        return (value & 0x7c00u) == 0 ? value & 0x8000u : value;
    }
};

struct BF16 {
    static constexpr const char *name = "bf16";
    static constexpr uint16_t one = 0x3f80, largest = 0x7f7f;

    static float widen(uint16_t value)
    {
        return from_bf16(value);
    }
    template <Rounding ROUNDING> static uint16_t narrow(float value)
    {
        return to_bf16<ROUNDING>(value);
    }
    static uint16_t flush(uint16_t value)
    {
        return (value & 0x7f80u) == 0 ? value & 0x8000u : value;
    }
};

} // namespace ptx

#endif
