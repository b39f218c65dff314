/* The macros for shared memory, as the simulator defines them. Each array is in the memory of the
 * simulated block, is poisoned when the block starts, and has its own bounds. For nvcc,
 * cuda/cuda.cuh defines the macros. */
#ifndef LYRNN_DYNAMIC_SHARED_CUH
#define LYRNN_DYNAMIC_SHARED_CUH

#include <cstddef>

/* Returns the block's array that belongs to one declaration. The address `key` identifies the
 * declaration. */
void *lyrnn_sim_static_shared(const void *key, size_t bytes, size_t alignment);
void *lyrnn_sim_dynamic_shared();

#define LYRNN_SHARED(type, name, extents)                                                          \
    static const char lyrnn_sim_key_##name = 0;                                                    \
    typedef type lyrnn_sim_array_##name extents;                                                   \
    lyrnn_sim_array_##name &name = *static_cast<lyrnn_sim_array_##name *>(lyrnn_sim_static_shared( \
        &lyrnn_sim_key_##name, sizeof(lyrnn_sim_array_##name), alignof(type)))
#define LYRNN_DYNAMIC_SHARED(type, name)                                                           \
    type *name = static_cast<type *>(lyrnn_sim_dynamic_shared())

#endif
