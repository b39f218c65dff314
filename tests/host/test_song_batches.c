/* The batch table of songs: every character is read once and in order, each song begins at the zero
 * state, the streams end at about the same time, and each epoch has another order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lyrnn/batches.h"
#include "lyrnn/philox.h"

static void *memory(size_t num, size_t size)
{
    void *memory = calloc(num + 1, size);
    assert_non_null(memory);
    return memory;
}

/* Makes `num` songs of 1 to `longest` characters. *N is their total. The caller frees them. */
static size_t *random_songs(size_t num, size_t longest, size_t *N)
{
    size_t *songs = memory(num, sizeof *songs);
    *N = 0;
    for (size_t i = 0; i < num; i++) {
        songs[i] = *N;
        *N += 1 + lyrnn_philox_bits(8, 99, i) % longest;
    }
    return songs;
}

static lyrnn_batches batches_of(const size_t *songs, size_t num, size_t N, int B, int T)
{
    const lyrnn_batch_options options = {.N = N,
                                         .B = B,
                                         .T = T,
                                         .sampling = LYRNN_SAMPLING_SONGS,
                                         .seed = 3,
                                         .songs = songs,
                                         .num_songs = num};
    lyrnn_batches batches;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_in_range(batches.B, 1, B);
    assert_true((size_t)batches.B <= batches.num_pieces);
    return batches;
}

static size_t size_of(const lyrnn_batches *batches)
{
    return batches->K * (size_t)batches->B;
}

/* The table of an epoch, which the caller frees. */
static lyrnn_chunk *chunks_of(const lyrnn_batches *batches, uint64_t epoch)
{
    lyrnn_chunk *chunks = memory(size_of(batches), sizeof *chunks);
    memset(chunks, 0xFF, size_of(batches) * sizeof *chunks);
    assert_int_equal(lyrnn_batches_chunks(batches, epoch, chunks), LYRNN_OK);
    return chunks;
}

/* Checks that each stream reads whole songs, and that each character but the last of all is read
 * once. Returns how many later chunks of a song begin at the zero state. */
static size_t check_table(const lyrnn_batches *batches, const size_t *songs, size_t num_songs,
                          const lyrnn_chunk *chunks)
{
    size_t num_middle = 0, num_targets = 0, B = (size_t)batches->B;
    unsigned char *is_start = memory(batches->N, 1), *is_read = memory(batches->N, 1);
    for (size_t i = 0; i < num_songs; i++)
        is_start[songs[i]] = 1;
    for (size_t b = 0; b < B; b++) {
        for (size_t k = 0; k < batches->K; k++) {
            const lyrnn_chunk *chunk = &chunks[k * B + b], *before = chunk - (k > 0 ? B : 0);
            assert_in_range(chunk->num_targets, 0, batches->T);
            if (chunk->num_targets == 0) {
                assert_true(k > 0);
                continue;
            }
            assert_true(before->num_targets > 0); /* only padding follows padding */
            size_t start = (size_t)chunk->start;
            assert_true(start + (size_t)chunk->num_targets < batches->N);
            if (is_start[start]) {
                assert_int_equal(chunk->from_zero, 1);
            } else { /* the chunk before is full, and this one follows it */
                assert_true(k > 0);
                assert_int_equal(before->num_targets, batches->T);
                assert_int_equal(before->start + batches->T, chunk->start);
                num_middle += (size_t)chunk->from_zero;
            }
            for (int t = 0; t < chunk->num_targets; t++) {
                assert_int_equal(is_read[start + (size_t)t], 0);
                assert_true(t == 0 || !is_start[start + (size_t)t]);
                is_read[start + (size_t)t] = 1;
            }
            num_targets += (size_t)chunk->num_targets;
        }
    }
    assert_int_equal(num_targets, batches->N - 1);
    free(is_start);
    free(is_read);
    return num_middle;
}

static void every_character_is_read_once_and_songs_stay_whole(void **state)
{
    (void)state;
    for (size_t num = 1; num <= 40; num += 3)
        for (int B = 1; B <= 9; B += 2)
            for (int T = 1; T <= 9; T += 4) {
                size_t N, *songs = random_songs(num, 30, &N);
                if (N < 2) {
                    free(songs);
                    continue;
                }
                lyrnn_batches batches = batches_of(songs, num, N, B, T);
                for (uint64_t epoch = 1; epoch <= 3; epoch++) {
                    lyrnn_chunk *chunks = chunks_of(&batches, epoch);
                    check_table(&batches, songs, num, chunks);
                    free(chunks);
                }
                lyrnn_batches_free(&batches);
                free(songs);
            }
}

