/* xxhash.h is compiled into this file only. The state of the hash lives on the stack, so that
 * hashing cannot fail. */
#include "base/xxh128.h"

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void lyrnn_xxh128(const lyrnn_byte_range *ranges, size_t num_ranges,
                  char digits[LYRNN_XXH128_DIGITS + 1])
{
    XXH3_state_t state;
    XXH128_canonical_t canonical;
    _Static_assert(2 * sizeof canonical.digest == LYRNN_XXH128_DIGITS, "two digits per byte");
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < num_ranges; i++)
        XXH3_128bits_update(&state, ranges[i].data, ranges[i].num_bytes);
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
    for (size_t i = 0; i < sizeof canonical.digest; i++)
        snprintf(digits + 2 * i, 3, "%02x", canonical.digest[i]);
}
