/* The output layer: three products of the backend over the rows of some time steps
 * (output_layer.h). */
#include "model/output_layer.h"

/* Offset of the first row of time step t, if a row has `width` floats. */
static size_t offset_of(const lyrnn_output_layer *layer, int t, int width)
{
    return (size_t)t * (size_t)layer->B * (size_t)width;
}

void lyrnn_output_layer_forward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                int end, const float *outputs)
{
    lyrnn_linear_forward_args args = {
        .M = (end - first) * layer->B,
        .in = layer->in,
        .out = layer->out,
        .batch_invariant = layer->batch_invariant,
        .x = outputs + offset_of(layer, first, layer->in),
        .weight = layer->weight,
        .bias = layer->bias,
        .y = layer->logits + offset_of(layer, first, layer->out),
    };
    backend->linear_forward(backend, &args);
}

void lyrnn_output_layer_backward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                 int end, float *doutputs)
{
    lyrnn_linear_backward_args args = {
        .M = (end - first) * layer->B,
        .in = layer->in,
        .out = layer->out,
        .weight = layer->weight,
        .dy = layer->logits + offset_of(layer, first, layer->out),
        .dx = doutputs + offset_of(layer, first, layer->in),
    };
    backend->linear_backward(backend, &args);
}

void lyrnn_output_layer_backward_weights(const lyrnn_output_layer *layer, lyrnn_backend *backend,
                                         int T, const float *outputs)
{
    lyrnn_linear_backward_weights_args args = {
        .M = T * layer->B,
        .in = layer->in,
        .out = layer->out,
        .x = outputs,
        .dy = layer->logits,
        .dweight = layer->dweight,
        .dbias = layer->dbias,
    };
    backend->linear_backward_weights(backend, &args);
}
