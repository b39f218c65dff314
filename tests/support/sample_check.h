/* Runs sample_token between guarded arrays, from host arrays to host arrays. For the tests of a
 * backend's sampling. */
#ifndef SAMPLE_CHECK_H
#define SAMPLE_CHECK_H

#include "op_check.h"

/* Returns the same arguments with every array on the device, between guard bands. Host arrays that
 * are NULL stay NULL, except that logits, tokens and seen are made. */
lyrnn_sample_token_args sample_place(op_check *check, const lyrnn_sample_token_args *host);

/* Copies logits (B,V) to the device. */
void sample_upload_logits(op_check *check, const lyrnn_sample_token_args *device,
                          const float *logits);

/* Samples one character for each text from logits (B,V), and returns them (B). Checks that the
 * cursor advanced and that nothing was written outside the arrays. */
int32_t *sample_step(op_check *check, const lyrnn_sample_token_args *device, const float *logits);

/* Return what the backend wrote. */
int32_t *sample_texts(op_check *check, const lyrnn_sample_token_args *device);
lyrnn_text_state *sample_states(op_check *check, const lyrnn_sample_token_args *device);

/* Returns `seen` (B,V) of the texts up to the cursor, or NULL if there is no repeat penalty. */
int32_t *sample_seen(op_check *check, const lyrnn_sample_token_args *host);

/* Makes texts (B,max_length) of random characters, and states (B) as a prefix without lines leaves
 * them. */
int32_t *sample_random_texts(op_check *check, int B, int max_length, int V, uint64_t seed);
lyrnn_text_state *sample_new_states(op_check *check, int B, int length);

/* Returns the random number that stream b draws at a place. */
double sample_uniform(const lyrnn_sample_token_args *args, int b, int place);

/* Returns whether the device is the simulator, in which everything takes about a thousand times as
 * long. */
bool is_simulated(void);

#endif
