/* Tables of start positions. Consecutive sampling is compared with a transcription of the
 * tutorial's data_iter_consecutive. Random sampling is checked for its properties: each chunk at
 * most once, another order in each epoch, the same order for the same seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/batches.h"
#include "lyrnn/philox.h"

static lyrnn_batches batches_of(size_t N, int B, int T, lyrnn_sampling sampling, uint64_t seed)
{
    const lyrnn_batch_options options = {
        .N = N, .B = B, .T = T, .sampling = sampling, .seed = seed};
    lyrnn_batches batches;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    return batches;
}

static void assert_too_short(size_t N, int B, int T, lyrnn_sampling sampling)
{
    const lyrnn_batch_options options = {.N = N, .B = B, .T = T, .sampling = sampling, .seed = 1};
    lyrnn_batches batches;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_ERR_CORPUS_SHORT);
}

/* Returns where the chunks of an epoch begin, (K,B), which the caller frees. Every chunk is full.
 * Random sampling begins each at the zero state, and consecutive sampling those of the first
 * batch. */
static int64_t *starts_of(const lyrnn_batches *batches, uint64_t epoch)
{
    size_t num = batches->K * (size_t)batches->B;
    int64_t *starts = malloc(num * sizeof *starts), num_targets;
    lyrnn_chunk *chunks = malloc(num * sizeof *chunks);
    assert_non_null(starts);
    assert_non_null(chunks);
    memset(chunks, 0xFF, num * sizeof *chunks);
    assert_int_equal(lyrnn_batches_chunks(batches, epoch, chunks), LYRNN_OK);
    for (size_t i = 0; i < num; i++) {
        bool begins = batches->sampling == LYRNN_SAMPLING_RANDOM || i < (size_t)batches->B;
        starts[i] = chunks[i].start;
        assert_int_equal(chunks[i].num_targets, batches->T);
        assert_int_equal(chunks[i].from_zero, begins);
    }
    free(chunks);
    assert_int_equal(lyrnn_batches_count_targets(batches, epoch, batches->K, &num_targets),
                     LYRNN_OK);
    assert_int_equal(num_targets, (int64_t)num * batches->T);
    assert_int_equal(batches->num_targets, num_targets);
    return starts;
}

/* data_iter_consecutive of the tutorial, for a corpus whose character at position i is i:
 *
 *     batch_len = data_len // batch_size
 *     indices = corpus_indices[0: batch_size*batch_len].reshape((batch_size, batch_len))
 *     epoch_size = (batch_len - 1) // num_steps
 *     for i in range(epoch_size):
 *         i = i * num_steps
 *         X = indices[:, i: i + num_steps]
 *         Y = indices[:, i + 1: i + num_steps + 1]
 */
static void assert_consecutive_is_the_tutorials(size_t data_len, size_t batch_size,
                                                size_t num_steps)
{
    size_t batch_len = data_len / batch_size;
    size_t *indices = malloc(batch_size * batch_len * sizeof *indices);
    assert_non_null(indices);
    for (size_t i = 0; i < batch_size * batch_len; i++)
        indices[i] = i;
    size_t epoch_size = (batch_len - 1) / num_steps;

    lyrnn_batches batches =
        batches_of(data_len, (int)batch_size, (int)num_steps, LYRNN_SAMPLING_CONSECUTIVE, 1);
    assert_int_equal(batches.K, epoch_size);
    int64_t *starts = starts_of(&batches, 1);
    for (size_t k = 0; k < epoch_size; k++)
        for (size_t b = 0; b < batch_size; b++)
            for (size_t t = 0; t < num_steps; t++) {
                const size_t *row = indices + b * batch_len;
                size_t i = k * num_steps;
                size_t start = (size_t)starts[k * batch_size + b];
                assert_int_equal(start + t, row[i + t]);
                assert_int_equal(start + 1 + t, row[i + 1 + t]);
            }
    free(starts);
    free(indices);
}

static void consecutive_sampling_is_the_tutorials(void **state)
{
    (void)state;
    assert_consecutive_is_the_tutorials(30, 2, 6);
    assert_consecutive_is_the_tutorials(10000, 32, 35);
    for (size_t B = 1; B <= 7; B++)
        for (size_t T = 1; T <= 7; T++)
            for (size_t N = B * (T + 1); N < B * (T + 1) + 40; N++)
                assert_consecutive_is_the_tutorials(N, B, T);
}

static void consecutive_example_by_hand(void **state)
{
    (void)state;
    /* 31 characters are 2 streams of 15: 0..14 and 15..29. (15 - 1) / 6 = 2 batches. */
    lyrnn_batches batches = batches_of(31, 2, 6, LYRNN_SAMPLING_CONSECUTIVE, 1);
    assert_int_equal(batches.K, 2);
    int64_t *starts = starts_of(&batches, 1);
    static const int64_t expected[] = {0, 15, 6, 21};
    assert_memory_equal(starts, expected, sizeof expected);
    free(starts);
}

