/* The suffix array by libdivsufsort, which sorts bytes: each id is written as three of them, the greatest
 * first, and of the sorted places those between two characters are dropped. What remains is in the order
 * of ids. */
#include "lyrnn/copies.h"

#include <stdlib.h>

#include <divsufsort.h>

enum { BYTES = 3 };

/* One more than the id: -1 comes before all others, as it does among int32. */
static void write_bytes(const int32_t *ids, size_t N, unsigned char *bytes)
{
    for (size_t i = 0; i < N; i++) {
        uint32_t value = (uint32_t)(ids[i] + 1);
        bytes[BYTES * i] = (unsigned char)(value >> 16);
        bytes[BYTES * i + 1] = (unsigned char)(value >> 8);
        bytes[BYTES * i + 2] = (unsigned char)value;
    }
}

/* places (3 N) are those of bytes. */
static void keep_characters(const int32_t *places, size_t N, int32_t *suffixes)
{
    size_t num = 0;
    for (size_t i = 0; i < BYTES * N; i++)
        if (places[i] % BYTES == 0)
            suffixes[num++] = places[i] / BYTES;
    LYRNN_CHECK(num == N);
}

static lyrnn_status sort_suffixes(lyrnn_copies *copies)
{
    size_t N = copies->N;
    unsigned char *bytes = (unsigned char *)malloc(BYTES * N);
    int32_t *places = (int32_t *)malloc(BYTES * N * sizeof *places);
    lyrnn_status status = LYRNN_OK;
    if (bytes != NULL)
        write_bytes(copies->ids, N, bytes);
    if (bytes == NULL || places == NULL || divsufsort(bytes, places, (int32_t)(BYTES * N)) != 0)
        status = lyrnn_fail(LYRNN_ERR_MEMORY,
                            "memory: %zu bytes asked to sort the corpus's %zu characters; name a "
                            "part of it with --corpus",
                            BYTES * N * (1 + sizeof *places), N);
    else
        keep_characters(places, N, copies->suffixes);
    free(bytes);
    free(places);
    return status;
}

lyrnn_status lyrnn_copies_init(lyrnn_copies *copies, const lyrnn_corpus *corpus,
                               const lyrnn_vocab *vocab)
{
    size_t N = corpus->N;
    *copies = (lyrnn_copies){0};
    if (N > LYRNN_MAX_COPIES)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "corpus: %zu characters are too many to look for copies of them, at most "
                          "%d; name a part of it with --corpus",
                          N, LYRNN_MAX_COPIES);
    copies->N = N;
    copies->ids = (int32_t *)malloc((N + 1) * sizeof *copies->ids);
    copies->suffixes = (int32_t *)malloc((N + 1) * sizeof *copies->suffixes);
    if (copies->ids == NULL || copies->suffixes == NULL) {
        lyrnn_copies_free(copies);
        return lyrnn_fail(LYRNN_ERR_MEMORY,
                          "memory: %zu bytes asked for the corpus; name a part of it with --corpus",
                          2 * N * sizeof(int32_t));
    }
    for (size_t i = 0; i < N; i++)
        copies->ids[i] = lyrnn_vocab_id(vocab, corpus->chars[i]);
    lyrnn_status status = N == 0 ? LYRNN_OK : sort_suffixes(copies);
    if (status != LYRNN_OK)
        lyrnn_copies_free(copies);
    return status;
}

void lyrnn_copies_free(lyrnn_copies *copies)
{
    free(copies->ids);
    free(copies->suffixes);
    *copies = (lyrnn_copies){0};
}

/* Below, at or above 0 as the corpus from place on comes before ids, begins with them, or comes after. */
static int compare(const lyrnn_copies *copies, int32_t place, const int32_t *ids, size_t num)
{
    const int32_t *suffix = copies->ids + place;
    size_t left = copies->N - (size_t)place;
    for (size_t i = 0; i < num; i++) {
        if (i == left)
            return -1;
        if (suffix[i] != ids[i])
            return suffix[i] < ids[i] ? -1 : 1;
    }
    return 0;
}

bool lyrnn_copies_has(const lyrnn_copies *copies, const int32_t *ids, size_t num)
{
    size_t low = 0, high = copies->N;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(copies, copies->suffixes[middle], ids, num);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

size_t lyrnn_copies_longest(const lyrnn_copies *copies, const int32_t *ids, size_t num,
                            size_t first, size_t *start)
{
    size_t longest = 0;
    *start = first;
    /* The run [i, i + length) is wanted where it beats the longest so far and reaches place first. */
    for (size_t i = 0; i + longest < num; i++) {
        size_t length = longest + 1;
        if (i + length <= first)
            length = first - i + 1;
        while (i + length <= num && lyrnn_copies_has(copies, ids + i, length)) {
            longest = length++;
            *start = i;
        }
    }
    return longest;
}
