/* lyrnn's random numbers compared with cuRAND's, bit for bit. cuRAND's host generator needs no GPU.
 * It distributes numbers over 65,536 threads, each with its own subsequence (our purpose), four at
 * a time: output i is in block q = i / 4, in subsequence q % 65536, at position (q / 65536) * 4 + i
 * % 4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curand.h>

#include "lyrnn/philox.h"

enum { NUM = 1 << 20, SUBSEQUENCES = 65536 };

static const uint64_t seeds[] = {0,         1, 1234567, 0xffffffff, 1ULL << 32, 0x299f31d0a4093822,
                                 UINT64_MAX};
enum { NUM_SEEDS = sizeof seeds / sizeof *seeds };

static uint64_t purpose_of(size_t i)
{
    return i / 4 % SUBSEQUENCES;
}

static uint64_t position_of(size_t i)
{
    return i / 4 / SUBSEQUENCES * 4 + i % 4;
}

static curandGenerator_t open_generator(uint64_t seed)
{
    curandGenerator_t generator;
    assert_int_equal(curandCreateGeneratorHost(&generator, CURAND_RNG_PSEUDO_PHILOX4_32_10),
                     CURAND_STATUS_SUCCESS);
    assert_int_equal(curandSetGeneratorOrdering(generator, CURAND_ORDERING_PSEUDO_LEGACY),
                     CURAND_STATUS_SUCCESS);
    assert_int_equal(curandSetPseudoRandomGeneratorSeed(generator, seed), CURAND_STATUS_SUCCESS);
    return generator;
}

static void bits_equal_curands(void **state)
{
    (void)state;
    unsigned *bits = calloc(NUM, sizeof *bits);
    assert_non_null(bits);
    for (size_t s = 0; s < NUM_SEEDS; s++) {
        curandGenerator_t generator = open_generator(seeds[s]);
        assert_int_equal(curandGenerate(generator, bits, NUM), CURAND_STATUS_SUCCESS);
        for (size_t i = 0; i < NUM; i++)
            if (bits[i] != lyrnn_philox_bits(seeds[s], purpose_of(i), position_of(i)))
                fail_msg("seed %llu, number %zu differs", (unsigned long long)seeds[s], i);
        assert_int_equal(curandDestroyGenerator(generator), CURAND_STATUS_SUCCESS);
    }
    free(bits);
}

static void uniforms_equal_curands(void **state)
{
    (void)state;
    float *uniforms = calloc(NUM, sizeof *uniforms);
    assert_non_null(uniforms);
    for (size_t s = 0; s < NUM_SEEDS; s++) {
        curandGenerator_t generator = open_generator(seeds[s]);
        assert_int_equal(curandGenerateUniform(generator, uniforms, NUM), CURAND_STATUS_SUCCESS);
        for (size_t i = 0; i < NUM; i++) {
            float ours = lyrnn_philox_uniform(seeds[s], purpose_of(i), position_of(i));
            if (memcmp(&uniforms[i], &ours, sizeof ours) != 0)
                fail_msg("seed %llu, number %zu: cuRAND's %a, ours %a",
                         (unsigned long long)seeds[s], i, (double)uniforms[i], (double)ours);
        }
        assert_int_equal(curandDestroyGenerator(generator), CURAND_STATUS_SUCCESS);
    }
    free(uniforms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_equal_curands),
        cmocka_unit_test(uniforms_equal_curands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