static void a_tenth_of_the_later_chunks_begins_at_the_zero_state(void **state)
{
    (void)state;
    enum { NUM = 200, T = 5 };
    size_t N, num_middle = 0, num_later = 0, *songs = random_songs(NUM, 300, &N);
    lyrnn_batches batches = batches_of(songs, NUM, N, 16, T);
    assert_true(lyrnn_batches_vary(&batches));
    for (size_t i = 0; i < NUM; i++) {
        size_t end = i + 1 < NUM ? songs[i + 1] : N - 1;
        num_later += (end - songs[i] + T - 1) / T - (end > songs[i]);
    }
    lyrnn_chunk *first = chunks_of(&batches, 1), *second = chunks_of(&batches, 2);
    num_middle = check_table(&batches, songs, NUM, first);
    /* The standard deviation is a twentieth of the mean or less. */
    assert_in_range(num_middle, num_later / 10 * 4 / 5, num_later / 10 * 6 / 5);
    assert_true(check_table(&batches, songs, NUM, second) != num_middle);
    free(first);
    free(second);
    lyrnn_batches_free(&batches);
    free(songs);
}

/* Streams wait for each other, so the padding is work that is lost. */
static void streams_end_at_about_the_same_time(void **state)
{
    (void)state;
    enum { NUM = 300, B = 32, T = 7 };
    size_t N, num_chunks = 0, *songs = random_songs(NUM, 200, &N);
    lyrnn_batches batches = batches_of(songs, NUM, N, B, T);
    for (size_t i = 0; i < batches.num_pieces; i++)
        num_chunks += (batches.pieces[i].num_targets + T - 1) / T;
    assert_in_range(batches.K, (num_chunks + B - 1) / B, (num_chunks + B - 1) / B + 1);
    lyrnn_batches_free(&batches);
    free(songs);
}

/* One song of ten chunks and two of one: two streams need no more batches than three. */
static void a_third_of_the_streams_that_saves_no_batch_is_not_used(void **state)
{
    (void)state;
    const size_t songs[] = {0, 40, 43};
    lyrnn_batches batches = batches_of(songs, 3, 46, 32, 4);
    assert_int_equal(batches.K, 10);
    assert_int_equal(batches.B, 2);
    lyrnn_batches_free(&batches);
    batches = batches_of(songs, 1, 46, 32, 4);
    assert_int_equal(batches.K, 12);
    assert_int_equal(batches.B, 1);
    lyrnn_batches_free(&batches);
}

static void songs_take_turns_in_place_and_company(void **state)
{
    (void)state;
    enum { NUM = 12, B = 3, T = 4, NUM_EPOCHS = 3000 };
    size_t songs[NUM], firsts[NUM] = {0}, pairs[NUM] = {0};
    for (size_t i = 0; i < NUM; i++)
        songs[i] = i * T;
    lyrnn_batches batches = batches_of(songs, NUM, NUM * T + 1, B, T);
    assert_int_equal(batches.K, NUM / B);
    for (uint64_t epoch = 1; epoch <= NUM_EPOCHS; epoch++) {
        lyrnn_chunk *chunks = chunks_of(&batches, epoch);
        firsts[chunks[0].start / T]++;
        for (int b = 0; b < B; b++) /* what shares the first batch with song 0 */
            for (int other = 0; other < B && chunks[b].start == 0; other++)
                pairs[chunks[other].start / T]++;
        free(chunks);
    }
    for (size_t i = 0; i < NUM; i++)
        /* 250 expected, standard deviation 15; pairs: 3000 * 3/12 * 2/11 = 136, deviation 11. */
        assert_in_range(firsts[i], 170, 330);
    for (size_t i = 1; i < NUM; i++)
        assert_in_range(pairs[i], 80, 195);
    lyrnn_batches_free(&batches);
}

static void an_epoch_does_not_depend_on_the_others(void **state)
{
    (void)state;
    size_t N, *songs = random_songs(50, 60, &N);
    lyrnn_batches one = batches_of(songs, 50, N, 8, 5), two = batches_of(songs, 50, N, 8, 5);
    lyrnn_chunk *first = chunks_of(&one, 1), *second = chunks_of(&one, 2);
    lyrnn_chunk *again_second = chunks_of(&two, 2), *again_first = chunks_of(&two, 1);
    size_t bytes = size_of(&one) * sizeof *first;
    assert_memory_equal(first, again_first, bytes);
    assert_memory_equal(second, again_second, bytes);
    assert_memory_not_equal(first, second, bytes);
    free(first);
    free(second);
    free(again_first);
    free(again_second);
    lyrnn_batches_free(&one);
    lyrnn_batches_free(&two);
    free(songs);
}

static void targets_of_the_first_batches_are_counted(void **state)
{
    (void)state;
    size_t N, *songs = random_songs(50, 60, &N);
    lyrnn_batches batches = batches_of(songs, 50, N, 8, 5);
    lyrnn_chunk *chunks = chunks_of(&batches, 4);
    int64_t sum = 0, counted;
    for (size_t k = 0; k <= batches.K; k++) {
        assert_int_equal(lyrnn_batches_count_targets(&batches, 4, k, &counted), LYRNN_OK);
        assert_int_equal(counted, sum);
        for (int b = 0; b < batches.B && k < batches.K; b++)
            sum += chunks[k * (size_t)batches.B + (size_t)b].num_targets;
    }
    assert_int_equal(sum, N - 1);
    assert_int_equal(batches.num_targets, N - 1);
    free(chunks);
    lyrnn_batches_free(&batches);
    free(songs);
}

