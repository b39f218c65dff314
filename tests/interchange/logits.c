/* logits FILE CELL ID...: reads a model as `lyrnn train --init FILE --cell CELL` does, and prints
 * its logits (T,V) after each of the T ids, with nine significant digits, one row per step. For
 * state_dict.py. */
#include <stdio.h>
#include <stdlib.h>

#include "lyrnn/checkpoint.h"
#include "lyrnn/device.h"
#include "lyrnn/model.h"

static void must(lyrnn_status status)
{
    if (status != LYRNN_OK) {
        fprintf(stderr, "logits: %s\n", lyrnn_error_text());
        exit(EXIT_FAILURE);
    }
}

static void print_logits(const lyrnn_model *model, int T, char **ids_text)
{
    const int V = model->config.input_size;
    lyrnn_backend *backend = model->backend;
    lyrnn_activations activations;
    must(lyrnn_activations_init(&activations, model, T, 1, false));
    int32_t *ids = calloc((size_t)T, sizeof *ids);                /* (T,1) */
    float *logits = calloc((size_t)T * (size_t)V, sizeof(float)); /* (T,1,V) */
    LYRNN_CHECK(ids != NULL && logits != NULL);
    for (int t = 0; t < T; t++)
        ids[t] = (int32_t)strtol(ids_text[t], NULL, 10);
    backend->upload(backend, activations.inputs, ids, (size_t)T * sizeof *ids);
    lyrnn_model_forward(model, &activations);
    backend->download(backend, logits, activations.logits, (size_t)T * (size_t)V * sizeof(float));
    for (int i = 0; i < T * V; i++)
        printf("%.9g%c", (double)logits[i], (i + 1) % V == 0 ? '\n' : ' ');
    free(logits);
    free(ids);
    lyrnn_activations_free(&activations);
}

int main(int argc, char **argv)
{
    lyrnn_cell cell;
    lyrnn_checkpoint checkpoint;
    lyrnn_backend backend;
    lyrnn_model model;
    if (argc < 4) {
        fprintf(stderr, "usage: logits FILE CELL ID...\n");
        return EXIT_FAILURE;
    }
    must(lyrnn_cell_parse(argv[2], &cell));
    must(lyrnn_checkpoint_read_state_dict(&checkpoint, argv[1]));
    lyrnn_checkpoint_choose_rnn(&checkpoint, cell);
    LYRNN_CHECK(checkpoint.config.cell == cell);
    must(lyrnn_backend_open("cpu", 1, LYRNN_FP32, &backend));
    must(lyrnn_model_init(&model, &checkpoint.config, &backend));
    lyrnn_model_upload(&model, checkpoint.params);
    print_logits(&model, argc - 3, argv + 3);
    lyrnn_model_free(&model);
    lyrnn_backend_close(&backend);
    lyrnn_checkpoint_free(&checkpoint);
    return EXIT_SUCCESS;
}
