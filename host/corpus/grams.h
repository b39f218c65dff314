/* Hashes of runs of characters: of every `length` characters in a row, each from the one before in
 * constant time (Karp and Rabin 1987). Equal runs have equal hashes. Different runs have different
 * ones except by a chance of about 2^-58, so a caller that must be certain compares the characters.
 *
 * A hash is a polynomial over the characters, modulo the prime 2^61 - 1. */
#ifndef LYRNN_GRAMS_H
#define LYRNN_GRAMS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t length;   /* characters in a run */
    size_t num;      /* characters read so far, at most length */
    uint64_t sum;    /* the polynomial */
    uint64_t oldest; /* the weight of a run's first character */
} gram_hash;

gram_hash gram_hash_begin(size_t length);

/* Forgets what was read. */
void gram_hash_restart(gram_hash *gram);

/* Reads *last, which is in an array after the other characters of its run. Once gram->num is
 * length, the hash is that of the last `length` characters, last[1 - length] to last[0]. */
void gram_hash_read(gram_hash *gram, const uint32_t *last);

/* The hash of what was read. Any of its bits may index a table. */
uint64_t gram_hash_value(const gram_hash *gram);

/* The hash of one run of any length, 0 too. */
uint64_t gram_hash_of(const uint32_t *chars, size_t num);

#endif
