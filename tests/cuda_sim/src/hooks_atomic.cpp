/* The functions that -fsanitize=thread makes the compiler call for C++ atomics. Only host code has
 * these (the counts of shared_ptr, the guards of statics): kernels use CUDA's atomics, see
 * atomic.cpp. All of them use the strongest memory order. */
#include <cstdint>

extern "C" {

void __tsan_atomic_thread_fence(int)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#define LYRNN_SIM_FETCH(bits, type, name)                                                          \
    type __tsan_atomic##bits##_fetch_##name(volatile type *address, type value, int)               \
    {                                                                                              \
        return __atomic_fetch_##name(address, value, __ATOMIC_SEQ_CST);                            \
    }
#define LYRNN_SIM_HOST_ATOMICS(bits, type)                                                         \
    type __tsan_atomic##bits##_load(const volatile type *address, int)                             \
    {                                                                                              \
        return __atomic_load_n(address, __ATOMIC_SEQ_CST);                                         \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *address, type value, int)                      \
    {                                                                                              \
        __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                        \
    }                                                                                              \
    type __tsan_atomic##bits##_exchange(volatile type *address, type value, int)                   \
    {                                                                                              \
        return __atomic_exchange_n(address, value, __ATOMIC_SEQ_CST);                              \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *address, type *expected,      \
                                                      type value, int, int)                        \
    {                                                                                              \
        return __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST,      \
                                           __ATOMIC_SEQ_CST);                                      \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *address, type *expected,        \
                                                    type value, int, int)                          \
    {                                                                                              \
        return __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST,      \
                                           __ATOMIC_SEQ_CST);                                      \
    }                                                                                              \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected,         \
                                                    type value, int, int)                          \
    {                                                                                              \
        __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_SEQ_CST,            \
                                    __ATOMIC_SEQ_CST);                                             \
        return expected;                                                                           \
    }                                                                                              \
    LYRNN_SIM_FETCH(bits, type, add)                                                               \
    LYRNN_SIM_FETCH(bits, type, sub)                                                               \
    LYRNN_SIM_FETCH(bits, type, and)                                                               \
    LYRNN_SIM_FETCH(bits, type, or)                                                                \
    LYRNN_SIM_FETCH(bits, type, xor)
LYRNN_SIM_HOST_ATOMICS(8, uint8_t)
LYRNN_SIM_HOST_ATOMICS(32, uint32_t)
LYRNN_SIM_HOST_ATOMICS(64, uint64_t)

} // extern "C"
