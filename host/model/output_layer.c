/* The output layer: dropout, a projection and torch.nn.Linear, as products of the backend over the
 * rows of some time steps (output_layer.h). */
#include "model/output_layer.h"

#include "lyrnn/philox.h"

/* Offset of the first row of time step t, if a row has `width` floats. */
static size_t offset_of(const lyrnn_output_layer *layer, int t, int width)
{
    return (size_t)t * (size_t)layer->B * (size_t)width;
}

static bool drops_out(const lyrnn_output_layer *layer)
{
    return layer->dropped != NULL && layer->dropout.counters != NULL;
}

/* Applies this step's mask to the outputs of the stack, or to their gradient. */
static void drop_out(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first, int end,
                     const float *x, float *y)
{
    size_t begin = offset_of(layer, first, layer->in), stream = (size_t)layer->in;
    lyrnn_dropout_args args = {
        .T = end - first,
        .count = (size_t)layer->B * stream,
        .p = layer->p,
        .seed = layer->dropout.seed,
        .purpose = LYRNN_PURPOSE_DROPOUT_OUTPUT,
        .per_step = (uint64_t)layer->dropout.num_streams * stream,
        .position = (uint64_t)layer->dropout.first_stream * stream,
        .counters = layer->dropout.counters,
        .x = x + begin,
        .y = y + begin,
    };
    backend->dropout(backend, &args);
}

/* The input of the projection or, without one, of the linear layer: (T,B,D*H). */
static const float *features(const lyrnn_output_layer *layer, const float *outputs)
{
    return drops_out(layer) ? layer->dropped : outputs;
}

void lyrnn_output_layer_forward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                int end, const float *outputs)
{
    if (drops_out(layer))
        drop_out(layer, backend, first, end, outputs, layer->dropped);
    lyrnn_linear_forward_args args = {
        .M = (end - first) * layer->B,
        .in = layer->in,
        .out = layer->width,
        .y_stride = layer->width,
        .batch_invariant = layer->batch_invariant,
        .x = features(layer, outputs) + offset_of(layer, first, layer->in),
    };
    if (layer->projection != NULL) {
        args.weight = layer->projection;
        args.y = layer->projected + offset_of(layer, first, layer->width);
        backend->linear_forward(backend, &args);
        args.x = args.y;
        args.in = layer->width;
    }
    args.out = layer->out;
    args.y_stride = layer->logits_stride;
    args.weight = layer->weight;
    args.bias = layer->bias;
    args.y = layer->logits + offset_of(layer, first, layer->logits_stride);
    backend->linear_forward(backend, &args);
}

void lyrnn_output_layer_backward(const lyrnn_output_layer *layer, lyrnn_backend *backend, int first,
                                 int end, float *doutputs)
{
    bool is_projected = layer->projection != NULL;
    float *dx =
        (is_projected ? layer->dprojected : doutputs) + offset_of(layer, first, layer->width);
    lyrnn_linear_backward_args args = {
        .M = (end - first) * layer->B,
        .in = layer->width,
        .out = layer->out,
        .dy_stride = layer->logits_stride,
        .weight = layer->weight,
        .dy = layer->logits + offset_of(layer, first, layer->logits_stride),
        .dx = dx,
    };
    backend->linear_backward(backend, &args);
    if (is_projected) {
        args.in = layer->in;
        args.out = layer->width;
        args.dy_stride = layer->width;
        args.weight = layer->projection;
        args.dy = dx;
        args.dx = doutputs + offset_of(layer, first, layer->in);
        backend->linear_backward(backend, &args);
    }
    if (drops_out(layer))
        drop_out(layer, backend, first, end, doutputs, doutputs);
}

void lyrnn_output_layer_backward_weights(const lyrnn_output_layer *layer, lyrnn_backend *backend,
                                         int T, const float *outputs)
{
    bool is_projected = layer->projection != NULL;
    lyrnn_linear_backward_weights_args args = {
        .M = T * layer->B,
        .in = layer->width,
        .out = layer->out,
        .dy_stride = layer->logits_stride,
        .x = is_projected ? layer->projected : features(layer, outputs),
        .dy = layer->logits,
        .dweight = layer->dweight,
        .dbias = layer->dbias,
    };
    backend->linear_backward_weights(backend, &args);
    if (layer->sum.length > 0)
        backend->all_reduce(backend, &layer->sum);
    if (!is_projected)
        return;
    args.in = layer->in;
    args.out = layer->width;
    args.dy_stride = layer->width;
    args.x = features(layer, outputs);
    args.dy = layer->dprojected;
    args.dweight = layer->dprojection;
    args.dbias = NULL;
    backend->linear_backward_weights(backend, &args);
}
