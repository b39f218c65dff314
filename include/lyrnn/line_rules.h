/* Rules for the lines of a text, lyrnn_line_rules: whether a prompt can be continued by them, and what they
 * allow at a place. The device applies them as masks on logits; this is the host's side. */
#ifndef LYRNN_LINE_RULES_H
#define LYRNN_LINE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lyrnn/backend.h"
#include "lyrnn/prompt.h"
#include "lyrnn/status.h"
#include "lyrnn/vocab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The rules. Lines are separated by a character of the vocabulary; all counts start at the text's first
 * character, prefix included. */
typedef struct {
    int32_t newline; /* id of the character that separates lines; -1: no lines and no rules */
    int min_line, max_line; /* characters per line, without the newline; max_line 0: no maximum */
    int num_lines; /* the text ends in place of the newline that would begin another line; 0: never */
    int num_acrostic; /* how many first lines begin with a given character */
    const int32_t
        *acrostic; /* (num_acrostic)  these characters, borrowed, host memory; else NULL */
} lyrnn_line_rules;

/* LYRNN_ERR_USAGE, by the names of lyrnn generate's options, when the rules contradict one another or the
 * vocabulary, the prompt breaks them, or length characters after it are too few for their lines. */
lyrnn_status lyrnn_line_rules_check(const lyrnn_line_rules *rules);
lyrnn_status lyrnn_line_rules_check_prompt(const lyrnn_line_rules *rules, const lyrnn_vocab *vocab,
                                           const lyrnn_prompt *prompt, size_t length);

/* Whether a text in this state may go on with id, whether it ends there (the newline is then not written), and
 * the state after it. */
bool lyrnn_line_rules_allow(const lyrnn_line_rules *rules, const lyrnn_text_state *state,
                            int32_t id);
bool lyrnn_line_rules_end(const lyrnn_line_rules *rules, const lyrnn_text_state *state, int32_t id);
void lyrnn_line_rules_move(const lyrnn_line_rules *rules, lyrnn_text_state *state, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
