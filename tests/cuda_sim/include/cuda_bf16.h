/* bfloat16: the upper half of a float, rounded to nearest even; NaN stays NaN. */
#ifndef LYRNN_SIM_CUDA_BF16_H
#define LYRNN_SIM_CUDA_BF16_H

#include "cuda_runtime.h"

struct __nv_bfloat16 {
    unsigned short bits;
};
struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

static inline __nv_bfloat16 __float2bfloat16(float value)
{
    unsigned bits = __float_as_uint(value);
    if (value != value)
        return __nv_bfloat16{0x7fff};
    return __nv_bfloat16{static_cast<unsigned short>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}
static inline __nv_bfloat16 __float2bfloat16_rn(float value)
{
    return __float2bfloat16(value);
}
static inline float __bfloat162float(__nv_bfloat16 value)
{
    return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}
static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y)
{
    return __nv_bfloat162{__float2bfloat16(x), __float2bfloat16(y)};
}
static inline float2 __bfloat1622float2(__nv_bfloat162 value)
{
    return float2{__bfloat162float(value.x), __bfloat162float(value.y)};
}

#endif
