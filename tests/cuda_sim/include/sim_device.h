/* What kernels call: barriers, warp operations, atomics, and intrinsics on bits and floats.
 *
 * Each function takes the line of the call as a default argument. So a report can name the
 * barrier, and two barriers in different lines stay different even if the optimizer merges them. */
#ifndef LYRNN_SIM_DEVICE_H
#define LYRNN_SIM_DEVICE_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "sim_types.h"

void __syncthreads(int line = __builtin_LINE());
void __syncwarp(unsigned mask = 0xffffffffu, int line = __builtin_LINE());
void __threadfence();
static inline void __threadfence_block()
{
}
static inline void __threadfence_system()
{
    __threadfence();
}
[[noreturn]] void __trap();
/* Returns whether LYRNN_SIM_FAULT lets the running kernel wait for ever. */
bool lyrnn_sim_wait_expires();

/* Warp operations. */
enum lyrnn_sim_warp_operation {
    LYRNN_SIM_SHUFFLE,
    LYRNN_SIM_SHUFFLE_UP,
    LYRNN_SIM_SHUFFLE_DOWN,
    LYRNN_SIM_SHUFFLE_XOR,
    LYRNN_SIM_BALLOT,
    LYRNN_SIM_ALL,
    LYRNN_SIM_ANY,
    LYRNN_SIM_ADD,
    LYRNN_SIM_MIN,
    LYRNN_SIM_MAX,
    LYRNN_SIM_AND,
    LYRNN_SIM_OR,
    LYRNN_SIM_XOR,
    LYRNN_SIM_SIGNED_MIN,
    LYRNN_SIM_SIGNED_MAX,
    LYRNN_SIM_MATCH_ANY
};
/* Performs the operation over the lanes in mask. All of them must make the same call. Only shuffles
 * use lane and width. */
uint64_t lyrnn_sim_warp(lyrnn_sim_warp_operation operation, unsigned mask, uint64_t value,
                        unsigned lane, int width, int line);
unsigned __activemask();

template <typename T>
static inline T lyrnn_sim_shuffle(lyrnn_sim_warp_operation operation, unsigned mask, T value,
                                  unsigned lane, int width, int line)
{
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = lyrnn_sim_warp(operation, mask, bits, lane, width, line);
    memcpy(&value, &bits, sizeof value);
    return value;
}

#define LYRNN_SIM_SHUFFLE_FUNCTION(name, operation, lane_type)                                     \
    template <typename T>                                                                          \
    static inline T name(unsigned mask, T value, lane_type lane, int width = 32,                   \
                         int line = __builtin_LINE())                                              \
    {                                                                                              \
        return lyrnn_sim_shuffle(operation, mask, value, static_cast<unsigned>(lane), width,       \
                                 line);                                                            \
    }
LYRNN_SIM_SHUFFLE_FUNCTION(__shfl_sync, LYRNN_SIM_SHUFFLE, int)
LYRNN_SIM_SHUFFLE_FUNCTION(__shfl_up_sync, LYRNN_SIM_SHUFFLE_UP, unsigned)
LYRNN_SIM_SHUFFLE_FUNCTION(__shfl_down_sync, LYRNN_SIM_SHUFFLE_DOWN, unsigned)
LYRNN_SIM_SHUFFLE_FUNCTION(__shfl_xor_sync, LYRNN_SIM_SHUFFLE_XOR, int)

static inline unsigned __ballot_sync(unsigned mask, int predicate, int line = __builtin_LINE())
{
    return static_cast<unsigned>(
        lyrnn_sim_warp(LYRNN_SIM_BALLOT, mask, predicate != 0, 0, 32, line));
}
static inline int __all_sync(unsigned mask, int predicate, int line = __builtin_LINE())
{
    return static_cast<int>(lyrnn_sim_warp(LYRNN_SIM_ALL, mask, predicate != 0, 0, 32, line));
}
static inline int __any_sync(unsigned mask, int predicate, int line = __builtin_LINE())
{
    return static_cast<int>(lyrnn_sim_warp(LYRNN_SIM_ANY, mask, predicate != 0, 0, 32, line));
}
template <typename T>
static inline unsigned __match_any_sync(unsigned mask, T value, int line = __builtin_LINE())
{
    static_assert(sizeof(T) <= 8, "a match compares at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    return static_cast<unsigned>(lyrnn_sim_warp(LYRNN_SIM_MATCH_ANY, mask, bits, 0, 32, line));
}

#define LYRNN_SIM_REDUCE_FUNCTION(name, type, operation)                                           \
    static inline type name(unsigned mask, type value, int line = __builtin_LINE())                \
    {                                                                                              \
        return static_cast<type>(                                                                  \
            lyrnn_sim_warp(operation, mask, static_cast<unsigned>(value), 0, 32, line));           \
    }
LYRNN_SIM_REDUCE_FUNCTION(__reduce_add_sync, unsigned, LYRNN_SIM_ADD)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_add_sync, int, LYRNN_SIM_ADD)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_min_sync, unsigned, LYRNN_SIM_MIN)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_min_sync, int, LYRNN_SIM_SIGNED_MIN)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_max_sync, unsigned, LYRNN_SIM_MAX)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_max_sync, int, LYRNN_SIM_SIGNED_MAX)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_and_sync, unsigned, LYRNN_SIM_AND)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_or_sync, unsigned, LYRNN_SIM_OR)
LYRNN_SIM_REDUCE_FUNCTION(__reduce_xor_sync, unsigned, LYRNN_SIM_XOR)

