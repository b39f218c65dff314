/* Several files as one text. */
#ifndef LYRNN_CORPUS_FILES_H
#define LYRNN_CORPUS_FILES_H

#include <stdbool.h>

#include "lyrnn/corpus.h"

/* Appends files (num, at least 1) to an empty corpus by the rules of lyrnn_corpus_load, whose
 * errors they have. */
lyrnn_status corpus_append_files(lyrnn_corpus *corpus, const char *const *paths, size_t num,
                                 const lyrnn_corpus_rules *rules);

/* Appends the text of one file, which may be empty. */
lyrnn_status corpus_append_file(lyrnn_corpus *corpus, const char *path,
                                const lyrnn_corpus_rules *rules, bool *ends_in_newline);

/* Truncates the corpus to max_chars characters (0: all), and refuses it if nothing can be
 * learned. */
lyrnn_status corpus_limit_chars(lyrnn_corpus *corpus, size_t max_chars);

/* LYRNN_ERR_CORPUS: the text that `name` names is empty. */
lyrnn_status corpus_refuse_empty(const char *name);

/* Logs how many byte order marks were dropped, if there were any. */
void corpus_log_dropped(const lyrnn_corpus *corpus, const char *name, FILE *log);

#endif
