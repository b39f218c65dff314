/* The types of CUDA C++: qualifiers, vector types, dim3, and the variables that identify the
 * running thread. */
#ifndef LYRNN_SIM_TYPES_H
#define LYRNN_SIM_TYPES_H

#include <cstddef>
#include <cstdint>

#define LYRNN_CUDA_SIM 1

#define __host__
#define __device__
#define __global__
#define __constant__
#define __grid_constant__
#define __forceinline__  inline __attribute__((always_inline))
#define __align__(bytes) alignas(bytes)
/* As many no-operations before the kernel as its blocks may have threads: occupancy.cpp counts
 * them. The compiler cannot put a number in a place that is easier to find. */
#define LYRNN_SIM_BOUNDS(threads, ...)                                                             \
    __attribute__((patchable_function_entry(static_cast<int>(threads), static_cast<int>(threads))))
#define __launch_bounds__(...) LYRNN_SIM_BOUNDS(__VA_ARGS__, )
#if !defined(__restrict__)
#define __restrict__ __restrict
#endif
/* A plain __shared__ declaration would make one variable for all blocks here, so it must not
 * compile. */
#define __shared__ error_use_LYRNN_SHARED_or_LYRNN_DYNAMIC_SHARED

#define LYRNN_SIM_VECTOR2(name, type, alignment)                                                   \
    struct alignas(alignment) name {                                                               \
        type x, y;                                                                                 \
    };                                                                                             \
    static inline name make_##name(type x, type y)                                                 \
    {                                                                                              \
        return name{x, y};                                                                         \
    }
#define LYRNN_SIM_VECTOR3(name, type)                                                              \
    struct name {                                                                                  \
        type x, y, z;                                                                              \
    };                                                                                             \
    static inline name make_##name(type x, type y, type z)                                         \
    {                                                                                              \
        return name{x, y, z};                                                                      \
    }
#define LYRNN_SIM_VECTOR4(name, type, alignment)                                                   \
    struct alignas(alignment) name {                                                               \
        type x, y, z, w;                                                                           \
    };                                                                                             \
    static inline name make_##name(type x, type y, type z, type w)                                 \
    {                                                                                              \
        return name{x, y, z, w};                                                                   \
    }
LYRNN_SIM_VECTOR2(float2, float, 8)
LYRNN_SIM_VECTOR2(int2, int, 8)
LYRNN_SIM_VECTOR2(uint2, unsigned, 8)
LYRNN_SIM_VECTOR2(double2, double, 16)
LYRNN_SIM_VECTOR2(longlong2, long long, 16)
LYRNN_SIM_VECTOR2(ulonglong2, unsigned long long, 16)
LYRNN_SIM_VECTOR3(float3, float)
LYRNN_SIM_VECTOR3(int3, int)
LYRNN_SIM_VECTOR3(uint3, unsigned)
LYRNN_SIM_VECTOR4(float4, float, 16)
LYRNN_SIM_VECTOR4(int4, int, 16)
LYRNN_SIM_VECTOR4(uint4, unsigned, 16)
LYRNN_SIM_VECTOR4(ushort4, unsigned short, 8)
LYRNN_SIM_VECTOR4(uchar4, unsigned char, 4)

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z)
    {
    }
};

/* Set whenever the scheduler switches to a simulated thread. */
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

#endif
