/* What kind of document a file or a stream holds. */
#ifndef LYRNN_DOCUMENT_KIND_H
#define LYRNN_DOCUMENT_KIND_H

#include "corpus/document.h"

typedef enum { DOCUMENT_TEXT, DOCUMENT_LRC, DOCUMENT_JSON, DOCUMENT_JSONL } document_kind;

/* The bytes are UTF-8. The name of a file decides whether it is JSON; a stream has no name, so its
 * first characters decide. LRC is also found by its times in any text. */
document_kind document_kind_of(const document *given);

#endif
