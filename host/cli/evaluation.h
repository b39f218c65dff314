/* The texts that lyrnn eval scores: files, cut into pieces. A piece is what is scored by itself: a
 * song or one line. A text that is scored as a whole is one song. Characters that the model does
 * not know are left out of it and counted. */
#ifndef LYRNN_CLI_EVALUATION_H
#define LYRNN_CLI_EVALUATION_H

#include <stdbool.h>

#include "lyrnn/corpus.h"
#include "lyrnn/score.h"
#include "lyrnn/vocab.h"

typedef struct {
    const char *name; /* as errors call it */
    lyrnn_corpus text;
    size_t first_piece, num_pieces;
} eval_file;

typedef struct {
    const uint32_t *chars; /* (num_chars)  of the file's text */
    size_t num_chars;
} eval_piece;

typedef struct {
    eval_file *files; /* (num_files) */
    size_t num_files;
    eval_piece *pieces;       /* (num_pieces) */
    lyrnn_scored_text *texts; /* (num_pieces)  the known characters of each piece */
    size_t num_pieces;
    bool has_lines; /* pieces are lines, not songs */
    int32_t *ids;   /* of all texts */
} evaluation;

/* The sum over one piece or several. */
typedef struct {
    size_t num_chars, num_unknown, num_scored;
    double nats;
} eval_score;

/* How to read the files. */
typedef struct {
    const lyrnn_vocab *vocab;
    /* As the model's own text was read; their `songs` says what a song is. Nothing is dropped, and
     * newlines are read as the vocabulary has them. */
    lyrnn_corpus_rules rules;
    bool per_line; /* pieces are lines, which end at newlines in any case; else songs */
} eval_reading;

/* Reads the files and cuts each into pieces. "-" is standard input. To be freed, on failure too.
 * LYRNN_ERR_IO, LYRNN_ERR_CORPUS or LYRNN_ERR_MEMORY. */
lyrnn_status evaluation_read(evaluation *eval, char *const *paths, size_t num_paths,
                             const eval_reading *reading);

/* Accepts a zeroed evaluation. */
void evaluation_free(evaluation *eval);

eval_score eval_score_of_piece(const evaluation *eval, size_t piece);
eval_score eval_score_of_file(const evaluation *eval, const eval_file *file);
eval_score eval_score_of_all(const evaluation *eval);

/* NaN if nothing was scored. */
double eval_nats_per_char(const eval_score *score);
double eval_bits_per_char(const eval_score *score);
double eval_perplexity(const eval_score *score);

#endif
