/* cuRAND's Philox4x32-10 device generator, built on Random123's philox. It returns the same numbers
 * as cuRAND: the key is the seed, counter words 2 and 3 are the subsequence, words 0 and 1 are
 * offset / 4, and offset % 4 selects the word. */
#ifndef LYRNN_SIM_CURAND_KERNEL_H
#define LYRNN_SIM_CURAND_KERNEL_H

#include <Random123/philox.h>

#include "cuda_runtime.h"

struct curandStatePhilox4_32_10 {
    unsigned long long seed, subsequence, offset;
};
typedef curandStatePhilox4_32_10 curandStatePhilox4_32_10_t;

static inline void curand_init(unsigned long long seed, unsigned long long subsequence,
                               unsigned long long offset, curandStatePhilox4_32_10_t *state)
{
    *state = curandStatePhilox4_32_10{seed, subsequence, offset};
}
static inline void skipahead(unsigned long long count, curandStatePhilox4_32_10_t *state)
{
    state->offset += count;
}
static inline void skipahead_sequence(unsigned long long count, curandStatePhilox4_32_10_t *state)
{
    state->subsequence += count;
}
static inline unsigned curand(curandStatePhilox4_32_10_t *state)
{
    unsigned long long block = state->offset / 4;
    philox4x32_key_t key = {
        {static_cast<uint32_t>(state->seed), static_cast<uint32_t>(state->seed >> 32)}};
    philox4x32_ctr_t counter = {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                                 static_cast<uint32_t>(state->subsequence),
                                 static_cast<uint32_t>(state->subsequence >> 32)}};
    return philox4x32(counter, key).v[state->offset++ % 4];
}
static inline uint4 curand4(curandStatePhilox4_32_10_t *state)
{
    unsigned x = curand(state), y = curand(state), z = curand(state);
    return uint4{x, y, z, curand(state)};
}
/* Uniform in (0, 1]. */
static inline float curand_uniform(curandStatePhilox4_32_10_t *state)
{
    return static_cast<float>(curand(state)) * 0x1p-32f + 0x1p-33f;
}
static inline float4 curand_uniform4(curandStatePhilox4_32_10_t *state)
{
    float x = curand_uniform(state), y = curand_uniform(state), z = curand_uniform(state);
    return float4{x, y, z, curand_uniform(state)};
}

#endif
