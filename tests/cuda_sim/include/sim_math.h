/* Intrinsics on floats and bits. The fast approximations (__expf and similar) call the precise
 * functions: a kernel that passes a test only thanks to the error of an approximation is wrong on
 * any device. */
#ifndef LYRNN_SIM_MATH_H
#define LYRNN_SIM_MATH_H

#include <cmath>
#include <cstdint>
#include <cstring>

using std::isfinite;
using std::isinf;
using std::isnan;
using std::max;
using std::min;

/* These are macros because glibc declares its own functions with these names. */
#define __expf(x)    expf(x)
#define __exp10f(x)  powf(10.0f, x)
#define __logf(x)    logf(x)
#define __log2f(x)   log2f(x)
#define __log10f(x)  log10f(x)
#define __sinf(x)    sinf(x)
#define __cosf(x)    cosf(x)
#define __tanhf(x)   tanhf(x)
#define __powf(x, y) powf(x, y)

#define LYRNN_SIM_UNARY(name, expression)                                                          \
    static inline float name(float x)                                                              \
    {                                                                                              \
        return expression;                                                                         \
    }
LYRNN_SIM_UNARY(__frcp_rn, 1.0f / x)
LYRNN_SIM_UNARY(__fsqrt_rn, sqrtf(x))
LYRNN_SIM_UNARY(__frsqrt_rn, static_cast<float>(1.0 / sqrt(static_cast<double>(x))))
LYRNN_SIM_UNARY(rsqrtf, static_cast<float>(1.0 / sqrt(static_cast<double>(x))))
LYRNN_SIM_UNARY(__saturatef, x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f)

/* The _rn forms are never contracted to a fused multiply-add, whatever the compiler's options
 * say. */
#define LYRNN_SIM_BINARY(name, type, operator_)                                                    \
    static inline type name(type x, type y)                                                        \
    {                                                                                              \
        volatile type result = x operator_ y;                                                      \
        return result;                                                                             \
    }
LYRNN_SIM_BINARY(__fadd_rn, float, +)
LYRNN_SIM_BINARY(__fsub_rn, float, -)
LYRNN_SIM_BINARY(__fmul_rn, float, *)
LYRNN_SIM_BINARY(__fdiv_rn, float, /)
LYRNN_SIM_BINARY(__fdividef, float, /)
LYRNN_SIM_BINARY(__dadd_rn, double, +)
LYRNN_SIM_BINARY(__dsub_rn, double, -)
LYRNN_SIM_BINARY(__dmul_rn, double, *)
LYRNN_SIM_BINARY(__ddiv_rn, double, /)
static inline float __fmaf_rn(float x, float y, float z)
{
    return fmaf(x, y, z);
}
static inline double __fma_rn(double x, double y, double z)
{
    return fma(x, y, z);
}
static inline double rsqrt(double x)
{
    return 1.0 / sqrt(x);
}

#define LYRNN_SIM_BITS(name, to, from)                                                             \
    static inline to name(from x)                                                                  \
    {                                                                                              \
        static_assert(sizeof(to) == sizeof(from), "a reinterpretation keeps the size");            \
        to bits;                                                                                   \
        memcpy(&bits, &x, sizeof bits);                                                            \
        return bits;                                                                               \
    }
LYRNN_SIM_BITS(__float_as_int, int, float)
LYRNN_SIM_BITS(__float_as_uint, unsigned, float)
LYRNN_SIM_BITS(__int_as_float, float, int)
LYRNN_SIM_BITS(__uint_as_float, float, unsigned)
LYRNN_SIM_BITS(__double_as_longlong, long long, double)
LYRNN_SIM_BITS(__longlong_as_double, double, long long)

static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
static inline int __clz(int x)
{
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}
static inline unsigned __umulhi(unsigned x, unsigned y)
{
    return static_cast<unsigned>((static_cast<uint64_t>(x) * y) >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y)
{
    __extension__ typedef unsigned __int128 wide;
    return static_cast<unsigned long long>((static_cast<wide>(x) * y) >> 64);
}
static inline unsigned __brev(unsigned x)
{
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; bit++)
        reversed |= (x >> bit & 1u) << (31 - bit);
    return reversed;
}
static inline int __float2int_rn(float x)
{
    return static_cast<int>(nearbyintf(x));
}
static inline long long __float2ll_rn(float x)
{
    return llrintf(x);
}
static inline float __int2float_rn(int x)
{
    return static_cast<float>(x);
}
static inline float __uint2float_rn(unsigned x)
{
    return static_cast<float>(x);
}

#endif
