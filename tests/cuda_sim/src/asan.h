/* AddressSanitizer's interface. In builds without AddressSanitizer these functions do nothing. */
#ifndef LYRNN_SIM_ASAN_H
#define LYRNN_SIM_ASAN_H

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define LYRNN_SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LYRNN_SIM_ASAN 1
#endif
#endif
#ifndef LYRNN_SIM_ASAN
#define LYRNN_SIM_ASAN 0
#endif

#if LYRNN_SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sim
{

inline void asan_poison(const void *memory, size_t bytes)
{
#if LYRNN_SIM_ASAN
    __asan_poison_memory_region(memory, bytes);
#else
    (void)memory, (void)bytes;
#endif
}

inline void asan_unpoison(const void *memory, size_t bytes)
{
#if LYRNN_SIM_ASAN
    __asan_unpoison_memory_region(memory, bytes);
#else
    (void)memory, (void)bytes;
#endif
}

} // namespace sim

#endif
