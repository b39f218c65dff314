/* What lyrnn eval prints on standard output: for people or for programs, per file, song or line. */
#ifndef LYRNN_CLI_EVAL_OUTPUT_H
#define LYRNN_CLI_EVAL_OUTPUT_H

#include "cli/evaluation.h"

/* One row per file, and a total if there are several. */
void eval_print_table(const evaluation *eval);

/* One line per piece: perplexity, bits per character, characters scored, characters unknown, and
 * the text of a line or the first line of a song. */
void eval_print_pieces(const evaluation *eval);

/* One JSON object. It has the rate of dynamic evaluation if that is above 0. LYRNN_ERR_IO. */
lyrnn_status eval_print_json(const evaluation *eval, const char *model_path, float dynamic_rate);

/* The same for each piece, one per line. LYRNN_ERR_IO. */
lyrnn_status eval_print_json_pieces(const evaluation *eval, float dynamic_rate);

#endif
