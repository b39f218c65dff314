/* Philox4x32-10 from Random123, numbered as cuRAND numbers it: the key is the seed, the upper half of
 * the counter the purpose (cuRAND's subsequence), the lower half the block of four positions. */
#include "lyrnn/philox.h"

#include <Random123/philox.h>

uint32_t lyrnn_philox_bits(uint64_t seed, uint64_t purpose, uint64_t position)
{
    uint64_t block = position / 4;
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t counter = {
        {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)purpose, (uint32_t)(purpose >> 32)}};
    return philox4x32(counter, key).v[position % 4];
}

float lyrnn_philox_uniform(uint64_t seed, uint64_t purpose, uint64_t position)
{
    return (float)lyrnn_philox_bits(seed, purpose, position) * 0x1p-32f + 0x1p-33f;
}
