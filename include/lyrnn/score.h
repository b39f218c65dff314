/* How well a model predicts given texts, each as a whole and on its own. */
#ifndef LYRNN_SCORE_H
#define LYRNN_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/model.h"
#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const int32_t *ids; /* in   (N)  borrowed */
    size_t N;
    double nats; /* out  sum over i = 1 .. N-1 of -log p(ids[i] | ids[0] .. ids[i-1]); N < 2: 0 */
} lyrnn_scored_text;

/* What does well where memory allows it. */
enum { LYRNN_SCORE_STEPS = 128, LYRNN_SCORE_STREAMS = 64 };

/* Scores num texts of any lengths, the state zero before each one's first character, which nothing predicts.
 * Texts of about the same length are read side by side, up to B of them, up to T steps at a time; both are lowered
 * where the activations would take more than 128 MiB. None of this changes a score beyond rounding, but
 * for a bidirectional model, which sees T characters ahead at most. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_score(const lyrnn_model *model, int T, int B, lyrnn_scored_text *texts,
                         size_t num);

#ifdef __cplusplus
}
#endif
#endif
