/* Leaks: what the validation text shares with the training text. A model that has learned a passage
 * predicts it too well, so its validation perplexity promises too much.
 *
 * A run is LEAKS_MIN_RUN characters or more in a row, newlines included, within one song. It leaks
 * if the other part has it too. */
#ifndef LYRNN_LEAKS_H
#define LYRNN_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/corpus.h"
#include "lyrnn/status.h"

enum { LEAKS_MIN_RUN = 8, LEAKS_TEXT_SIZE = 200 };

/* A text whose songs are for training or for validation. Song s is chars[starts[s]] to
 * chars[starts[s + 1] - 1]; the last one ends at N. A caller that cuts the text elsewhere adds a
 * song that begins at the cut. */
typedef struct {
    const uint32_t *chars; /* (N) */
    size_t N;              /* up to LYRNN_MAX_TEXT */
    const size_t *starts;  /* (num_songs) */
    size_t num_songs;
    const bool *is_validation; /* (num_songs) */
} leak_texts;

/* What was found in the validation text. */
typedef struct {
    size_t num_songs, num_chars;
    size_t num_shared; /* characters in runs that training has too */
    size_t longest;    /* characters of the longest such run; 0: there is none */
    /* Its first characters in UTF-8, with a space for each newline; ends in U+2026 if there are
     * more. */
    char text[LEAKS_TEXT_SIZE];
} leaks;

/* Finds the leaks in a time that is linear in N, except for a factor log(longest). The memory is
 * 32 to 64 bytes per character of validation, and one byte for each of N. LYRNN_ERR_MEMORY. */
lyrnn_status leaks_find(const leak_texts *texts, leaks *found);

typedef struct {
    size_t num_lines, num_songs; /* what was dropped; songs are those that lost all lines */
} leak_counts;

/* --drop-leaks: drops all lines of training that have a character of such a run, newlines apart.
 * Lines that become neighbors may make another run, so this repeats, a few times at most.
 * is_validation (num_songs) is changed to fit the songs that are left. The validation text stays.
 * LYRNN_ERR_CORPUS: no line of training is left. LYRNN_ERR_MEMORY. */
lyrnn_status leaks_drop(lyrnn_corpus *corpus, bool *is_validation, leak_counts *dropped);

/* Prints one line: "validation: 41 songs, 9,812 characters; 6.3 % are in runs of 8 or more that
 * training has too (longest 31: ...)". */
void leaks_log(const leaks *found, FILE *log);

/* Prints one line: "training: dropped 12 lines that validation has too, among them 1 whole
 * song". */
void leaks_log_dropped(const leak_counts *dropped, FILE *log);

#endif