static void consecutive_table_is_the_same_in_each_epoch(void **state)
{
    (void)state;
    lyrnn_batches batches = batches_of(1000, 4, 7, LYRNN_SAMPLING_CONSECUTIVE, 1);
    assert_false(lyrnn_batches_vary(&batches));
    int64_t *first = starts_of(&batches, 1);
    int64_t *ninth = starts_of(&batches, 9);
    assert_memory_equal(first, ninth, batches.K * 4 * sizeof *first);
    free(first);
    free(ninth);
}

static void assert_each_chunk_at_most_once(size_t N, size_t B, size_t T)
{
    lyrnn_batches batches = batches_of(N, (int)B, (int)T, LYRNN_SAMPLING_RANDOM, 7);
    size_t num_chunks = (N - 1) / T;
    assert_int_equal(batches.K, num_chunks / B);
    int64_t *starts = starts_of(&batches, 1);
    unsigned char *taken = calloc(num_chunks, 1);
    assert_non_null(taken);
    for (size_t i = 0; i < batches.K * B; i++) {
        assert_in_range(starts[i], 0, N - 1 - T);
        assert_int_equal((size_t)starts[i] % T, 0);
        size_t chunk = (size_t)starts[i] / T;
        assert_true(chunk < num_chunks);
        assert_int_equal(taken[chunk], 0);
        taken[chunk] = 1;
    }
    free(taken);
    free(starts);
}

static void random_sampling_takes_each_chunk_at_most_once(void **state)
{
    (void)state;
    assert_each_chunk_at_most_once(10000, 32, 35);
    for (size_t B = 1; B <= 7; B++)
        for (size_t T = 1; T <= 7; T++)
            for (size_t N = B * T + 1; N < B * T + 40; N++)
                assert_each_chunk_at_most_once(N, B, T);
}

static void random_table_is_the_same_for_the_same_seed_and_epoch(void **state)
{
    (void)state;
    lyrnn_batches one = batches_of(5000, 8, 5, LYRNN_SAMPLING_RANDOM, 3);
    lyrnn_batches two = batches_of(5000, 8, 5, LYRNN_SAMPLING_RANDOM, 3);
    assert_true(lyrnn_batches_vary(&one));
    /* The epochs are requested in another order, as in a resumed run. */
    int64_t *one_first = starts_of(&one, 1);
    int64_t *one_second = starts_of(&one, 2);
    int64_t *two_second = starts_of(&two, 2);
    int64_t *two_first = starts_of(&two, 1);
    assert_memory_equal(one_first, two_first, one.K * 8 * sizeof *one_first);
    assert_memory_equal(one_second, two_second, one.K * 8 * sizeof *one_first);
    free(one_first);
    free(one_second);
    free(two_second);
    free(two_first);
}

static void assert_mostly_different(const int64_t *a, const int64_t *b, size_t size)
{
    size_t num_equal = 0;
    for (size_t i = 0; i < size; i++)
        num_equal += a[i] == b[i];
    /* Two random permutations agree in one place on average. */
    assert_true(num_equal < 10);
}

static void random_table_is_another_in_another_epoch(void **state)
{
    (void)state;
    lyrnn_batches batches = batches_of(5000, 8, 5, LYRNN_SAMPLING_RANDOM, 3);
    int64_t *first = starts_of(&batches, 1);
    int64_t *second = starts_of(&batches, 2);
    assert_mostly_different(first, second, batches.K * 8);
    free(first);
    free(second);
}

static void random_table_is_another_for_another_seed(void **state)
{
    (void)state;
    lyrnn_batches three = batches_of(5000, 8, 5, LYRNN_SAMPLING_RANDOM, 3);
    lyrnn_batches high = batches_of(5000, 8, 5, LYRNN_SAMPLING_RANDOM, 3 + (1ULL << 32));
    int64_t *a = starts_of(&three, 1);
    int64_t *b = starts_of(&high, 1);
    assert_mostly_different(a, b, three.K * 8);
    free(a);
    free(b);
}

