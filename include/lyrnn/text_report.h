/* Reports on a generated text: how much of it is copied from the corpus, how much it repeats
 * itself, and how likely the model finds it. */
#ifndef LYRNN_TEXT_REPORT_H
#define LYRNN_TEXT_REPORT_H

#include "lyrnn/copies.h"
#include "lyrnn/generate.h"
#include "lyrnn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All numbers are about the characters after the prefix. A number that is not defined is NaN. */
typedef struct {
    /* The longest run of characters that the corpus contains too and that ends after the prefix,
     * and where it begins in the text. */
    size_t longest_copy, copy_start;
    /* Distinct runs of 2 and of 3 characters divided by all such runs (Li et al. 2016,
     * distinct-n). */
    double distinct_2, distinct_3;
    double perplexity; /* exp of the mean cross-entropy, without rules or sampler */
} lyrnn_text_report;

typedef struct {
    const lyrnn_model *model;      /* borrowed */
    const lyrnn_copies *copies;    /* borrowed */
    lyrnn_activations activations; /* B = 1 */
    lyrnn_counters *counters;      /* device; lyrnn_model_loss needs them, nobody reads them */
} lyrnn_reporter;

/* LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_reporter_init(lyrnn_reporter *reporter, const lyrnn_model *model,
                                 const lyrnn_copies *copies);
/* A zeroed reporter is fine. */
void lyrnn_reporter_free(lyrnn_reporter *reporter);

/* Fills the report on one sample. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_report_text(lyrnn_reporter *reporter, const lyrnn_sample *sample,
                               lyrnn_text_report *report);

#ifdef __cplusplus
}
#endif
#endif
