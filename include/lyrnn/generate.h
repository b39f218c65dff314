/* Writes text: the state is warmed up on a prefix, then each likeliest character is fed back. */
#ifndef LYRNN_GENERATE_H
#define LYRNN_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/model.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

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

/* text (prefix_length + length): its first prefix_length ids, at least 1, are the prefix; the others are
 * written, each the argmax of the logits (ties: the lowest id). The state starts at zero. */
void lyrnn_generate(lyrnn_generator *generator, int32_t *text, size_t prefix_length, size_t length);

#ifdef __cplusplus
}
#endif
#endif
