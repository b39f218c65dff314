/* Several files as one text. */
#ifndef LYRNN_CORPUS_FILES_H
#define LYRNN_CORPUS_FILES_H

#include "lyrnn/corpus.h"

/* Appends files (num, at least 1) to an empty corpus by the rules of lyrnn_corpus_load, whose
 * errors they have. */
lyrnn_status corpus_append_files(lyrnn_corpus *corpus, const char *const *paths, size_t num,
                                 const lyrnn_corpus_rules *rules);

/* Appends the text of one file, which may be empty. */
lyrnn_status corpus_append_file(lyrnn_corpus *corpus, const char *path,
                                const lyrnn_corpus_rules *rules);

/* LYRNN_ERR_CORPUS: nothing can be learned from the corpus. */
lyrnn_status corpus_check_distinct(const lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules);

/* LYRNN_ERR_CORPUS: the text that `name` names is empty. */
lyrnn_status corpus_refuse_empty(const char *name);

/* Logs how many byte order marks were dropped, if there were any. */
void corpus_log_dropped(const lyrnn_corpus *corpus, const char *name, FILE *log);

#endif
