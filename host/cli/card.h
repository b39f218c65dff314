/* What lyrnn info prints, as one JSON object. Both forms of its output come from it. */
#ifndef LYRNN_CLI_CARD_H
#define LYRNN_CLI_CARD_H

#include <jansson.h>

#include "lyrnn/status.h"

/* The card of this program: "version", "build", "devices" (each with "name" and "description", or
 * with the reason why it is "unavailable") and "runs", the folder of runs. LYRNN_ERR_MEMORY. */
lyrnn_status card_of_program(json_t **card);

/* The card of a model file, of a checkpoint's folder or of a run:
 * - of the model: "model" (the file), "model_bytes", "cell", "hidden_size", "num_layers",
 *   "bidirectional", "dropout", "dropout_input", "dropout_output", "dropout_weight", "vocab_size",
 *   "vocab_sample", "num_parameters" and "tensors" (each with "name" and "shape"); if it has an
 *   embedding also "embedding_size" and "tied";
 * - of a run also "run" (the folder), "run_bytes", "epochs" (complete ones), "steps", and "last"
 *   and "best" (lines of metrics.jsonl; the best by validation if the run has any);
 * - from config.json: "version", "backend", "device_name", "threads", "precision", "seed",
 *   "corpus" and "corpus_xxh128".
 * If a part of a run is missing or damaged, "problems" names it. The call fails only if the path
 * has none of these. */
lyrnn_status card_of_model(const char *path, json_t **card);

#endif
