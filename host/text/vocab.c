/* A vocabulary is two arrays: the characters by id, and the ids sorted by character for a binary
 * search. To find the distinct characters of a text it marks a flag per code point (1.1 MB), so a
 * corpus of any length takes one pass. */
#include "lyrnn/vocab.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"
#include "base/plain_text.h"

enum { NUM_CODE_POINTS = 0x110000 };

#define MEMORY_REMEDY "close other programs"

static int compare_chars(const void *a, const void *b, void *chars)
{
    uint32_t char_a = ((const uint32_t *)chars)[*(const int32_t *)a];
    uint32_t char_b = ((const uint32_t *)chars)[*(const int32_t *)b];
    return (char_a > char_b) - (char_a < char_b);
}

static lyrnn_status check_chars(const uint32_t *chars, size_t V)
{
    if (V < 1 || V > NUM_CODE_POINTS)
        return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                          "its vocabulary has %zu characters; use a file that lyrnn wrote", V);
    for (size_t i = 0; i < V; i++)
        if (chars[i] >= NUM_CODE_POINTS || (chars[i] >= 0xD800 && chars[i] <= 0xDFFF))
            return lyrnn_fail(
                LYRNN_ERR_MODEL_FILE,
                "its vocabulary contains U+%04X, which is not a character; use a file "
                "that lyrnn wrote",
                (unsigned)chars[i]);
    return LYRNN_OK;
}

static lyrnn_status copy_and_sort(lyrnn_vocab *vocab, const uint32_t *chars, size_t V)
{
    vocab->V = (int)V;
    vocab->chars = malloc(V * sizeof *vocab->chars);
    vocab->by_char = malloc(V * sizeof *vocab->by_char);
    if (vocab->chars == NULL || vocab->by_char == NULL)
        return lyrnn_out_of_memory(
            "vocabulary", V * (sizeof *vocab->chars + sizeof *vocab->by_char), MEMORY_REMEDY);
    memcpy(vocab->chars, chars, V * sizeof *chars);
    for (int32_t id = 0; id < vocab->V; id++)
        vocab->by_char[id] = id;
    qsort_r(vocab->by_char, V, sizeof *vocab->by_char, compare_chars, vocab->chars);
    for (size_t i = 1; i < V; i++) {
        uint32_t c = chars[vocab->by_char[i]];
        if (c == chars[vocab->by_char[i - 1]])
            return lyrnn_fail(LYRNN_ERR_MODEL_FILE,
                              "its vocabulary contains U+%04X twice; use a file that lyrnn wrote",
                              (unsigned)c);
    }
    return LYRNN_OK;
}

lyrnn_status lyrnn_vocab_from_chars(lyrnn_vocab *vocab, const uint32_t *chars, size_t V)
{
    *vocab = (lyrnn_vocab){0};
    LYRNN_TRY(check_chars(chars, V));
    lyrnn_status status = copy_and_sort(vocab, chars, V);
    if (status != LYRNN_OK)
        lyrnn_vocab_free(vocab);
    return status;
}

/* Fills seen (NUM_CODE_POINTS, all false) and writes the distinct characters in code-point order to
 * chars, which has room for them. Returns their number. */
static size_t list_distinct(const lyrnn_corpus *corpus, bool *seen, uint32_t *chars)
{
    uint32_t last = 0;
    for (size_t i = 0; i < corpus->N; i++) {
        LYRNN_CHECK(corpus->chars[i] < NUM_CODE_POINTS);
        seen[corpus->chars[i]] = true;
        if (corpus->chars[i] > last)
            last = corpus->chars[i];
    }
    size_t V = 0;
    for (uint32_t c = 0; c <= last; c++)
        if (seen[c])
            chars[V++] = c;
    return V;
}

lyrnn_status lyrnn_vocab_from_corpus(lyrnn_vocab *vocab, const lyrnn_corpus *corpus)
{
    LYRNN_CHECK(corpus->N > 0);
    *vocab = (lyrnn_vocab){0};
    size_t max_distinct = corpus->N < NUM_CODE_POINTS ? corpus->N : NUM_CODE_POINTS;
    bool *seen = calloc(NUM_CODE_POINTS, sizeof *seen);
    uint32_t *chars = malloc(max_distinct * sizeof *chars);
    lyrnn_status status =
        seen != NULL && chars != NULL
            ? lyrnn_vocab_from_chars(vocab, chars, list_distinct(corpus, seen, chars))
            : lyrnn_out_of_memory("vocabulary",
                                  NUM_CODE_POINTS * sizeof *seen + max_distinct * sizeof *chars,
                                  MEMORY_REMEDY);
    free(chars);
    free(seen);
    return status;
}

