/* The suffix array, and what is found with it, compared with loops over the whole corpus. */
#include "lyrnn/copies.h"

#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "memory_limit.h"

enum { MAX = 400, TEXT = 60 };

/* Characters from three planes, so that every byte of an id matters. The model does not know
 * '?'. */
static const uint32_t alphabet[] = {'a', 'b', 0x4E00, 0x9FFF, 0x20000, '?'};

static void make_copies(lyrnn_copies *copies, lyrnn_vocab *vocab, size_t N, int num_chars,
                        uint64_t seed)
{
    uint32_t chars[MAX];
    for (size_t i = 0; i < N; i++)
        chars[i] = alphabet[random_id(seed, i, num_chars)];
    const lyrnn_corpus corpus = {.chars = chars, .N = N};
    assert_int_equal(lyrnn_vocab_from_chars(vocab, alphabet, 5), LYRNN_OK);
    assert_int_equal(lyrnn_copies_init(copies, &corpus, vocab), LYRNN_OK);
    assert_int_equal(copies->N, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(copies->ids[i], lyrnn_vocab_id(vocab, chars[i]));
}

/* A corpus with ids beyond 2^16: the vocabulary is so large that all three bytes differ. */
static void make_wide(lyrnn_copies *copies, lyrnn_vocab *vocab, size_t N, uint64_t seed)
{
    enum { WIDE = 70000 };
    uint32_t *chars = malloc(WIDE * sizeof *chars), text[MAX];
    assert_non_null(chars);
    for (uint32_t i = 0; i < WIDE; i++)
        chars[i] = i + 0x10000;
    for (size_t i = 0; i < N; i++)
        text[i] = chars[(size_t)random_id(seed, i, 4) * 256 * (size_t)random_id(seed, N + i, 91) +
                        (size_t)random_id(seed, 2 * N + i, 3)];
    const lyrnn_corpus corpus = {.chars = text, .N = N};
    assert_int_equal(lyrnn_vocab_from_chars(vocab, chars, WIDE), LYRNN_OK);
    assert_int_equal(lyrnn_copies_init(copies, &corpus, vocab), LYRNN_OK);
    free(chars);
}

static void check_order(const lyrnn_copies *copies)
{
    int seen[MAX] = {0};
    for (size_t i = 0; i < copies->N; i++) {
        size_t b = (size_t)copies->suffixes[i];
        assert_true(b < copies->N);
        assert_int_equal(seen[b]++, 0);
        if (i == 0)
            continue;
        size_t a = (size_t)copies->suffixes[i - 1];
        while (b < copies->N && a < copies->N && copies->ids[a] == copies->ids[b])
            a++, b++;
        assert_true(a == copies->N || (b < copies->N && copies->ids[a] < copies->ids[b]));
    }
}

static void suffixes_are_in_the_order_of_ids(void **state)
{
    const size_t sizes[] = {1, 2, 3, 33, MAX};
    (void)state;
    for (int i = 0; i < 5; i++) {
        for (int num_chars = 1; num_chars <= 6; num_chars++) {
            lyrnn_copies copies;
            lyrnn_vocab vocab;
            make_copies(&copies, &vocab, sizes[i], num_chars, (uint64_t)num_chars);
            check_order(&copies);
            lyrnn_copies_free(&copies);
            lyrnn_vocab_free(&vocab);
        }
        lyrnn_copies copies;
        lyrnn_vocab vocab;
        make_wide(&copies, &vocab, sizes[i], 9);
        check_order(&copies);
        lyrnn_copies_free(&copies);
        lyrnn_vocab_free(&vocab);
    }
}

static bool stands_there(const lyrnn_copies *copies, const int32_t *ids, size_t num)
{
    for (size_t i = 0; i + num <= copies->N; i++)
        if (memcmp(copies->ids + i, ids, num * sizeof *ids) == 0)
            return true;
    return false;
}

static void longest_copies_equal_those_of_a_plain_search(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        lyrnn_copies copies;
        lyrnn_vocab vocab;
        int32_t text[TEXT];
        make_copies(&copies, &vocab, 150, 6, seed);
        for (int i = 0; i < TEXT; i++)
            text[i] = random_id(seed + 100, (uint64_t)i, 5);
        /* A run that is copied on purpose. */
        if (seed % 2 == 0)
            memcpy(text + 20, copies.ids + 70, 9 * sizeof *text);
        size_t first = (size_t)random_id(seed, 1000, TEXT), longest = 0, start;
        for (size_t i = 0; i < TEXT; i++)
            for (size_t end = i + 1; end <= TEXT; end++) {
                assert_int_equal(lyrnn_copies_has(&copies, text + i, end - i),
                                 stands_there(&copies, text + i, end - i));
                if (end > first && end - i > longest && stands_there(&copies, text + i, end - i))
                    longest = end - i;
            }
        assert_int_equal(lyrnn_copies_longest(&copies, text, TEXT, first, &start), longest);
        assert_true(start + longest > first && start + longest <= TEXT);
        assert_true(longest == 0 || stands_there(&copies, text + start, longest));
        lyrnn_copies_free(&copies);
        lyrnn_vocab_free(&vocab);
    }
}

static void what_memory_cannot_hold_is_refused_with_a_remedy(void **unused)
{
    (void)unused;
    if (!MEMORY_HAS_LIMIT)
        skip();
    enum { N = 32 << 20 };
    lyrnn_copies copies;
    lyrnn_vocab vocab;
    assert_int_equal(lyrnn_vocab_from_chars(&vocab, alphabet, 5), LYRNN_OK);
    const lyrnn_corpus corpus = {.chars = (uint32_t *)calloc(N, sizeof(uint32_t)), .N = N};
    struct rlimit old = memory_limit_set(64 << 20);
    lyrnn_status status = lyrnn_copies_init(&copies, &corpus, &vocab);
    memory_limit_lift(&old);
    assert_int_equal(status, LYRNN_ERR_MEMORY);
    assert_non_null(strstr(lyrnn_error_text(), "; leave out --max-copy and --report"));
    free(corpus.chars);
    lyrnn_vocab_free(&vocab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes_are_in_the_order_of_ids),
        cmocka_unit_test(longest_copies_equal_those_of_a_plain_search),
        cmocka_unit_test(what_memory_cannot_hold_is_refused_with_a_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
