/* exp and tanh as straight-line code that compilers turn into vector instructions.
 *
 *     e^x = 2^n e^r,  n = round(x / ln 2),  |r| <= ln(2) / 2
 *
 * e^r - 1 is its Taylor series up to r^7, which leaves less than half a unit in the last place.
 * tanh uses e^x - 1 instead of e^x, so that it keeps its relative precision near zero. NaN stays
 * NaN. fixed_exp is the same in double, for probabilities that are added up as integers. */
#ifndef LYRNN_VECTOR_MATH_H
#define LYRNN_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

/* Splits e^x into 2^n and e^r - 1, for x in [-87.3, 88.7]. */
static inline float exp_parts(float x, float *expm1_r)
{
    /* Adding 1.5 * 2^23 rounds to an integer, which is then in the low bits. */
    const float rounder = 12582912.0f;
    float shifted = x * 1.44269504f + rounder;
    float n = shifted - rounder;
    /* ln 2 in two parts, so that n times the upper one is exact. */
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float series = 1.0f / 5040.0f;
    series = series * r + 1.0f / 720.0f;
    series = series * r + 1.0f / 120.0f;
    series = series * r + 1.0f / 24.0f;
    series = series * r + 1.0f / 6.0f;
    series = series * r + 0.5f;
    *expm1_r = series * r * r + r;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    float two_to_n;
    memcpy(&two_to_n, &bits, sizeof two_to_n);
    return two_to_n;
}

static inline float vector_expf(float x)
{
    x = x < -87.3f ? -87.3f : x;
    x = x > 88.3f ? 88.3f : x;
    float expm1_r;
    float two_to_n = exp_parts(x, &expm1_r);
    return two_to_n * expm1_r + two_to_n;
}

/* The logistic function, 1 / (1 + e^-x). */
static inline float vector_sigmoidf(float x)
{
    return 1.0f / (1.0f + vector_expf(-x));
}

static inline float vector_tanhf(float x)
{
    /* tanh is 1 in float long before 9.1. */
    x = x < -9.1f ? -9.1f : x;
    x = x > 9.1f ? 9.1f : x;
    float expm1_r;
    float two_to_n = exp_parts(2.0f * x, &expm1_r);
    float expm1 = two_to_n * expm1_r + (two_to_n - 1.0f);
    return expm1 / (expm1 + 2.0f);
}

/* e^x for x <= 0, in units of 2^-42. That is precise enough for a probability, and the sum of a
 * million of them fits 64 bits. NaN gives 0. */
static inline uint64_t fixed_exp(double x)
{
    enum { FRACTION_BITS = 42 };
    x = x > -40.0 ? x : -40.0;
    const double rounder = 0x1.8p52;
    double shifted = x * 1.44269504088896338700 + rounder;
    double n = shifted - rounder;
    double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double series = 1.0 / 479001600.0;
    series = series * r + 1.0 / 39916800.0;
    series = series * r + 1.0 / 3628800.0;
    series = series * r + 1.0 / 362880.0;
    series = series * r + 1.0 / 40320.0;
    series = series * r + 1.0 / 5040.0;
    series = series * r + 1.0 / 720.0;
    series = series * r + 1.0 / 120.0;
    series = series * r + 1.0 / 24.0;
    series = series * r + 1.0 / 6.0;
    series = series * r + 0.5;
    double expm1_r = series * r * r + r;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023u + FRACTION_BITS) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    /* Adding 2^52 rounds the number, which is then in the low bits. */
    double rounded = (scale * expm1_r + scale) + 0x1p52;
    memcpy(&bits, &rounded, sizeof bits);
    return bits & ((UINT64_C(1) << 52) - 1);
}

#endif
