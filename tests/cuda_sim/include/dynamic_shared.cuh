/* Shared memory by macros, the simulator's half: arrays stand in the simulated block's own memory,
 * poisoned when the block starts, and each with its own bounds. Same guard as the header of cuda/. */
#ifndef LYRNN_DYNAMIC_SHARED_CUH
#define LYRNN_DYNAMIC_SHARED_CUH

#include <cstddef>

/* The block's array of one declaration; key is the address that tells declarations apart. */
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
