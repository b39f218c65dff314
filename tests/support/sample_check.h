/* Sampling under watch, from host arrays to host arrays; for the tests that ask what a backend's choice of
 * characters must keep to. */
#ifndef SAMPLE_CHECK_H
#define SAMPLE_CHECK_H

#include "op_check.h"

/* The same arguments with every array on the device, between guard bands: those of host's that are not NULL,
 * of what is written only logits and tokens need not be there. */
lyrnn_sample_token_args sample_place(op_check *check, const lyrnn_sample_token_args *host);

/* Chooses a character for each text from logits (B,V) and returns them (B). Checks that the cursor moved
 * and that nothing was written outside. */
int32_t *sample_step(op_check *check, const lyrnn_sample_token_args *device, const float *logits);

/* What the backend left. */
int32_t *sample_texts(op_check *check, const lyrnn_sample_token_args *device);
lyrnn_text_state *sample_states(op_check *check, const lyrnn_sample_token_args *device);

/* Texts (B,max_length) of random characters and states (B) as a prefix without lines leaves them. */
int32_t *sample_random_texts(op_check *check, int B, int max_length, int V, uint64_t seed);
lyrnn_text_state *sample_new_states(op_check *check, int B, int length);

/* The number that stream b draws at a place. */
double sample_uniform(const lyrnn_sample_token_args *args, int b, int place);

/* In the simulator everything takes a thousand times as long. */
bool is_simulated(void);

#endif
