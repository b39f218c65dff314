/* Philox4x32-10 from Random123, numbered as cuRAND does it. The key is the seed. The upper half of
 * the counter is the purpose (cuRAND's subsequence), the lower half is the block of four
 * positions. */
#include "lyrnn/philox.h"

#include <Random123/philox.h>

static philox4x32_ctr_t draw_block(uint64_t seed, uint64_t purpose, uint64_t block)
{
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t counter = {
        {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)purpose, (uint32_t)(purpose >> 32)}};
    return philox4x32(counter, key);
}

static float bits_to_uniform(uint32_t bits)
{
    return (float)bits * 0x1p-32f + 0x1p-33f;
}

uint32_t lyrnn_philox_bits(uint64_t seed, uint64_t purpose, uint64_t position)
{
    return draw_block(seed, purpose, position / 4).v[position % 4];
}

float lyrnn_philox_uniform(uint64_t seed, uint64_t purpose, uint64_t position)
{
    return bits_to_uniform(lyrnn_philox_bits(seed, purpose, position));
}

void lyrnn_philox_uniform_block(uint64_t seed, uint64_t purpose, uint64_t block, float values[4])
{
    philox4x32_ctr_t bits = draw_block(seed, purpose, block);
    for (int i = 0; i < 4; i++)
        values[i] = bits_to_uniform(bits.v[i]);
}
