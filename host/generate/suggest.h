/* Suggests the next line of a text: samples many, drops repeats, and ranks the others by the
 * model's own score. Sampling gives lines that differ, where a beam search gives variants of one
 * line. */
#ifndef LYRNN_SUGGEST_H
#define LYRNN_SUGGEST_H

#include "lyrnn/generate.h"

typedef struct {
    const lyrnn_model *model;
    const lyrnn_vocab *vocab;
    const lyrnn_prompt *prompt; /* ends with a newline */
    /* The sampler, the copy guard and the lengths of lines apply; lines.newline is a character.
     * Each candidate is a sample of its own, from number first_sample on. */
    const lyrnn_generate_options *options;
    size_t num_lines; /* how many to suggest, at least 1 */
    size_t length;    /* maximum number of characters per line, the newline included */
    bool warms_up;    /* raise the temperature while too few lines differ */
} lyrnn_suggest_args;

typedef struct {
    lyrnn_sample sample; /* the prompt and the line, without the newline at its end */
    const int32_t *line; /* (length)  the line without white space at its ends */
    size_t length;
    /* The mean log-probability per character, the newline at the end included. No rule and no
     * sampler changes it. */
    double score;
} lyrnn_suggestion;

/* Calls `suggest` for each line, the best first, and returns the error that it returns. Lines
 * differ from each other and from those of the prompt, also without white space at their ends; a
 * line that did not end within `length` is none. *num_suggested becomes their number, which is
 * smaller than num_lines if *num_sampled candidates had no more. The same arguments give the same
 * lines. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_suggest(const lyrnn_suggest_args *args,
                           lyrnn_status (*suggest)(void *context, const lyrnn_suggestion *),
                           void *context, size_t *num_suggested, size_t *num_sampled);

#endif
