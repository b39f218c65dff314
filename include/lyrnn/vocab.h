/* The vocabulary: which character has which id.
 *
 * Ids made here follow code-point order; ids read from a model keep the model's order. */
#ifndef LYRNN_VOCAB_H
#define LYRNN_VOCAB_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/corpus.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that the UTF-8 form of one character takes at most, without a terminator. */
enum { LYRNN_UTF8_MAX = 4 };

typedef struct {
    uint32_t *chars;  /* (V) code point of each id, owned */
    int32_t *by_char; /* (V) ids in ascending order of code point, owned */
    int V;
} lyrnn_vocab;

/* The distinct characters of a corpus, ids in code-point order. */
lyrnn_status lyrnn_vocab_from_corpus(lyrnn_vocab *vocab, const lyrnn_corpus *corpus);

/* The vocabulary whose id i is chars[i] (V of them, copied). LYRNN_ERR_MODEL_FILE, without an OBJECT,
 * when V < 1, a character stands twice, or one is not a Unicode scalar value. */
lyrnn_status lyrnn_vocab_from_chars(lyrnn_vocab *vocab, const uint32_t *chars, size_t V);

/* The id of a character, or -1. */
int32_t lyrnn_vocab_id(const lyrnn_vocab *vocab, uint32_t c);

/* How text for the model is to be read: a vocabulary with a space and no newline has learnt newlines as spaces. */
lyrnn_newlines lyrnn_vocab_newlines(const lyrnn_vocab *vocab);

/* Writes the ids of N characters. LYRNN_ERR_UNKNOWN_CHAR names every distinct character that has none
 * (as many as one line holds, then their number), with its code point, and object ("--prefix 你好"), the
 * text they stand in. */
lyrnn_status lyrnn_vocab_encode(const lyrnn_vocab *vocab, const char *object, const uint32_t *chars,
                                size_t N, int32_t *ids);

/* Writes the ids of those of N characters that have one, one after the other, and returns their number.
 * ids has room for N. */
size_t lyrnn_vocab_encode_known(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                                int32_t *ids);

/* Writes the UTF-8 form of num ids, unterminated, and returns its length in bytes. utf8 has room for
 * num * LYRNN_UTF8_MAX bytes. */
size_t lyrnn_vocab_decode(const lyrnn_vocab *vocab, const int32_t *ids, size_t num, char *utf8);

/* Prints num ids to a file as UTF-8 on one line: each newline becomes a space. */
void lyrnn_vocab_print_line(const lyrnn_vocab *vocab, const int32_t *ids, size_t num, FILE *file);

/* Names every distinct one of N characters that has no id, with its code point: "猫 (U+732B), U+000A and 3
 * more", as many as size bytes (100 or more) hold; num_distinct is their number. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_vocab_list_unknown(const lyrnn_vocab *vocab, const uint32_t *chars, size_t N,
                                      char *list, size_t size, size_t *num_distinct);

/* Writes the UTF-8 form of a code point, unterminated, and returns its length in bytes. */
size_t lyrnn_utf8_encode(uint32_t c, char utf8[LYRNN_UTF8_MAX]);

/* Names a character in at most size bytes with the terminator: 好 (U+597D). One that would not show, such as
 * a newline, by its code point alone. Returns the name's length. */
enum { LYRNN_CHAR_NAME_BYTES = 24 };
size_t lyrnn_char_name(uint32_t c, char *name, size_t size);

/* A zeroed vocabulary is fine. */
void lyrnn_vocab_free(lyrnn_vocab *vocab);

#ifdef __cplusplus
}
#endif
#endif