/* Resumed runs depend on exactly these numbers. */
static void random_table_is_a_shuffle_by_numbers_of_seed_and_epoch(void **state)
{
    (void)state;
    lyrnn_batches batches = batches_of(3 * 40 + 1, 8, 3, LYRNN_SAMPLING_RANDOM, 9);
    for (uint64_t epoch = 1; epoch <= 3; epoch++) {
        int64_t chunks[40];
        for (int i = 0; i < 40; i++)
            chunks[i] = 3 * i;
        for (uint64_t i = 0; i < 40; i++) {
            double fraction =
                lyrnn_philox_bits(9, LYRNN_PURPOSE_SHUFFLE, epoch * 4294967296 + i) / 4294967296.0;
            size_t pick = i + (size_t)(fraction * (double)(40 - i));
            int64_t picked = chunks[pick];
            chunks[pick] = chunks[i];
            chunks[i] = picked;
        }
        int64_t *starts = starts_of(&batches, epoch);
        assert_memory_equal(starts, chunks, sizeof chunks);
        free(starts);
    }
}

static void each_order_of_three_chunks_is_as_frequent(void **state)
{
    (void)state;
    enum { NUM_EPOCHS = 6000 };
    size_t counts[27] = {0};
    lyrnn_batches batches = batches_of(4, 3, 1, LYRNN_SAMPLING_RANDOM, 11);
    for (uint64_t epoch = 1; epoch <= NUM_EPOCHS; epoch++) {
        int64_t *starts = starts_of(&batches, epoch);
        counts[starts[0] * 9 + starts[1] * 3 + starts[2]]++;
        free(starts);
    }
    static const size_t orders[] = {5, 7, 11, 15, 19, 21}; /* 012, 021, 102, 120, 201, 210 */
    for (size_t i = 0; i < 6; i++)
        /* 1000 expected, standard deviation 29. */
        assert_in_range(counts[orders[i]], 850, 1150);
}

static void chunks_beyond_the_last_full_batch_get_their_turn(void **state)
{
    (void)state;
    /* There are five chunks, and each epoch takes four. */
    size_t counts[5] = {0};
    lyrnn_batches batches = batches_of(11, 4, 2, LYRNN_SAMPLING_RANDOM, 5);
    assert_int_equal(batches.K, 1);
    for (uint64_t epoch = 1; epoch <= 1000; epoch++) {
        int64_t *starts = starts_of(&batches, epoch);
        for (size_t i = 0; i < 4; i++)
            counts[starts[i] / 2]++;
        free(starts);
    }
    for (size_t chunk = 0; chunk < 5; chunk++)
        assert_in_range(counts[chunk], 740, 860);
}

static void assert_shortest(size_t N, int B, int T, lyrnn_sampling sampling)
{
    lyrnn_batches batches = batches_of(N, B, T, sampling, 1);
    assert_int_equal(batches.K, 1);
    int64_t *starts = starts_of(&batches, 1);
    for (int b = 0; b < B; b++)
        assert_in_range(starts[b], 0, N - 1 - (size_t)T);
    free(starts);
    assert_too_short(N - 1, B, T, sampling);
}

static void shortest_corpus_fills_one_batch_and_one_less_is_too_short(void **state)
{
    (void)state;
    for (int B = 1; B <= 9; B++)
        for (int T = 1; T <= 9; T++) {
            assert_shortest((size_t)(B * (T + 1)), B, T, LYRNN_SAMPLING_CONSECUTIVE);
            assert_shortest((size_t)(B * T + 1), B, T, LYRNN_SAMPLING_RANDOM);
        }
}

static void empty_corpus_is_too_short(void **state)
{
    (void)state;
    assert_too_short(0, 1, 1, LYRNN_SAMPLING_CONSECUTIVE);
    assert_too_short(0, 1, 1, LYRNN_SAMPLING_RANDOM);
}

static void a_corpus_that_is_too_short_gets_the_numbers_and_a_remedy(void **state)
{
    (void)state;
    assert_too_short(900, 32, 35, LYRNN_SAMPLING_CONSECUTIVE);
    assert_string_equal(lyrnn_error_text(),
                        "corpus: has 900 characters, but one batch needs 1152 "
                        "(--batch-size 32 * (--num-steps 35 + 1)); lower --batch-size or "
                        "--num-steps, or give more text");
    assert_too_short(900, 32, 35, LYRNN_SAMPLING_RANDOM);
    assert_string_equal(lyrnn_error_text(),
                        "corpus: has 900 characters, but one batch needs 1121 "
                        "(--batch-size 32 * --num-steps 35 + 1); lower --batch-size or "
                        "--num-steps, or give more text");
}

