/* One text that a run learned. A record of it, for example config.json, names its files under
 * "corpus" (none: the sample lyrics), and under "corpus_xxh128" the hash of what was read from
 * them. learned.h has all texts of a model. */
#ifndef LYRNN_RUN_CORPUS_H
#define LYRNN_RUN_CORPUS_H

#include <stddef.h>

#include <jansson.h>

#include "lyrnn/corpus.h"
#include "lyrnn/status.h"

/* What "corpus" holds for these files: a new array of absolute paths, so that the run can be
 * resumed from another folder. Standard input and pipes become "-". A path that is not UTF-8
 * becomes null. NULL: no memory. */
json_t *lyrnn_run_corpus_to_json(const char *const *paths, size_t num_paths);

/* The files that config names. *paths is an array for the caller to free, on failure too, of texts
 * borrowed from config. LYRNN_ERR_CORPUS: a file has no name there, or is a stream; run_path names
 * the run in the error, which the caller completes by what the user can do. */
lyrnn_status lyrnn_run_corpus_paths(const char *run_path, const json_t *config, const char ***paths,
                                    size_t *num_paths);

/* Loads the text of a record. LYRNN_ERR_IO: a file is gone. LYRNN_ERR_CORPUS: the record does not
 * name the files, or their text has changed. The caller completes the error by what the user can
 * do, and frees corpus; on failure it is empty. */
lyrnn_status lyrnn_run_corpus_load(const char *run_path, const json_t *record,
                                   lyrnn_corpus *corpus);

#endif
