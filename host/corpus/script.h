/* From traditional to simplified Chinese, and back, by OpenCC, which knows phrases: 乾 becomes 干
 * in 乾淨 and stays in 乾坤. A build without OpenCC converts nothing, and says so. */
#ifndef LYRNN_SCRIPT_H
#define LYRNN_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "lyrnn/corpus.h"

/* Whether this build converts. */
bool script_is_supported(void);

/* Converts each song by itself. *num_changed becomes the number of characters that are others now.
 * If that changes nothing, or for LYRNN_SCRIPT_KEEP, the corpus stays as it is.
 * LYRNN_ERR_UNSUPPORTED: this build lacks OpenCC, or OpenCC lacks its data. LYRNN_ERR_CORPUS: the
 * corpus becomes too large. LYRNN_ERR_MEMORY. On failure the corpus stays as it was. */
lyrnn_status corpus_convert_script(lyrnn_corpus *corpus, lyrnn_script script, size_t *num_changed);

/* The same with OpenCC's data in `folder`. */
lyrnn_status corpus_convert_script_by(const char *folder, lyrnn_corpus *corpus, lyrnn_script script,
                                      size_t *num_changed);

#endif