static void sizes_beyond_an_int_do_not_wrap(void **state)
{
    (void)state;
    for (int sampling = LYRNN_SAMPLING_CONSECUTIVE; sampling <= LYRNN_SAMPLING_RANDOM; sampling++)
        assert_too_short(1000, INT32_MAX, INT32_MAX, (lyrnn_sampling)sampling);
    /* 2 streams of 3e9 characters. The second batch of the second stream starts at 3e9 + 2^31 -
     * 1. */
    lyrnn_batches batches = batches_of(6000000000, 2, INT32_MAX, LYRNN_SAMPLING_CONSECUTIVE, 1);
    assert_int_equal(batches.K, 1);
    batches = batches_of(10000000000, 2, INT32_MAX, LYRNN_SAMPLING_CONSECUTIVE, 1);
    assert_int_equal(batches.K, 2);
    int64_t *starts = starts_of(&batches, 1);
    static const int64_t expected[] = {0, 5000000000, 2147483647, 7147483647};
    assert_memory_equal(starts, expected, sizeof expected);
    free(starts);
    batches = batches_of(10000000000, 2, INT32_MAX, LYRNN_SAMPLING_RANDOM, 1);
    assert_int_equal(batches.K, 2);
}

/* The later tutorial's iterators leave out 0 to T characters at the start of each epoch. */
static void assert_random_offsets(lyrnn_sampling sampling)
{
    enum { N = 103, B = 3, T = 4, NUM_EPOCHS = 2000 };
    const lyrnn_batch_options options = {
        .N = N, .B = B, .T = T, .sampling = sampling, .random_offset = true, .seed = 5};
    size_t counts[T + 1] = {0};
    lyrnn_batches batches;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_true(lyrnn_batches_vary(&batches));
    assert_int_equal(batches.K, sampling == LYRNN_SAMPLING_RANDOM ? (N - T - 1) / T / B
                                                                  : ((N - T) / B - 1) / T);
    for (uint64_t epoch = 1; epoch <= NUM_EPOCHS; epoch++) {
        int64_t *starts = starts_of(&batches, epoch), *again = starts_of(&batches, epoch);
        int64_t offset = starts[0] % T, first = starts[0];
        for (size_t i = 0; i < batches.K * B; i++) {
            assert_in_range(starts[i], 0, N - 1 - T);
            assert_int_equal(starts[i], again[i]);
            if (sampling == LYRNN_SAMPLING_RANDOM)
                assert_int_equal(starts[i] % T, offset);
            if (starts[i] < first)
                first = starts[i];
        }
        if (sampling == LYRNN_SAMPLING_CONSECUTIVE) {
            assert_in_range(first, 0, T);
            counts[first]++;
            assert_int_equal(starts[1] - starts[0], (N - T) / B);
            assert_int_equal(starts[B] - starts[0], T);
        } else {
            counts[offset]++;
        }
        free(starts);
        free(again);
    }
    /* Offsets 0 and T look alike in random sampling. 400 are expected, standard deviation 18. */
    for (int i = 0; i < (sampling == LYRNN_SAMPLING_CONSECUTIVE ? T + 1 : T); i++)
        if (sampling == LYRNN_SAMPLING_CONSECUTIVE || i > 0)
            assert_in_range(counts[i], 320, 480);
}

static void a_random_offset_is_another_in_each_epoch(void **state)
{
    (void)state;
    assert_random_offsets(LYRNN_SAMPLING_CONSECUTIVE);
    assert_random_offsets(LYRNN_SAMPLING_RANDOM);
    const lyrnn_batch_options options = {.N = 5 * 3 + 2, .B = 3, .T = 4, .random_offset = true};
    lyrnn_batches batches;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_ERR_CORPUS_SHORT);
    assert_non_null(strstr(lyrnn_error_text(), "needs 19 (--batch-size 3 * (--num-steps 4 + 1) + "
                                               "--num-steps for --offset random)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consecutive_sampling_is_the_tutorials),
        cmocka_unit_test(consecutive_example_by_hand),
        cmocka_unit_test(consecutive_table_is_the_same_in_each_epoch),
        cmocka_unit_test(random_sampling_takes_each_chunk_at_most_once),
        cmocka_unit_test(random_table_is_the_same_for_the_same_seed_and_epoch),
        cmocka_unit_test(random_table_is_another_in_another_epoch),
        cmocka_unit_test(random_table_is_another_for_another_seed),
        cmocka_unit_test(random_table_is_a_shuffle_by_numbers_of_seed_and_epoch),
        cmocka_unit_test(each_order_of_three_chunks_is_as_frequent),
        cmocka_unit_test(chunks_beyond_the_last_full_batch_get_their_turn),
        cmocka_unit_test(shortest_corpus_fills_one_batch_and_one_less_is_too_short),
        cmocka_unit_test(empty_corpus_is_too_short),
        cmocka_unit_test(a_corpus_that_is_too_short_gets_the_numbers_and_a_remedy),
        cmocka_unit_test(sizes_beyond_an_int_do_not_wrap),
        cmocka_unit_test(a_random_offset_is_another_in_each_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
