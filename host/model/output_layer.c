/* torch.nn.Linear over some rows of the sequence. */
#include "model/output_layer.h"

/* The row at which time step t begins, in rows of `width` floats. */
static size_t row_of(const lyrnn_output_layer *layer, int t, int width)
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
        .x = outputs + row_of(layer, first, layer->in),
        .weight = layer->weight,
        .bias = layer->bias,
        .y = layer->logits + row_of(layer, first, layer->out),
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
        .dy = layer->logits + row_of(layer, first, layer->out),
        .dx = doutputs + row_of(layer, first, layer->in),
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
