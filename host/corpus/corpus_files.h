/* Several files as one text. */
#ifndef LYRNN_CORPUS_FILES_H
#define LYRNN_CORPUS_FILES_H

#include "lyrnn/corpus.h"

/* Appends the documents that the paths (num, at least 1) name to an empty corpus, by the rules of
 * lyrnn_corpus_load, whose errors it has. The corpus then has some text. */
lyrnn_status corpus_read_paths(lyrnn_corpus *corpus, const char *const *paths, size_t num,
                               const lyrnn_corpus_rules *rules);

#endif
