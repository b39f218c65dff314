/* Reads the beginning of the corpus for lyrnn_model_probe (model.c), which computes the probe. */
#include "model/plan_probe.h"

lyrnn_recurrence_shape lyrnn_trainer_recurrence(const lyrnn_trainer *trainer, bool is_backward)
{
    const lyrnn_rnn_config *config = &trainer->model->config;
    return (lyrnn_recurrence_shape){
        .cell = config->cell,
        .is_backward = is_backward,
        .T = trainer->activations.T,
        .B = trainer->activations.B,
        .H = config->hidden_size,
    };
}

static size_t at_most(size_t number, size_t most)
{
    return number < most ? number : most;
}

/* Lets each stream read num_steps characters, as a batch of consecutive text does: their places are
 * spread over the corpus. All else in the inputs is character 0, also where the corpus has fewer
 * places than there are streams. */
static void read_inputs(lyrnn_trainer *trainer, size_t num_steps)
{
    lyrnn_activations *a = &trainer->activations;
    lyrnn_backend *backend = a->backend;
    size_t N = trainer->batches.N, B = (size_t)a->B, id = sizeof(int32_t);
    size_t num_places = N - num_steps + 1, apart = num_places / B > 0 ? num_places / B : 1;
    backend->zero(backend, a->inputs, (size_t)a->T * B * id);
    for (size_t t = 0; t < num_steps; t++)
        backend->copy_rows(backend, a->inputs + t * B, id, trainer->ids + t, apart * id, id,
                           at_most(num_places, B));
}

lyrnn_plan_probe lyrnn_trainer_probe(lyrnn_trainer *trainer, bool is_backward, int max_steps)
{
    lyrnn_recurrence_shape shape = lyrnn_trainer_recurrence(trainer, is_backward);
    size_t most = at_most((size_t)max_steps, trainer->batches.N);
    shape.T = (int)at_most((size_t)shape.T, most);
    read_inputs(trainer, (size_t)shape.T);
    return lyrnn_model_probe(trainer->model, &trainer->activations, &shape);
}
