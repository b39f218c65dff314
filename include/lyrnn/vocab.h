/* The vocabulary: the mapping between characters and ids.
 *
 * Ids made here are in code-point order. Ids read from a model keep the model's order. */
#ifndef LYRNN_VOCAB_H
#define LYRNN_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/corpus.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint32_t *chars;  /* (V) code point of each id, owned */
    int32_t *by_char; /* (V) ids in ascending order of code point, owned */
    int V;
    /* How the text was read that these are the characters of, and so how to read every text for
     * them. Both functions that make a vocabulary set the default. */
    lyrnn_normalize normalize;
} lyrnn_vocab;

/* Makes a vocabulary of the distinct characters of a corpus (N at least 1), ids in code-point
 * order. LYRNN_ERR_MEMORY. The caller frees vocab; on failure it is zeroed. */
lyrnn_status lyrnn_vocab_from_corpus(lyrnn_vocab *vocab, const lyrnn_corpus *corpus);

/* Makes the vocabulary whose id i is chars[i] (V of them, copied). LYRNN_ERR_MODEL_FILE: V < 1, a
 * character occurs twice, or one is not a Unicode scalar value. That text names no object: the
 * caller adds the file. LYRNN_ERR_MEMORY. The caller frees vocab; on failure it is zeroed. */
lyrnn_status lyrnn_vocab_from_chars(lyrnn_vocab *vocab, const uint32_t *chars, size_t V);

/* Returns the id of a character, or -1. */
int32_t lyrnn_vocab_id(const lyrnn_vocab *vocab, uint32_t c);

/* Says how to read text for a model of this vocabulary. If it has a space and no newline, newlines
 * became spaces in the model's corpus. */
lyrnn_newlines lyrnn_vocab_newlines(const lyrnn_vocab *vocab);

/* Writes the ids (N) of N characters. LYRNN_ERR_UNKNOWN_CHAR: a character has no id. Its text names
 * `object`, for example "--prefix 你好", and the unknown characters as lyrnn_vocab_list_unknown
 * does. */
lyrnn_status lyrnn_vocab_encode(const lyrnn_vocab *vocab, const char *object, const uint32_t *chars,
                                size_t N, int32_t *ids);

/* Writes the ids of the known characters among N, without gaps, and returns their number.
 * ids has room for N. */
size_t lyrnn_vocab_encode_known(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                                int32_t *ids);

/* Writes the UTF-8 form of num ids, unterminated, and returns its length in bytes. utf8 has room
 * for num * LYRNN_UTF8_MAX bytes. */
size_t lyrnn_vocab_decode(const lyrnn_vocab *vocab, const int32_t *ids, size_t num, char *utf8);

/* Prints num ids to a file as UTF-8 on one line: each newline becomes a space. is_plain: a control
 * or bidirectional control becomes '?', for a terminal or a log. */
void lyrnn_vocab_print_line(const lyrnn_vocab *vocab, const int32_t *ids, size_t num, FILE *file,
                            bool is_plain);

/* Names each distinct character among N that has no id, with its code point, for example "猫
 * (U+732B), U+000A and 3 more". It names as many as fit into size bytes (100 or more) and counts
 * the rest. *num_distinct becomes the number of all of them. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_vocab_list_unknown(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                                      char *list, size_t size, size_t *num_distinct);

/* Accepts a zeroed vocabulary. */
void lyrnn_vocab_free(lyrnn_vocab *vocab);

#ifdef __cplusplus
}
#endif
#endif
