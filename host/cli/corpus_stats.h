/* The numbers of lyrnn corpus --stats. */
#ifndef LYRNN_CLI_CORPUS_STATS_H
#define LYRNN_CLI_CORPUS_STATS_H

#include "lyrnn/corpus.h"

/* Prints a table for people. LYRNN_ERR_MEMORY, LYRNN_ERR_IO. */
lyrnn_status corpus_print_stats(const lyrnn_corpus *corpus);

/* Prints the same numbers as a JSON object on one line. */
lyrnn_status corpus_print_json(const lyrnn_corpus *corpus);

#endif
