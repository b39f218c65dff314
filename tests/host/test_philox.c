/* Philox4x32-10, written from the paper (Salmon et al. 2011, section 3.3), is compared with
 * Random123's published vectors. Then lyrnn's numbering and mapping are compared with it. Two steps
 * are needed because some of the vectors' counters have no (purpose, position): a position is four
 * times a counter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/philox.h"

static void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t k[2] = {key[0], key[1]};
    memcpy(out, counter, 4 * sizeof *out);
    for (int round = 0; round < 10; round++) {
        uint64_t product_0 = (uint64_t)0xD2511F53 * out[0];
        uint64_t product_1 = (uint64_t)0xCD9E8D57 * out[2];
        uint32_t x[4] = {(uint32_t)(product_1 >> 32) ^ out[1] ^ k[0], (uint32_t)product_1,
                         (uint32_t)(product_0 >> 32) ^ out[3] ^ k[1], (uint32_t)product_0};
        memcpy(out, x, sizeof x);
        k[0] += 0x9E3779B9;
        k[1] += 0xBB67AE85;
    }
}

static uint32_t expected_bits(uint64_t seed, uint64_t purpose, uint64_t position)
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t counter[4] = {(uint32_t)(position >> 2), (uint32_t)(position >> 34), (uint32_t)purpose,
                           (uint32_t)(purpose >> 32)};
    uint32_t out[4];
    philox4x32_10(counter, key, out);
    return out[position & 3];
}

static void reference_gives_the_known_answers_of_random123(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, /* the digits of pi */
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        philox4x32_10(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void first_four_positions_are_the_known_answer_for_zero(void **state)
{
    (void)state;
    static const uint32_t known[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    for (uint64_t position = 0; position < 4; position++)
        assert_int_equal(lyrnn_philox_bits(0, 0, position), known[position]);
}

static void seed_is_the_key_and_purpose_the_upper_counter(void **state)
{
    (void)state;
    static const uint64_t words[] = {0,
                                     1,
                                     2,
                                     0x80000000,
                                     0xffffffff,
                                     1ULL << 32,
                                     1ULL << 63,
                                     0x299f31d0a4093822,
                                     UINT64_MAX - 1,
                                     UINT64_MAX};
    enum { NUM_WORDS = sizeof words / sizeof *words };
    for (size_t s = 0; s < NUM_WORDS; s++)
        for (size_t u = 0; u < NUM_WORDS; u++)
            for (size_t p = 0; p < NUM_WORDS; p++)
                assert_int_equal(lyrnn_philox_bits(words[s], words[u], words[p]),
                                 expected_bits(words[s], words[u], words[p]));
}

static void four_positions_share_a_block(void **state)
{
    (void)state;
    for (uint64_t position = 0; position < 1000; position++)
        assert_int_equal(lyrnn_philox_bits(1, LYRNN_PURPOSE_INIT, position),
                         expected_bits(1, LYRNN_PURPOSE_INIT, position));
    /* The position at which the block number needs its second word. */
    for (uint64_t position = (1ULL << 34) - 8; position < (1ULL << 34) + 8; position++)
        assert_int_equal(lyrnn_philox_bits(1, LYRNN_PURPOSE_SHUFFLE, position),
                         expected_bits(1, LYRNN_PURPOSE_SHUFFLE, position));
}

static void purposes_keep_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(LYRNN_PURPOSE_INIT, 1);
    assert_int_equal(LYRNN_PURPOSE_SHUFFLE, 2);
}

static void uniform_is_the_middle_of_its_interval_rounded_to_float(void **state)
{
    (void)state;
    for (uint64_t position = 0; position < 100000; position++) {
        double middle = (lyrnn_philox_bits(5, 6, position) + 0.5) / 4294967296.0;
        float uniform = lyrnn_philox_uniform(5, 6, position);
        assert_true(uniform > 0 && uniform <= 1);
        /* There are two roundings, of the bits and of the sum, of half a unit each. */
        double difference = uniform > middle ? uniform - middle : middle - uniform;
        assert_true(difference <= middle * 0x1p-23);
    }
}

static void uniform_reaches_one_and_stays_above_zero(void **state)
{
    (void)state;
    /* The first positions of this sequence whose bits are within 2^7 of either end. */
    assert_int_equal(lyrnn_philox_bits(1, 1, 55451090), 0xffffffc8);
    assert_true(lyrnn_philox_uniform(1, 1, 55451090) == 1.0f);
    assert_int_equal(lyrnn_philox_bits(1, 1, 27935044), 0x1c);
    assert_true(lyrnn_philox_uniform(1, 1, 27935044) == 28.5f / 4294967296.0f);
}

static void uniform_has_the_mean_and_variance_of_the_unit_interval(void **state)
{
    (void)state;
    enum { NUM = 1000000 };
    double sum = 0;
    double sum_of_squares = 0;
    for (uint64_t position = 0; position < NUM; position++) {
        double x = (double)lyrnn_philox_uniform(1, LYRNN_PURPOSE_INIT, position) - 0.5;
        sum += x;
        sum_of_squares += x * x;
    }
    /* Five standard deviations: 0.289 / sqrt(NUM), and 0.0745 / sqrt(NUM). */
    assert_true(sum / NUM > -0.00145 && sum / NUM < 0.00145);
    assert_true(sum_of_squares / NUM > 1 / 12.0 - 0.00038 &&
                sum_of_squares / NUM < 1 / 12.0 + 0.00038);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_gives_the_known_answers_of_random123),
        cmocka_unit_test(first_four_positions_are_the_known_answer_for_zero),
        cmocka_unit_test(seed_is_the_key_and_purpose_the_upper_counter),
        cmocka_unit_test(four_positions_share_a_block),
        cmocka_unit_test(purposes_keep_their_numbers),
        cmocka_unit_test(uniform_is_the_middle_of_its_interval_rounded_to_float),
        cmocka_unit_test(uniform_reaches_one_and_stays_above_zero),
        cmocka_unit_test(uniform_has_the_mean_and_variance_of_the_unit_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
