/* The text that a run learned. config.json names its files under "corpus" (none: the sample
 * lyrics), and under "corpus_xxh128" the hash of what was read from them. */
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

/* Loads the text that a run learned, given one of the run's model files. LYRNN_ERR_IO: the model is
 * in no run, or a file is gone. LYRNN_ERR_CORPUS: config.json does not name the files, or their
 * text has changed. */
lyrnn_status lyrnn_run_corpus_load(const char *model_path, lyrnn_corpus *corpus);

#endif
