/* Floating-point arithmetic for references, which does not use the host's rounding. A result is
 * computed in __float128 with the sign of its error, and rounded to the format with integers. */
#ifndef LYRNN_PTX_FLOAT_REFERENCE_H
#define LYRNN_PTX_FLOAT_REFERENCE_H

#include <cmath>
#include <string>

__extension__ typedef __float128 float128;
__extension__ typedef unsigned __int128 uint128;

struct Format {
    int bits;     /* of the whole number */
    int fraction; /* bits that are stored */
    int bias;

    uint64_t sign() const
    {
        return 1ull << (bits - 1);
    }
    uint64_t infinity() const
    {
        return (sign() - 1) >> fraction << fraction;
    }
    uint64_t one() const
    {
        return static_cast<uint64_t>(bias) << fraction;
    }
    uint64_t magnitude(uint64_t value) const
    {
        return value & (sign() - 1);
    }
    bool is_nan(uint64_t value) const
    {
        return magnitude(value) > infinity();
    }
    bool is_negative(uint64_t value) const
    {
        return (value & sign()) != 0;
    }
    /* The tests take any NaN as a result of f64. */
    uint64_t nan() const
    {
        return sign() - 1;
    }
    uint64_t flushed(uint64_t value) const
    {
        return magnitude(value) >> fraction == 0 ? value & sign() : value;
    }
};

static const Format f16 = {16, 10, 15}, bf16 = {16, 7, 127}, tf32 = {19, 10, 127},
                    f32 = {32, 23, 127}, f64 = {64, 52, 1023};

/* A number's place among all, where -0 is before +0. */
static inline int64_t place_of(const Format &format, uint64_t number)
{
    const int64_t magnitude = static_cast<int64_t>(format.magnitude(number));
    return format.is_negative(number) ? -magnitude - 1 : magnitude;
}

enum class Mode { nearest, away, zero, down, up };

/* Returns 2^exponent. */
static inline float128 power_of_two(int exponent)
{
    uint128 bits = static_cast<uint128>(exponent + 16383) << 112;
    float128 value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Returns the value of a number, which is not NaN. */
static inline float128 value_of(const Format &format, uint64_t bits)
{
    const uint64_t magnitude = format.magnitude(bits);
    const int exponent = static_cast<int>(magnitude >> format.fraction);
    uint64_t significand = magnitude & ((1ull << format.fraction) - 1);
    float128 value = static_cast<float128>(__builtin_inf());
    if (magnitude != format.infinity()) {
        if (exponent != 0)
            significand |= 1ull << format.fraction;
        value = static_cast<float128>(significand) *
                power_of_two((exponent == 0 ? 1 : exponent) - format.bias - format.fraction);
    }
    return format.is_negative(bits) ? -value : value;
}

/* A value, which is a little more than `near` if error is 1, and a little less if it is -1. */
struct Exact {
    float128 near;
    int error;
};

/* Whether the rest of a magnitude, where half is half of a unit, makes it one unit larger. */
static inline bool goes_up(Mode mode, bool is_negative, bool is_odd, uint128 rest, uint128 half)
{
    switch (mode) {
    case Mode::nearest:
        return rest > half || (rest == half && is_odd);
    case Mode::away:
        return rest >= half;
    case Mode::down:
        return is_negative && rest != 0;
    case Mode::up:
        return !is_negative && rest != 0;
    default:
        return false;
    }
}

/* What a magnitude is that is too large for the format. */
static inline uint64_t overflowed(const Format &format, Mode mode, bool is_negative)
{
    const bool stays_finite = mode == Mode::zero || (mode == Mode::down && !is_negative) ||
                              (mode == Mode::up && is_negative);
    return stays_finite ? format.infinity() - 1 : format.infinity();
}

/* Rounds to the format. */
static inline uint64_t rounded(const Format &format, const Exact &value, Mode mode)
{
    if (value.near != value.near)
        return format.nan();
    uint128 bits;
    memcpy(&bits, &value.near, sizeof bits);
    const bool is_negative = bits >> 127 != 0;
    const uint64_t sign = is_negative ? format.sign() : 0;
    int exponent = static_cast<int>(bits >> 112 & 0x7fff) - 16383;
    if (value.near == 0)
        return sign;
    if (exponent == 16384)
        return sign | format.infinity();
    /* Four times the significand, so that an error is less than its last bits. */
    const uint128 one = 1;
    uint128 significand = ((bits & ((one << 112) - 1)) | one << 112) << 2;
    const bool is_less = value.error != 0 && (value.error > 0) == is_negative;
    if (is_less && significand == one << 114) {
        /* The value is below a power of two, where the numbers are closer to each other. */
        significand <<= 1;
        exponent--;
    }
    if (value.error != 0)
        significand += is_less ? -one : one;
    const int lowest = 1 - format.bias, unit = (exponent < lowest ? lowest : exponent);
    const int shift = unit - format.fraction - (exponent - 112) + 2;
    uint128 kept = shift > 126 ? 0 : significand >> shift;
    const uint128 rest = shift > 126 ? 1 : significand - (kept << shift);
    const uint128 half = shift > 126 ? 2 : one << (shift - 1);
    kept += goes_up(mode, is_negative, (kept & 1) != 0, rest, half) ? 1 : 0;
    uint64_t result = static_cast<uint64_t>(kept);
    if (kept >> format.fraction != 0)
        result += static_cast<uint64_t>(unit + format.bias - 1) << format.fraction;
    return sign | (result >= format.infinity() ? overflowed(format, mode, is_negative) : result);
}

/* a + b, where a zero as a difference is -0 if the result is rounded down. */
static inline Exact exact_sum(float128 a, float128 b, Mode mode)
{
    float128 sum = a + b;
    if (sum == 0) {
        const bool a_negative = __builtin_signbit(a), b_negative = __builtin_signbit(b);
        const bool is_negative = a_negative == b_negative ? a_negative : mode == Mode::down;
        return {is_negative ? -static_cast<float128>(0) : static_cast<float128>(0), 0};
    }
    const float128 part = sum - a;
    const float128 error = (a - (sum - part)) + (b - part);
    return {sum, error > 0 ? 1 : error < 0 ? -1 : 0};
}

/* The square root by Newton's method. If the exact one has at most 60 bits, the result is exact. */
static inline float128 square_root(float128 value)
{
    if (!(value > 0) || value > 0x1p1023 * static_cast<float128>(2))
        return value < 0 ? static_cast<float128>(__builtin_nan("")) : value;
    float128 root = std::sqrt(static_cast<double>(value));
    for (int i = 0; i < 3; i++)
        root = (root + value / root) / 2;
    uint128 bits;
    memcpy(&bits, &root, sizeof bits);
    bits = (bits + (static_cast<uint128>(1) << 51)) >> 52 << 52;
    float128 shorter;
    memcpy(&shorter, &bits, sizeof shorter);
    return shorter * shorter == value ? shorter : root;
}

static inline Mode mode_of(const std::string &modifier)
{
    return modifier == "rz"    ? Mode::zero
           : modifier == "rm"  ? Mode::down
           : modifier == "rp"  ? Mode::up
           : modifier == "rna" ? Mode::away
                               : Mode::nearest;
}

static inline Format format_of(const std::string &type)
{
    return type == "f16"    ? f16
           : type == "bf16" ? bf16
           : type == "tf32" ? tf32
           : type == "f64"  ? f64
                            : f32;
}

#endif
