/* Measures how well a model predicts given texts, each as a whole and on its own.
 *
 * Stream: one of the B parallel text sequences of a batch. */
#ifndef LYRNN_SCORE_H
#define LYRNN_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "lyrnn/model.h"
#include "lyrnn/status.h"
#include "lyrnn/watcher.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const int32_t *ids; /* in   (N)  borrowed */
    size_t N;
    /* out: the sum over i = 1 .. N-1 of -log p(ids[i] | ids[0] .. ids[i-1]); 0 if N < 2 */
    double nats;
} lyrnn_scored_text;

/* A good choice of T and B if there is enough memory. */
enum { LYRNN_SCORE_STEPS = 128, LYRNN_SCORE_STREAMS = 64 };

/* Scores num texts of any lengths. The state is zero before the first character of each text, and
 * nothing predicts that character. Texts of similar length are read in parallel, up to B of them
 * and up to T steps at a time; T and B are lowered if the activations would take more than 128 MiB.
 * T and B change a score by rounding only, except for a bidirectional model, which sees at most T
 * characters ahead. watcher may be NULL. LYRNN_ERR_MEMORY, or what the watcher returns. */
lyrnn_status lyrnn_score(const lyrnn_model *model, int T, int B, lyrnn_scored_text *texts,
                         size_t num, const lyrnn_watcher *watcher);

/* How dynamic evaluation learns. */
typedef struct {
    float rate; /* the learning rate; 0: the model learns nothing */
    int T;      /* characters per segment */
} lyrnn_dynamic_options;

/* A good choice of T: a shorter segment is learned sooner, a longer one in fewer steps. */
enum { LYRNN_DYNAMIC_STEPS = 35 };

/* Dynamic evaluation (Krause et al. 2018, "Dynamic evaluation of neural sequence models"): scores
 * num texts in their order, segment by segment, and learns from each segment after it has its
 * score. The state is zero before the first character of each text; what was learned stays from
 * text to text. The gradient g of a segment's mean loss reaches back to the start of the segment.
 * It is clipped to norm 1, and then
 *
 *     weight -= rate * g / sqrt(mean of g^2 so far)
 *
 * The paper takes this mean over the training text; here it runs over the segments, as Adam's does.
 * The model stays as it is, and there is no dropout. watcher may be NULL. LYRNN_ERR_MEMORY,
 * LYRNN_ERR_DIVERGED, or what the watcher returns. */
lyrnn_status lyrnn_score_dynamic(const lyrnn_model *model, const lyrnn_dynamic_options *options,
                                 lyrnn_scored_text *texts, size_t num,
                                 const lyrnn_watcher *watcher);

#ifdef __cplusplus
}
#endif
#endif
