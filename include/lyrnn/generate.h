/* Writes text: the state is warmed up on a prefix, then each likeliest character is fed back. */
#ifndef LYRNN_GENERATE_H
#define LYRNN_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/model.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A text to be continued: its prefix as ids, and room for what follows. */
typedef struct {
    int32_t *ids; /* (prefix_length + length), owned */
    size_t prefix_length, length;
} lyrnn_prompt;

/* The prefix in UTF-8, to be followed by length characters; newlines as in the corpus that the model
 * learnt. LYRNN_ERR_USAGE: empty. LYRNN_ERR_CORPUS: not UTF-8. LYRNN_ERR_UNKNOWN_CHAR, LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_prompt_init(lyrnn_prompt *prompt, const lyrnn_vocab *vocab, const char *prefix,
                               lyrnn_newlines newlines, size_t length);
/* The same from ids (prefix_length), which are copied. */
lyrnn_status lyrnn_prompt_from_ids(lyrnn_prompt *prompt, const int32_t *ids, size_t prefix_length,
                                   size_t length);
/* A zeroed prompt is fine. */
void lyrnn_prompt_free(lyrnn_prompt *prompt);

typedef struct {
    const lyrnn_model *model;      /* borrowed */
    lyrnn_activations activations; /* T = 1, B = 1 */
    int32_t *tokens;               /* device (max_length) */
    size_t max_length;
} lyrnn_generator;

/* For texts of at most max_length ids, prefix included. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_generator_init(lyrnn_generator *generator, const lyrnn_model *model,
                                  size_t max_length);
/* A zeroed generator is fine. */
void lyrnn_generator_free(lyrnn_generator *generator);

/* Writes the length ids that follow the prefix, each the argmax of the logits (ties: the lowest id). The
 * state starts at zero. */
void lyrnn_generate(lyrnn_generator *generator, lyrnn_prompt *prompt);

#ifdef __cplusplus
}
#endif
#endif
