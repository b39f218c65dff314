/* llama.cpp's samplers on one row of logits. */
#ifndef LYRNN_CPU_SAMPLER_H
#define LYRNN_CPU_SAMPLER_H

#include "lyrnn/backend.h"

/* Penalises the last characters of text (length), as far back as the sampler looks. */
void lyrnn_cpu_penalise(const lyrnn_sampler *sampler, const int32_t *text, int length,
                        float *logits);

/* The id that u in (0, 1] chooses by all samplers after the penalty; -1 where every logit is -infinity or
 * NaN. Overwrites logits (V). */
int lyrnn_cpu_choose(const lyrnn_sampler *sampler, int V, float *logits, float u);

#endif