/* A song that is too long is cut into pieces that many streams can read at the same time. */
static void a_song_of_more_than_a_thousand_chunks_is_cut(void **state)
{
    (void)state;
    enum { T = 3, LONG = 5 * LYRNN_MAX_SONG_CHUNKS * T + 1, N = LONG + 10 };
    const size_t songs[] = {0, LONG};
    lyrnn_batches batches = batches_of(songs, 2, N, 32, T);
    assert_int_equal(batches.num_cut, 1);
    assert_int_equal(batches.num_pieces, 7);
    assert_int_equal(batches.K, LYRNN_MAX_SONG_CHUNKS);
    assert_int_equal(batches.B, 7); /* six would do, which saves less than a quarter */
    lyrnn_chunk *chunks = chunks_of(&batches, 1);
    bool is_read[N] = {0};
    for (size_t i = 0; i < size_of(&batches); i++) {
        bool is_cut = chunks[i].start % (LYRNN_MAX_SONG_CHUNKS * T) == 0;
        assert_true(!is_cut || chunks[i].from_zero);
        for (int t = 0; t < chunks[i].num_targets; t++)
            is_read[chunks[i].start + t] = true;
    }
    for (int i = 0; i < N - 1; i++)
        assert_true(is_read[i]);
    free(chunks);
    lyrnn_batches_free(&batches);
}

static void evaluation_is_in_order_and_ends_with_the_song(void **state)
{
    (void)state;
    enum { LONG = 2 * LYRNN_MAX_SONG_CHUNKS, N = LONG + 9 };
    const size_t songs[] = {0, LONG, LONG + 1, LONG + 4};
    const lyrnn_batch_options options = {.N = N,
                                         .B = 4,
                                         .T = 1,
                                         .sampling = LYRNN_SAMPLING_SONGS,
                                         .songs = songs,
                                         .num_songs = 4,
                                         .for_evaluation = true};
    lyrnn_batches batches;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_OK);
    assert_false(lyrnn_batches_vary(&batches));
    assert_int_equal(batches.num_cut, 0);
    assert_int_equal(batches.num_pieces, 3); /* a song of one character predicts nothing */
    assert_int_equal(batches.K, LONG - 1);
    lyrnn_chunk *chunks = chunks_of(&batches, 1), *again = chunks_of(&batches, 2);
    assert_memory_equal(chunks, again, size_of(&batches) * sizeof *chunks);
    int num_from_zero = 0;
    for (size_t i = 0; i < size_of(&batches); i++) {
        if (chunks[i].num_targets == 0)
            continue;
        size_t start = (size_t)chunks[i].start;
        num_from_zero += chunks[i].from_zero;
        assert_true(start != LONG - 1 && start != LONG && start != LONG + 3 && start != N - 1);
    }
    assert_int_equal(num_from_zero, 3);
    free(chunks);
    free(again);
    lyrnn_batches_free(&batches);
}

static void songs_without_a_prediction_are_too_short(void **state)
{
    (void)state;
    const size_t songs[] = {0};
    const lyrnn_batch_options options = {
        .N = 1, .B = 4, .T = 1, .sampling = LYRNN_SAMPLING_SONGS, .songs = songs, .num_songs = 1};
    lyrnn_batches batches;
    assert_int_equal(lyrnn_batches_init(&batches, &options), LYRNN_ERR_CORPUS_SHORT);
    assert_string_equal(lyrnn_error_text(),
                        "corpus: no song has more than one character; give more text");
}

/* A million songs, and one that is as long as all others together. */
static void many_songs_are_dealt_in_time(void **state)
{
    (void)state;
    enum { NUM = 1000000, B = 65536, T = 8 };
    size_t *songs = memory(NUM, sizeof *songs);
    for (size_t i = 1; i < NUM; i++)
        songs[i] = 3 * NUM + 3 * i;
    lyrnn_batches batches = batches_of(songs, NUM, 6 * NUM + 3, B, T);
    assert_int_equal(batches.K, LYRNN_MAX_SONG_CHUNKS);
    assert_in_range(batches.B, 1000, 1500);
    lyrnn_chunk *chunks = chunks_of(&batches, 1);
    free(chunks);
    lyrnn_batches_free(&batches);
    free(songs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_read_once_and_songs_stay_whole),
        cmocka_unit_test(a_tenth_of_the_later_chunks_begins_at_the_zero_state),
        cmocka_unit_test(streams_end_at_about_the_same_time),
        cmocka_unit_test(a_third_of_the_streams_that_saves_no_batch_is_not_used),
        cmocka_unit_test(songs_take_turns_in_place_and_company),
        cmocka_unit_test(an_epoch_does_not_depend_on_the_others),
        cmocka_unit_test(targets_of_the_first_batches_are_counted),
        cmocka_unit_test(a_song_of_more_than_a_thousand_chunks_is_cut),
        cmocka_unit_test(evaluation_is_in_order_and_ends_with_the_song),
        cmocka_unit_test(songs_without_a_prediction_are_too_short),
        cmocka_unit_test(many_songs_are_dealt_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
