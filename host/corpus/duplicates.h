/* Copies of a whole song: a model that reads a song twice learns it by heart.
 *
 * Songs are compared by their letters, digits and marks: spaces, punctuation and symbols do not
 * count (a song without any letter is compared by its symbols). A song is a copy of another one
 *   - if both are equal, or
 *   - if the other one has at least 80 % of its runs of 8 characters, each run counted once: a
 *     cover, a live version, or a part of the other. Shorter songs have no such run.
 * The one with more runs stays, because the other one is the part. If both have equally many, the
 * first stays; so the order of files decides only between them. */
#ifndef LYRNN_DUPLICATES_H
#define LYRNN_DUPLICATES_H

#include <stddef.h>
#include <stdio.h>

#include "lyrnn/corpus.h"

enum { DUPLICATES_EXAMPLES = 3, DUPLICATES_TEXT_SIZE = 96 };

/* The first line of a song, cut; and its number, counted from 1 before any song is dropped. */
typedef struct {
    size_t number;
    char line[DUPLICATES_TEXT_SIZE];
} duplicate_song;

typedef struct {
    size_t num_songs;              /* before */
    size_t num_dropped, num_chars; /* what was dropped */
    struct {
        duplicate_song copy, original;
    } examples[DUPLICATES_EXAMPLES]; /* the first ones that were dropped */
} duplicate_counts;

/* Drops the copies from a corpus. Every song that is dropped is a copy of one that stays. A copy
 * may be missed if each of its runs is in several other songs. The memory is some 30 bytes per
 * character, and the time is N log N. LYRNN_ERR_MEMORY: the corpus is as before. */
lyrnn_status corpus_drop_duplicates(lyrnn_corpus *corpus, duplicate_counts *counts);

/* Prints one line if songs were dropped. */
void duplicates_log(const duplicate_counts *counts, FILE *log);

#endif
