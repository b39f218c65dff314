/* What lyrnn info tells, as one JSON object that both of its forms are printed from. */
#ifndef LYRNN_CLI_CARD_H
#define LYRNN_CLI_CARD_H

#include <jansson.h>

#include "lyrnn/status.h"

/* This program: "version", "build", "devices" (each "name" and "description", or why it is "unavailable"),
 * "runs" (the folder). LYRNN_ERR_MEMORY. */
lyrnn_status card_of_program(json_t **card);

/* A model file, a checkpoint's folder or a run: "model" (the file), "model_bytes", "cell", "hidden_size",
 * "num_layers", "bidirectional", "dropout", "vocab_size", "vocab_sample", "num_parameters", "tensors" (each
 * "name" and "shape"); of a run also "run" (the folder), "run_bytes", "epochs", "steps", "last" and "best"
 * (lines of metrics.jsonl, the best by validation where there is any) and, as config.json has them, "version",
 * "backend", "threads", "precision", "seed", "corpus", "corpus_xxh128". What a run lacks, or has in a state
 * that cannot be read, is left out and named in "problems"; only a path without any of it fails. */
lyrnn_status card_of_model(const char *path, json_t **card);

#endif
