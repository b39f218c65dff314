/* What a device tries the plans of a training's recurrences on: the first layer over the beginning
 * of the corpus, with the weights that the training begins with. All layers and both directions
 * have recurrences of one shape. */
#ifndef LYRNN_PLAN_PROBE_H
#define LYRNN_PLAN_PROBE_H

#include "lyrnn/trainer.h"

/* The shape of the training's recurrences over a whole sequence. Where they run in chunks
 * (stack.c), a chunk takes about as long per time step. */
lyrnn_recurrence_shape lyrnn_trainer_recurrence(const lyrnn_trainer *trainer, bool is_backward);

/* Computes a probe of the first max_steps time steps of the recurrence, or of all of them. It is in
 * the buffers of the training, so that it takes no memory. It holds until the next step, and does
 * not change the training. */
lyrnn_plan_probe lyrnn_trainer_probe(lyrnn_trainer *trainer, bool is_backward, int max_steps);

/* The same for any activations whose inputs are set. shape->T is at most that of the
 * activations. */
lyrnn_plan_probe lyrnn_model_probe(const lyrnn_model *model, lyrnn_activations *activations,
                                   const lyrnn_recurrence_shape *shape);

#endif
