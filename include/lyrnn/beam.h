/* Beam search. It looks for the most likely whole text by keeping the best few texts at each
 * character, instead of taking the most likely character each time. */
#ifndef LYRNN_BEAM_H
#define LYRNN_BEAM_H

#include "lyrnn/generate.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LYRNN_MAX_BEAMS = 256 };

/* Generates at most length characters after the prompt. The listener receives the best text as
 * sample number options->first_sample. Line rules, copy guard and stop text of the options apply;
 * the sampler does not.
 *
 * The score of a text is its mean log-probability per generated character; the newline or stop text
 * that ends it counts. The sum would prefer short texts. The search ends when num_beams texts have
 * ended, or at length. LYRNN_ERR_MEMORY, or the error that the listener returns. */
lyrnn_status lyrnn_beam_search(const lyrnn_model *model, const lyrnn_generate_options *options,
                               int num_beams, const lyrnn_prompt *prompt, size_t length,
                               const lyrnn_listener *listener);

#ifdef __cplusplus
}
#endif
#endif
