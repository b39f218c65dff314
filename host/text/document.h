/* From the bytes of one document to its songs. */
#ifndef LYRNN_DOCUMENT_H
#define LYRNN_DOCUMENT_H

#include <stdbool.h>

#include "base/open_file.h"
#include "lyrnn/corpus.h"

/* Appends a document to the corpus as songs. is_file: it is a file of its own, not a stream. *bad
 * becomes bytes->num, or the offset of the first byte that is not of a text: corpus then keeps what
 * it had, and the caller reports it. LYRNN_ERR_CORPUS, LYRNN_ERR_MEMORY. `name` names the document
 * in errors. */
lyrnn_status document_append(lyrnn_corpus *corpus, const char *name, const lyrnn_bytes *bytes,
                             const lyrnn_corpus_rules *rules, bool is_file, size_t *bad);

/* Settles what the songs are once all documents are read. */
lyrnn_status document_find_songs(lyrnn_corpus *corpus, const char *name,
                                 const lyrnn_corpus_rules *rules);

/* Does what comes last: truncates the corpus to max_chars characters, and makes newlines spaces if
 * the rules say so. */
void document_finish(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules);

#endif
