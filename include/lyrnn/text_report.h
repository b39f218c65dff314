/* What can be said of a text that a model wrote: how much of it is copied, how much it repeats itself, and how
 * likely the model itself finds it. */
#ifndef LYRNN_TEXT_REPORT_H
#define LYRNN_TEXT_REPORT_H

#include "lyrnn/copies.h"
#include "lyrnn/generate.h"
#include "lyrnn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All of what follows the prefix. What there is nothing to say about is NaN. */
typedef struct {
    size_t longest_copy,
        copy_start; /* characters in a row that stand in the corpus, reaching beyond the */
                    /* prefix, and their place in the text */
    double distinct_2,
        distinct_3;    /* distinct runs of 2, of 3 characters, over all of them (Li et al. 2016) */
    double perplexity; /* exp of the mean cross-entropy, without rules or sampler */
} lyrnn_text_report;

typedef struct {
    const lyrnn_model *model;      /* borrowed */
    const lyrnn_copies *copies;    /* borrowed */
    lyrnn_activations activations; /* B = 1 */
    lyrnn_counters *counters;      /* device; not read */
} lyrnn_reporter;

/* LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_reporter_init(lyrnn_reporter *reporter, const lyrnn_model *model,
                                 const lyrnn_copies *copies);
/* A zeroed reporter is fine. */
void lyrnn_reporter_free(lyrnn_reporter *reporter);

/* LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_report_text(lyrnn_reporter *reporter, const lyrnn_sample *sample,
                               lyrnn_text_report *report);

#ifdef __cplusplus
}
#endif
#endif
