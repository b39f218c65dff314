/* Rules for the lines of a generated text: their number, their lengths and the characters that they
 * begin with. This header is the host's side: it checks the rules and a prompt, and follows a text.
 * The device applies the same rules as masks on the logits (sample_token in lyrnn/backend.h). */
#ifndef LYRNN_LINE_RULES_H
#define LYRNN_LINE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/clusters.h"
#include "lyrnn/prompt.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A character of the vocabulary separates lines. All counts start at the first character of the
 * text, prefix included. */
typedef struct {
    int32_t newline; /* id of the character that separates lines; -1: no lines and no rules */
    int min_line, max_line; /* clusters per line, without the newline; max_line 0: no maximum */
    int num_lines;    /* lines of a text, which ends in place of the next newline; 0: no limit */
    int num_acrostic; /* the first num_acrostic lines begin with the characters of acrostic */
    const int32_t *acrostic; /* (num_acrostic)  host memory, borrowed; NULL if there are none */
    const lyrnn_clusters *clusters; /* borrowed; NULL: each character is a cluster */
} lyrnn_line_rules;

/* LYRNN_ERR_USAGE if the rules contradict one another or the vocabulary. The text names the options
 * of lyrnn generate. */
lyrnn_status lyrnn_line_rules_check(const lyrnn_line_rules *rules);
/* LYRNN_ERR_USAGE if the prompt breaks the rules, or if length characters after it are too few for
 * the lines. */
lyrnn_status lyrnn_line_rules_check_prompt(const lyrnn_line_rules *rules, const lyrnn_vocab *vocab,
                                           const lyrnn_prompt *prompt, size_t length);

/* Whether a text in this state may continue with id. */
bool lyrnn_line_rules_allow(const lyrnn_line_rules *rules, const lyrnn_text_state *state,
                            int32_t id);
/* Whether id ends a text in this state. The newline is then not written. */
bool lyrnn_line_rules_end(const lyrnn_line_rules *rules, const lyrnn_text_state *state, int32_t id);
/* Updates the state after id. */
void lyrnn_line_rules_move(const lyrnn_line_rules *rules, lyrnn_text_state *state, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
