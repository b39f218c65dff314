/* What training reports of an epoch. */
#ifndef LYRNN_METRICS_H
#define LYRNN_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "lyrnn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int epoch;    /* counted from 1 */
    int64_t step; /* optimizer steps since the start */
    double nats_per_char;
    double perplexity; /* exp(nats_per_char) */
    double chars_per_second;
    double seconds; /* of the epoch's steps */
    bool is_validated;
    double validation_nats_per_char, validation_perplexity; /* where is_validated */
} lyrnn_metrics;

/* One line of metrics.jsonl, without newline, to be freed. A perplexity beyond a double's range becomes
 * null. LYRNN_ERR_MEMORY. */
lyrnn_status lyrnn_metrics_to_json(const lyrnn_metrics *metrics, char **json_line);

#ifdef __cplusplus
}
#endif
#endif
