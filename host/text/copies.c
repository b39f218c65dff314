/* Builds the suffix array with libdivsufsort, which sorts bytes. Each id is written as three bytes,
 * the most significant first, so that the order of the bytes is the order of the ids. Positions
 * between two characters are dropped from the result. Lookups are binary searches. */
#include "lyrnn/copies.h"

#include <stdlib.h>

#include <divsufsort.h>

#include "base/memory.h"

enum { ID_BYTES = 3 };

#define REMEDY "leave out --max-copy and --report"

/* Adds 1 to each id, so that -1 sorts before all others, as it does among int32 values. */
static void write_bytes(const int32_t *ids, size_t N, unsigned char *bytes)
{
    for (size_t i = 0; i < N; i++) {
        uint32_t value = (uint32_t)(ids[i] + 1);
        bytes[ID_BYTES * i] = (unsigned char)(value >> 16);
        bytes[ID_BYTES * i + 1] = (unsigned char)(value >> 8);
        bytes[ID_BYTES * i + 2] = (unsigned char)value;
    }
}

/* byte_positions (3 N) are sorted positions of bytes; suffixes (N) become positions of
 * characters. */
static void keep_characters(const int32_t *byte_positions, size_t N, int32_t *suffixes)
{
    size_t num = 0;
    for (size_t i = 0; i < ID_BYTES * N; i++)
        if (byte_positions[i] % ID_BYTES == 0)
            suffixes[num++] = byte_positions[i] / ID_BYTES;
    LYRNN_CHECK(num == N);
}

static lyrnn_status sort_suffixes(lyrnn_copies *copies)
{
    size_t N = copies->N;
    unsigned char *bytes = (unsigned char *)malloc(ID_BYTES * N);
    int32_t *positions = (int32_t *)malloc(ID_BYTES * N * sizeof *positions);
    bool is_sorted = false;
    if (bytes != NULL && positions != NULL) {
        write_bytes(copies->ids, N, bytes);
        is_sorted = divsufsort(bytes, positions, (int32_t)(ID_BYTES * N)) == 0;
    }
    if (is_sorted)
        keep_characters(positions, N, copies->suffixes);
    free(bytes);
    free(positions);
    return is_sorted ? LYRNN_OK
                     : lyrnn_out_of_memory("suffix array of the corpus",
                                           ID_BYTES * N * (1 + sizeof *positions), REMEDY);
}

static lyrnn_status build(lyrnn_copies *copies, const lyrnn_corpus *corpus,
                          const lyrnn_vocab *vocab)
{
    size_t N = corpus->N;
    copies->N = N;
    copies->ids = (int32_t *)malloc((N + 1) * sizeof *copies->ids);
    copies->suffixes = (int32_t *)malloc((N + 1) * sizeof *copies->suffixes);
    if (copies->ids == NULL || copies->suffixes == NULL)
        return lyrnn_out_of_memory("corpus", 2 * N * sizeof(int32_t), REMEDY);
    for (size_t i = 0; i < N; i++)
        copies->ids[i] = lyrnn_vocab_id(vocab, corpus->chars[i]);
    return N == 0 ? LYRNN_OK : sort_suffixes(copies);
}

lyrnn_status lyrnn_copies_init(lyrnn_copies *copies, const lyrnn_corpus *corpus,
                               const lyrnn_vocab *vocab)
{
    *copies = (lyrnn_copies){0};
    if (corpus->N > LYRNN_MAX_COPIES)
        return lyrnn_fail(LYRNN_ERR_CORPUS,
                          "corpus: %zu characters are too many to search for copies, the maximum "
                          "is %d; " REMEDY,
                          corpus->N, LYRNN_MAX_COPIES);
    lyrnn_status status = build(copies, corpus, vocab);
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

/* Compares the corpus from `position` on with ids: negative if the corpus sorts before them, 0 if
 * it begins with them, positive if it sorts after them. */
static int compare_suffix(const lyrnn_copies *copies, int32_t position, const int32_t *ids,
                          size_t num)
{
    const int32_t *suffix = copies->ids + position;
    size_t length = copies->N - (size_t)position;
    for (size_t i = 0; i < num; i++) {
        if (i == length)
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
        int order = compare_suffix(copies, copies->suffixes[middle], ids, num);
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
    /* The run [i, i + length) counts only if it is longer than the longest so far and reaches
     * position `first`. */
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
