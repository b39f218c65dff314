/* A prompt: the characters that a text begins with, as ids of the model's vocabulary. */
#ifndef LYRNN_PROMPT_H
#define LYRNN_PROMPT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lyrnn/corpus.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of a character that the vocabulary does not have. */
typedef enum {
    LYRNN_UNKNOWN_ERROR, /* the prompt is refused */
    LYRNN_UNKNOWN_SKIP,  /* it is left out */
    LYRNN_UNKNOWN_NEAREST /* its nearest relative in the vocabulary takes its place, see host/text/nearest.h */
} lyrnn_on_unknown;

typedef struct {
    int32_t *ids;  /* (length), owned */
    size_t length; /* at least 1 */
} lyrnn_prompt;

/* From text. object is what errors call it ("--prefix 月光"); newlines in it as in the corpus that the
 * model learnt. Each character left out or replaced is a line to log (NULL: none).
 * LYRNN_ERR_USAGE: empty. LYRNN_ERR_UNKNOWN_CHAR, LYRNN_ERR_UNSUPPORTED (nearest, in a build without Unihan),
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_prompt_init(lyrnn_prompt *prompt, const lyrnn_vocab *vocab, const char *object,
                               const lyrnn_corpus *text, lyrnn_on_unknown on_unknown, FILE *log);

/* The same from the UTF-8 text of an option, "--prefix". LYRNN_ERR_CORPUS: not UTF-8. */
lyrnn_status lyrnn_prompt_of_option(lyrnn_prompt *prompt, const lyrnn_vocab *vocab,
                                    const char *option, const char *utf8, lyrnn_newlines newlines,
                                    lyrnn_on_unknown on_unknown, FILE *log);

/* From ids (length), which are copied. */
lyrnn_status lyrnn_prompt_from_ids(lyrnn_prompt *prompt, const int32_t *ids, size_t length);

/* A zeroed prompt is fine. */
void lyrnn_prompt_free(lyrnn_prompt *prompt);

#ifdef __cplusplus
}
#endif
#endif