/* Atomics. Those on floats are reported when they run: their order is not fixed, so their result is
 * not either. */
enum lyrnn_sim_atomic_operation {
    LYRNN_SIM_ATOMIC_ADD,
    LYRNN_SIM_ATOMIC_MIN,
    LYRNN_SIM_ATOMIC_MAX,
    LYRNN_SIM_ATOMIC_AND,
    LYRNN_SIM_ATOMIC_OR,
    LYRNN_SIM_ATOMIC_XOR,
    LYRNN_SIM_ATOMIC_EXCHANGE,
    LYRNN_SIM_ATOMIC_COMPARE
};
/* Returns the old value, zero-extended. is_signed selects the comparison of min and max. */
uint64_t lyrnn_sim_atomic(lyrnn_sim_atomic_operation operation, void *address, size_t bytes,
                          bool is_signed, uint64_t value, uint64_t compare);
void lyrnn_sim_float_atomic(const void *address);

#define LYRNN_SIM_ATOMIC_FUNCTION(name, type, operation)                                           \
    static inline type name(type *address, type value)                                             \
    {                                                                                              \
        return static_cast<type>(lyrnn_sim_atomic(operation, address, sizeof(type),                \
                                                  static_cast<type>(-1) < static_cast<type>(1),    \
                                                  static_cast<uint64_t>(value), 0));               \
    }
#define LYRNN_SIM_ATOMIC_FUNCTIONS(name, operation)                                                \
    LYRNN_SIM_ATOMIC_FUNCTION(name, int, operation)                                                \
    LYRNN_SIM_ATOMIC_FUNCTION(name, unsigned, operation)                                           \
    LYRNN_SIM_ATOMIC_FUNCTION(name, unsigned long long, operation)
LYRNN_SIM_ATOMIC_FUNCTIONS(atomicAdd, LYRNN_SIM_ATOMIC_ADD)
LYRNN_SIM_ATOMIC_FUNCTIONS(atomicMin, LYRNN_SIM_ATOMIC_MIN)
LYRNN_SIM_ATOMIC_FUNCTIONS(atomicMax, LYRNN_SIM_ATOMIC_MAX)
LYRNN_SIM_ATOMIC_FUNCTIONS(atomicAnd, LYRNN_SIM_ATOMIC_AND)
LYRNN_SIM_ATOMIC_FUNCTIONS(atomicOr, LYRNN_SIM_ATOMIC_OR)
LYRNN_SIM_ATOMIC_FUNCTIONS(atomicXor, LYRNN_SIM_ATOMIC_XOR)
LYRNN_SIM_ATOMIC_FUNCTIONS(atomicExch, LYRNN_SIM_ATOMIC_EXCHANGE)
#define LYRNN_SIM_ATOMIC_CAS(type)                                                                 \
    static inline type atomicCAS(type *address, type compare, type value)                          \
    {                                                                                              \
        return static_cast<type>(lyrnn_sim_atomic(LYRNN_SIM_ATOMIC_COMPARE, address, sizeof(type), \
                                                  false, static_cast<uint64_t>(value),             \
                                                  static_cast<uint64_t>(compare)));                \
    }
LYRNN_SIM_ATOMIC_CAS(int)
LYRNN_SIM_ATOMIC_CAS(unsigned)
LYRNN_SIM_ATOMIC_CAS(unsigned long long)
static inline float atomicAdd(float *address, float)
{
    lyrnn_sim_float_atomic(address);
    return 0.0f;
}
static inline double atomicAdd(double *address, double)
{
    lyrnn_sim_float_atomic(address);
    return 0.0;
}

/* Loads and stores with cache hints. */
#define LYRNN_SIM_LOAD(name)                                                                       \
    template <typename T> static inline T name(const T *address)                                   \
    {                                                                                              \
        return *address;                                                                           \
    }
LYRNN_SIM_LOAD(__ldg)
LYRNN_SIM_LOAD(__ldca)
LYRNN_SIM_LOAD(__ldcg)
LYRNN_SIM_LOAD(__ldcs)
LYRNN_SIM_LOAD(__ldlu)
LYRNN_SIM_LOAD(__ldcv)
#define LYRNN_SIM_STORE(name)                                                                      \
    template <typename T> static inline void name(T *address, T value)                             \
    {                                                                                              \
        *address = value;                                                                          \
    }
LYRNN_SIM_STORE(__stwb)
LYRNN_SIM_STORE(__stcg)
LYRNN_SIM_STORE(__stcs)
LYRNN_SIM_STORE(__stwt)

#include "sim_math.h"

#endif