int32_t lyrnn_vocab_id(const lyrnn_vocab *vocab, uint32_t c)
{
    int low = 0;
    int high = vocab->V;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int32_t id = vocab->by_char[middle];
        if (vocab->chars[id] == c)
            return id;
        if (vocab->chars[id] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

lyrnn_newlines lyrnn_vocab_newlines(const lyrnn_vocab *vocab)
{
    bool as_spaces = lyrnn_vocab_id(vocab, '\n') < 0 && lyrnn_vocab_id(vocab, ' ') >= 0;
    return as_spaces ? LYRNN_NEWLINES_SPACE : LYRNN_NEWLINES_KEEP;
}

lyrnn_status lyrnn_vocab_list_unknown(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                                      char *list, size_t size, size_t *num_distinct)
{
    enum { NAME_BYTES = LYRNN_CHAR_NAME_BYTES, MORE_BYTES = 32 };
    LYRNN_CHECK(size > NAME_BYTES + MORE_BYTES);
    size_t last = size - NAME_BYTES - MORE_BYTES;
    size_t length = 0;
    size_t num_unnamed = 0;
    bool *seen = calloc(NUM_CODE_POINTS, sizeof *seen);
    if (seen == NULL)
        return lyrnn_out_of_memory("vocabulary", NUM_CODE_POINTS * sizeof *seen, MEMORY_REMEDY);
    list[0] = '\0';
    *num_distinct = 0;
    for (size_t i = 0; i < N; i++) {
        LYRNN_CHECK(chars[i] < NUM_CODE_POINTS);
        if (seen[chars[i]] || lyrnn_vocab_id(vocab, chars[i]) >= 0)
            continue;
        seen[chars[i]] = true;
        ++*num_distinct;
        if (length > last) {
            num_unnamed++;
            continue;
        }
        if (length > 0)
            length += (size_t)snprintf(list + length, size - length, ", ");
        length += lyrnn_char_name(chars[i], list + length, size - length);
    }
    free(seen);
    if (num_unnamed > 0)
        snprintf(list + length, size - length, " and %zu more", num_unnamed);
    return LYRNN_OK;
}

static lyrnn_status fail_unknown(const lyrnn_vocab *vocab, const char *object,
                                 const uint32_t *chars, size_t N)
{
    char list[680]; /* leaves room for the rest of the error text */
    size_t num_distinct;
    LYRNN_TRY(lyrnn_vocab_list_unknown(vocab, chars, N, list, sizeof list, &num_distinct));
    return lyrnn_fail(LYRNN_ERR_UNKNOWN_CHAR,
                      "%s: unknown character%s %s; use characters of the model's "
                      "training text",
                      object, num_distinct > 1 ? "s" : "", list);
}

lyrnn_status lyrnn_vocab_encode(const lyrnn_vocab *vocab, const char *object, const uint32_t *chars,
                                size_t N, int32_t *ids)
{
    if (lyrnn_vocab_encode_known(vocab, chars, N, ids) < N)
        return fail_unknown(vocab, object, chars, N);
    return LYRNN_OK;
}

size_t lyrnn_vocab_encode_known(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                                int32_t *ids)
{
    size_t num_known = 0;
    for (size_t i = 0; i < N; i++) {
        int32_t id = lyrnn_vocab_id(vocab, chars[i]);
        if (id >= 0)
            ids[num_known++] = id;
    }
    return num_known;
}

size_t lyrnn_vocab_decode(const lyrnn_vocab *vocab, const int32_t *ids, size_t num, char *utf8)
{
    size_t length = 0;
    for (size_t i = 0; i < num; i++)
        length += lyrnn_utf8_encode(vocab->chars[ids[i]], utf8 + length);
    return length;
}

void lyrnn_vocab_print_line(const lyrnn_vocab *vocab, const int32_t *ids, size_t num, FILE *file,
                            bool is_plain)
{
    for (size_t i = 0; i < num; i++) {
        uint32_t c = vocab->chars[ids[i]];
        lyrnn_print_char(file, c == '\n' ? ' ' : c, is_plain);
    }
}

void lyrnn_vocab_free(lyrnn_vocab *vocab)
{
    free(vocab->chars);
    free(vocab->by_char);
    *vocab = (lyrnn_vocab){0};
}
