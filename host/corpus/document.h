/* From the bytes of one document to its songs. */
#ifndef LYRNN_DOCUMENT_H
#define LYRNN_DOCUMENT_H

#include <stdbool.h>

#include "base/open_file.h"
#include "corpus/encoding.h"
#include "lyrnn/corpus.h"

/* A document: a file, what a stream holds, or an entry of an archive. */
typedef struct {
    const char *name; /* for errors */
    const lyrnn_bytes *bytes;
    bool is_file; /* not a stream, and so perhaps one song of several files */
} document;

/* Appends a document to the corpus as songs. A document without characters adds nothing. On failure
 * the corpus may have a part of it, which the caller cuts off. *encoding becomes what it was read
 * as. LYRNN_ERR_CORPUS: it is not a text. LYRNN_ERR_MEMORY. */
lyrnn_status document_append(lyrnn_corpus *corpus, const document *given,
                             const lyrnn_corpus_rules *rules, text_encoding *encoding);

/* Settles what the songs are once all documents are read. */
lyrnn_status document_find_songs(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules);

/* Does what comes last: truncates the corpus to max_chars characters, and makes newlines spaces if
 * the rules say so. */
void document_finish(lyrnn_corpus *corpus, const lyrnn_corpus_rules *rules);

#endif
