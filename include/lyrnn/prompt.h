/* A prompt: the characters that a generated text begins with, as ids of the model's vocabulary. */
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

/* What happens to a character that the vocabulary lacks. */
typedef enum {
    LYRNN_UNKNOWN_ERROR, /* the prompt is refused */
    LYRNN_UNKNOWN_SKIP,  /* the character is left out */
    /* The nearest character of the vocabulary replaces it; host/text/nearest.h says which one. */
    LYRNN_UNKNOWN_NEAREST
} lyrnn_on_unknown;

/* How text becomes a prompt. All pointers are borrowed. */
typedef struct {
    const lyrnn_vocab *vocab;
    lyrnn_newlines newlines; /* as the model's corpus was read; see lyrnn_vocab_newlines */
    lyrnn_on_unknown on_unknown;
    /* Gets a line for each distinct character that is replaced, and one for all that are left out.
     * NULL: none. */
    FILE *log;
} lyrnn_prompt_rules;

typedef struct {
    int32_t *ids;  /* (length), owned */
    size_t length; /* at least 1 */
} lyrnn_prompt;

/* Makes a prompt from decoded text; rules->newlines is not used. Errors and the log call the text
 * `object`, for example "--prefix 月光". The caller frees the prompt; on failure it is zeroed.
 * LYRNN_ERR_USAGE: the text is empty. LYRNN_ERR_UNKNOWN_CHAR: a character is refused, or none is
 * left. LYRNN_ERR_UNSUPPORTED: this build has no Unihan data to find the nearest character.
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_prompt_init(lyrnn_prompt *prompt, const lyrnn_prompt_rules *rules,
                               const char *object, const lyrnn_corpus *text);

/* Makes a prompt from the UTF-8 value of an option, for example "--prefix". In it \n is a newline,
 * \t a tab and \\ a backslash; LYRNN_ERR_USAGE: another character follows a backslash. It fails as
 * lyrnn_prompt_init does; LYRNN_ERR_CORPUS: the value is not UTF-8. */
lyrnn_status lyrnn_prompt_of_option(lyrnn_prompt *prompt, const lyrnn_prompt_rules *rules,
                                    const char *option, const char *utf8);

/* Fails as lyrnn_prompt_of_option would with any vocabulary. LYRNN_ERR_USAGE, LYRNN_ERR_CORPUS,
 * LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_prompt_check_option(const char *option, const char *utf8);

/* Makes a prompt from a copy of ids (length, at least 1). LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_prompt_from_ids(lyrnn_prompt *prompt, const int32_t *ids, size_t length);

/* Accepts a zeroed prompt. */
void lyrnn_prompt_free(lyrnn_prompt *prompt);

#ifdef __cplusplus
}
#endif
#endif
