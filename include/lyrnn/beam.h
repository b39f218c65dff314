/* Beam search: instead of one text whose every character is the likeliest, the likeliest whole text that is
 * found by keeping the best few at each character. */
#ifndef LYRNN_BEAM_H
#define LYRNN_BEAM_H

#include "lyrnn/generate.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LYRNN_MAX_BEAMS = 256 };

/* Writes at most length characters after the prompt and tells the listener of the best text, as sample
 * options->first_sample. Rules, guard and stop are options'; its sampler is not used. A text is as good as its
 * mean log-probability, sum / characters written (the one that ends it, and a stop, among them): by the sum
 * alone a short one would always win. The search is over when num_beams texts have ended, or at length.
 * LYRNN_ERR_MEMORY, or what the listener returns. */
lyrnn_status lyrnn_beam_search(const lyrnn_model *model, const lyrnn_generate_options *options,
                               int num_beams, const lyrnn_prompt *prompt, size_t length,
                               const lyrnn_listener *listener);

#ifdef __cplusplus
}
#endif
#endif
