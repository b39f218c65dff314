/* What the log says of how a corpus was read: one line per kind of file and of change, however many
 * files there are. */
#ifndef LYRNN_CORPUS_LOG_H
#define LYRNN_CORPUS_LOG_H

#include <stdio.h>

#include "lyrnn/corpus.h"

/* `name` names the corpus. log may be NULL. */
void corpus_log_changes(const lyrnn_corpus_counts *counts, const char *name, FILE *log);

#endif
