/* An epoch's figures as one JSON object, for scripts that plot or compare runs. */
#include "run/metrics.h"

#include <jansson.h>

#include "base/memory.h"
#include "files/json_values.h"

lyrnn_status lyrnn_metrics_to_json(const lyrnn_metrics *metrics, char **json_line)
{
    json_t *object = json_object();
    int failed = 0;
    failed |= json_object_set_new(object, "epoch", json_integer(metrics->epoch));
    failed |= json_object_set_new(object, "step", json_integer(metrics->step));
    failed |= json_object_set_new(object, "loss", json_real_or_null(metrics->nats_per_char));
    failed |= json_object_set_new(object, "perplexity", json_real_or_null(metrics->perplexity));
    failed |= json_object_set_new(object, "chars_per_second",
                                  json_real_or_null(metrics->chars_per_second));
    failed |= json_object_set_new(object, "seconds", json_real_or_null(metrics->seconds));
    if (metrics->is_validated) {
        failed |= json_object_set_new(object, "val_loss",
                                      json_real_or_null(metrics->validation_nats_per_char));
        failed |= json_object_set_new(object, "val_perplexity",
                                      json_real_or_null(metrics->validation_perplexity));
    }
    *json_line = failed ? NULL : json_dumps(object, JSON_REAL_PRECISION(9));
    json_decref(object);
    if (*json_line == NULL)
        return lyrnn_out_of_memory("metrics", 0, "close other programs");
    return LYRNN_OK;
}
