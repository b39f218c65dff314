/* What training drops in the recurrent stack: outputs between layers, and weights of W_hh. The
 * masks are drawn again in the backward pass, so none is stored. */
#ifndef LYRNN_STACK_DROPOUT_H
#define LYRNN_STACK_DROPOUT_H

#include <stdbool.h>

#include "model/stack.h"

/* Whether this pass drops outputs of a layer. */
bool lyrnn_stack_drops_out(const lyrnn_stack_pass *pass, int layer);

/* Applies this step's mask to the time steps [first, end) of a layer's output, or of its gradient.
 * x and y are (T,B,D*H); they may be the same. */
void lyrnn_stack_drop_out(const lyrnn_stack_pass *pass, int layer, int first, int end,
                          const float *x, float *y);

/* Applies this step's mask to W_hh, or to its gradient, of all layers and directions. Does nothing
 * if this pass drops no weights. */
void lyrnn_stack_drop_weights(const lyrnn_stack_pass *pass, bool is_gradient);

/* W_hh (G*H,H) as the recurrence of this pass reads it. */
const float *lyrnn_stack_w_hh(const lyrnn_stack_pass *pass, int layer, int direction);

#endif
