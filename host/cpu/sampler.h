/* llama.cpp's samplers on one row of logits. */
#ifndef LYRNN_CPU_SAMPLER_H
#define LYRNN_CPU_SAMPLER_H

#include "lyrnn/backend.h"

/* Penalizes the last sampler->repeat_last_n characters of a text of `length` characters, by the
 * last places at which it has each character; seen (V) is that of lyrnn_sample_token_args. */
void lyrnn_cpu_penalize(const lyrnn_sampler *sampler, const int32_t *seen, int length, int V,
                        float *logits);

/* The id that u in (0, 1] chooses by all samplers after the penalty; -1: every logit is -infinity
 * or NaN. It overwrites logits (V). */
int lyrnn_cpu_choose(const lyrnn_sampler *sampler, int V, float *logits, float u);

#endif
